import Events
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
                signature = null, roster_line = '', version = version + 1
            where person_id = \(personID)
            """)
        if let number = try transaction.first(
            "select roster_number from person where id = \(personID) and kind = 'guardian' and roster_number is not null", as: String.self)
        {
            try ForgottenNumbers.note(number, now: now, in: transaction)
        }
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
        guard let version = try transaction.first("select version from person where id = \(personID)", as: Int64.self) else { return }
        try outbox.publish(PersonErased(personID: personID, version: version, at: now), in: transaction)
    }

    /// Who has been forgotten, to be said again.
    static func facts(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [PersonErased] {
        try transaction.rows(
            """
            select p.id, p.version, max(r.done_at) from deletion_request r join person p on p.id = r.person_id
            where r.done_at is not null and (\(after)::uuid is null or p.id > \(after)::uuid)
            group by p.id, p.version order by p.id limit \(limit)
            """, as: UUID.self, Int64.self, Date.self
        ).map { PersonErased(personID: $0.0, version: $0.1, at: $0.2) }
    }
}
