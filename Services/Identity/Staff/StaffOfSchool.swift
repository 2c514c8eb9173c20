import Events
import Foundation
import Kernel
import Postgres

/// A role as it is shown: where, which, for what.
struct HeldRole: Sendable, Equatable {
    let id: UUID
    let schoolID: UUID
    let schoolName: String
    let role: Role
    let className: ClassName?
    let subject: String?
    /// Whether it was given on a page and not by the school's lists.
    let isAppointed: Bool

    /// All roles of a person at all schools.
    static func of(_ personID: UUID, in transaction: borrowing Transaction) throws -> [HeldRole] {
        try rows("r.person_id = \(personID)", in: transaction).map(\.1)
    }

    /// Whose roles they are, with each role of a school.
    fileprivate static func rows(_ condition: SQL, in transaction: borrowing Transaction) throws -> [(UUID, HeldRole)] {
        try transaction.rows(
            """
            select r.person_id, r.id, s.id, s.name, r.role, c.grade, c.letter, r.subject, r.source = 'appointment'
            from role_held r join school s on s.id = r.school_id left join class c on c.id = r.class_id
            where not r.ended and \(condition) order by s.name, s.id, r.role, c.grade, c.letter, r.id
            """,
            as: UUID.self, UUID.self, UUID.self, String.self, String.self, Int?.self, String?.self, String?.self, Bool.self
        ).compactMap { row in
            Role(rawValue: row.4).map { role in
                (
                    row.0,
                    HeldRole(
                        id: row.1, schoolID: row.2, schoolName: row.3, role: role,
                        className: row.5.flatMap { grade in row.6.map { ClassName(grade: grade, letter: $0) } }, subject: row.7,
                        isAppointed: row.8)
                )
            }
        }
    }
}

/// Everybody who works at a school.
struct StaffMember: Sendable, Equatable {
    let id: UUID
    let name: PersonName
    let roles: [HeldRole]
    let isRegistered: Bool
    let hasSecondFactor: Bool

    static func of(_ school: UUID, in transaction: borrowing Transaction) throws -> [StaffMember] {
        let roles = Dictionary(grouping: try HeldRole.rows("r.school_id = \(school)", in: transaction), by: \.0)
        return try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic, exists (select from login l where l.person_id = p.id),
                exists (select from second_factor f where f.person_id = p.id and f.confirmed_at is not null)
            from person p
            where not p.ended
              and exists (select from role_held r where r.person_id = p.id and r.school_id = \(school) and not r.ended)
            order by p.search_name, p.id
            """,
            as: UUID.self, String.self, String.self, String?.self, Bool.self, Bool.self
        ).map { row in
            StaffMember(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                roles: (roles[row.0] ?? []).map(\.1), isRegistered: row.4, hasSecondFactor: row.5)
        }
    }
}

/// What a school has decided about signing in.
struct SchoolRules: Sendable, Equatable {
    let id: UUID
    let name: String
    var needsSecondFactor: Bool
    /// D-03.
    var allowsPasswordSigns: Bool

    /// Of those who need the second step by the rule, how many have it.
    static func read(_ school: UUID, in transaction: borrowing Transaction) throws -> SchoolRules? {
        try transaction.first(
            "select name, second_factor, password_signs from school where id = \(school) and not ended",
            as: String.self, Bool.self, Bool.self
        ).map { SchoolRules(id: school, name: $0, needsSecondFactor: $1, allowsPasswordSigns: $2) }
    }
}

/// A school decides otherwise about signing in. Who needs a second step now and has none sets it up within minutes: his session ends
/// at its next renewal.
struct ChangeSchoolRules: Sendable {
    let school: UUID
    let needsSecondFactor: Bool
    let allowsPasswordSigns: Bool
    let by: UUID
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        let changed = try transaction.execute(
            """
            update school set second_factor = \(needsSecondFactor), password_signs = \(allowsPasswordSigns)
            where id = \(school) and (second_factor, password_signs) is distinct from (\(needsSecondFactor), \(allowsPasswordSigns))
            """)
        guard changed > 0 else { return }
        try Audit.note(
            .schoolRulesChanged, by: by, school: school,
            detail: [
                "second step": needsSecondFactor ? "required" : "free choice",
                "signs in passwords": allowsPasswordSigns ? "allowed" : "forbidden",
            ], at: now, in: transaction)
    }
}
