import Foundation
import Kernel
import Postgres

/// What stands in a child's contract, and whether it is signed (ID-31, ID-32).
struct ContractFacts: Sendable, Equatable {
    struct Guardian: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let relation: String?
        let isRegistered: Bool
    }

    struct Signed: Sendable, Equatable {
        let guardianID: UUID
        let guardianName: PersonName
        let on: Day
        let enteredBy: PersonName
    }

    let childID: UUID
    let childName: PersonName
    let accent: String
    let classID: UUID?
    let className: ClassName?
    let schoolName: String
    let accountNumber: String
    let pupilCode: String
    let guardians: [Guardian]
    let signed: Signed?
    let pinSetAt: Date?

    static func read(_ child: UUID, in transaction: borrowing Transaction) throws -> ContractFacts? {
        let found = try transaction.first(
            """
            select p.surname, p.given_name, p.patronymic, p.accent, u.class_id, k.grade, k.letter, s.name, u.account_number,
                u.pupil_code, n.set_at
            from pupil u join person p on p.id = u.person_id join school s on s.id = u.school_id
                left join class k on k.id = u.class_id left join pin n on n.child_id = u.person_id
            where u.person_id = \(child) and not u.ended
            """,
            as: String.self, String.self, String?.self, String.self, UUID?.self, Int?.self, String?.self, String.self, String.self,
            String.self, Date?.self)
        guard let row = found else { return nil }
        let guardians = try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic, g.relation, exists (select from login l where l.person_id = p.id)
            from guardianship g join person p on p.id = g.guardian_id
            where g.child_id = \(child) and not g.ended and not p.ended and g.source <> 'family'
            order by g.is_primary desc, p.search_name, p.id
            """,
            as: UUID.self, String.self, String.self, String?.self, String?.self, Bool.self
        ).map {
            Guardian(id: $0.0, name: PersonName(surname: $0.1, given: $0.2, patronymic: $0.3), relation: $0.4, isRegistered: $0.5)
        }
        let signed = try transaction.first(
            """
            select c.guardian_id, g.surname, g.given_name, g.patronymic, c.signed_on, e.surname, e.given_name, e.patronymic
            from contract c join person g on g.id = c.guardian_id join person e on e.id = c.entered_by
            where c.child_id = \(child) and c.ended_at is null
            """,
            as: UUID.self, String.self, String.self, String?.self, Day.self, String.self, String.self, String?.self)
        return ContractFacts(
            childID: child, childName: PersonName(surname: row.0, given: row.1, patronymic: row.2), accent: row.3, classID: row.4,
            className: row.5.flatMap { grade in row.6.map { ClassName(grade: grade, letter: $0) } }, schoolName: row.7,
            accountNumber: row.8, pupilCode: row.9, guardians: guardians,
            signed: signed.map {
                Signed(
                    guardianID: $0.0, guardianName: PersonName(surname: $0.1, given: $0.2, patronymic: $0.3), on: $0.4,
                    enteredBy: PersonName(surname: $0.5, given: $0.6, patronymic: $0.7))
            },
            pinSetAt: row.10)
    }

    var spacedNumber: String { AccountNumber.spaced(accountNumber) }
}

/// Staff have seen the signature (ID-31: access comes after it). A later contract takes the place of the earlier one.
struct EnterSignature: Sendable {
    let childID: UUID
    let guardianID: UUID
    let signedOn: Day
    let by: UUID
    let now: Date

    enum Refused: Error, Sendable, Equatable, CaseIterable {
        case notGuardian, inFuture, longAgo

        /// English; the catalogue has the Russian.
        var text: String {
            switch self {
            case .notGuardian: "Choose who has signed."
            case .inFuture: "A contract is not signed in the future."
            case .longAgo: "That day is too long ago."
            }
        }
    }

    /// - Throws: ``Refused``.
    func run(in transaction: borrowing Transaction, today: Day) throws {
        if signedOn > today { throw Refused.inFuture }
        if signedOn.days(until: today) > 366 * 12 { throw Refused.longAgo }
        let isGuardian = try transaction.first(
            """
            select exists (select from guardianship g join pupil u on u.person_id = g.child_id
                where g.guardian_id = \(guardianID) and g.child_id = \(childID) and not g.ended and not u.ended
                    and g.source <> 'family')
            """,
            as: Bool.self)
        guard isGuardian == true else { throw Refused.notGuardian }
        // Two at once meet here; the index keeps one.
        try transaction.execute("select 1 from pupil where person_id = \(childID) for update")
        try transaction.execute("update contract set ended_at = \(now) where child_id = \(childID) and ended_at is null")
        try transaction.execute(
            """
            insert into contract (id, child_id, guardian_id, signed_on, entered_by, entered_at)
            values (\(UUID.v7(at: now)), \(childID), \(guardianID), \(signedOn), \(by), \(now))
            """)
        try Audit.note(.contractMade, by: by, about: childID, at: now, in: transaction)
    }
}
