import Foundation
import Kernel
import Messaging
import Postgres

/// A person is forgotten: no name, login, telephone or address of his is left here, and everybody is told that he has ended.
///
/// The row of the person stays, nameless, because what must be kept (books, log, consents) refers to it. The facts that leave are whole
/// states with empty contents, so that every service forgets with us; Ledger never knew a name.
struct ErasePerson: Sendable {
    static let surname = "—"
    static let givenName = "—"

    let personID: UUID
    let now: Date

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        try transaction.execute("select from person where id = \(personID) for update")
        try EndSessions.of([personID], because: "erased", now: now, in: transaction, outbox)
        // While it is still known whose affair it was.
        try Audit.note(.erased, by: nil, about: personID, at: now, in: transaction)
        for record in PersonalRecord.all where record.end == .deleted {
            let condition = record.about.map { "t.\($0) = p.id" }.joined(separator: " or ")
            try transaction.execute(
                "delete from \(unescaped: record.table) t using person p where p.id = \(personID) and (\(unescaped: condition))")
        }
        let family = try transaction.rows(
            """
            update guardianship set ended = true, ended_by = coalesce(ended_by, 'deletion'), is_primary = false, relation = null
            where guardian_id = \(personID) or child_id = \(personID) returning guardian_id
            """,
            as: UUID.self)
        // Whom he had let in goes with him; of a child whose first guardian he was the next one comes first.
        let letIn = try transaction.rows(
            """
            update guardianship set ended = true, ended_by = 'giver'
            where granted_by = \(personID) and source = 'family' and not ended returning guardian_id
            """,
            as: UUID.self)
        let children = try transaction.rows("select child_id from guardianship where guardian_id = \(personID)", as: UUID.self)
        try transaction.execute("delete from invitation where issued_by = \(personID) and kind = 'family'")
        let next = try EndMissing.nameFirst(of: children, in: transaction)
        try transaction.execute("update merging set trace = null where kept_id = \(personID) or extra_id = \(personID)")
        try transaction.execute(
            """
            update contact set phone = null, email = null, new_email = null, email_confirmed = false, email_from_school = false,
                roster_line = '', version = version + 1
            where person_id = \(personID)
            """)
        let pupils = try transaction.execute(
            "update pupil set ended = true, version = version + 1 where person_id = \(personID)")
        try transaction.execute("update transfer set reason = '—' where child_id = \(personID) and reason is not null")
        try transaction.execute("update role_held set ended = true, subject = null where person_id = \(personID)")
        try transaction.execute(
            """
            update person set surname = \(Self.surname), given_name = \(Self.givenName), patronymic = null, birth_on = null, room = null,
                roster_number = null, roster_line = '', ended = true, version = version + 1
            where id = \(personID)
            """)
        let touched = Set(family + letIn + next + [personID])
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\(Array(touched)))")
        try TouchedPeople(
            people: [personID], pupils: pupils > 0 ? [personID] : [], rights: touched, contacts: [personID]
        ).publish(to: outbox, in: transaction)
    }
}
