import Events
import Foundation
import Kernel
import Postgres

/// Mergings as the curators of their schools see them.
struct Merging: Sendable, Equatable {
    let id: UUID
    let keptID: UUID
    let kept: PersonName
    let extra: PersonName
    let by: PersonName
    let at: Date
    let undoUntil: Date
    let undoneAt: Date?

    /// Those of somebody's schools, newest first.
    static func list(of schools: [UUID], in transaction: borrowing Transaction) throws -> [Merging] {
        try read("m.schools <@ \(schools)::uuid[] order by m.merged_at desc, m.id limit 100", in: transaction)
    }

    static func one(_ id: UUID, in transaction: borrowing Transaction) throws -> Merging? {
        try read("m.id = \(id)", in: transaction).first
    }

    private static func read(_ condition: SQL, in transaction: borrowing Transaction) throws -> [Merging] {
        try transaction.rows(
            """
            select m.id, m.kept_id, k.surname, k.given_name, k.patronymic, e.surname, e.given_name, e.patronymic,
                   b.surname, b.given_name, b.patronymic, m.merged_at, m.undo_until, m.undone_at
            from merging m join person k on k.id = m.kept_id join person e on e.id = m.extra_id
                join person b on b.id = m.merged_by
            where \(condition)
            """,
            as: UUID.self, UUID.self, String.self, String.self, String?.self, String.self, String.self, String?.self, String.self,
            String.self, String?.self, Date.self, Date.self, Date?.self
        ).map { row in
            Merging(
                id: row.0, keptID: row.1, kept: PersonName(surname: row.2, given: row.3, patronymic: row.4),
                extra: PersonName(surname: row.5, given: row.6, patronymic: row.7),
                by: PersonName(surname: row.8, given: row.9, patronymic: row.10), at: row.11, undoUntil: row.12,
                undoneAt: row.13)
        }
    }

    /// Forgets what could be taken back when it no longer can: it holds an old contact.
    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "update merging set trace = null where trace is not null and (undo_until < \(now) or undone_at is not null)")
    }
}

/// Two accounts beside each other, before anybody decides (ID-29). Of contacts only whether there are any and whether they are
/// the same: the curator reads none (ID-11).
struct MergingPreview: Sendable {
    struct Account: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let login: String?
        let rosterNumber: String?
        let lastSeenAt: Date?
        let sessions: Int
        let hasPhone: Bool
        let hasEmail: Bool
        let children: [Child]
    }

    struct Child: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let className: ClassName?
        let schoolName: String
        let isPrimary: Bool
        let terms: GrantTerms
    }

    let kept: Account
    let extra: Account
    let hasSamePhone: Bool
    let hasSameEmail: Bool
    /// What the account that stays would see.
    let children: [Child]
    let refusal: MergingRefused?

    /// - Returns: nil when one of the two is nobody.
    static func read(_ check: MergingCheck, in transaction: borrowing Transaction) throws -> MergingPreview? {
        let states = try (
            kept: GuardianshipState.present(of: check.keptID, in: transaction),
            extra: GuardianshipState.present(of: check.extraID, in: transaction)
        )
        let names = try Names.of(states.kept + states.extra, in: transaction)
        func children(_ states: [GuardianshipState]) -> [Child] {
            states.compactMap { state in
                guard !state.ended, let place = names[state.childID], state.holds(on: place.zone.day(of: check.now)) else { return nil }
                return Child(
                    id: state.childID, name: place.name, className: place.className, schoolName: place.school,
                    isPrimary: state.isPrimary, terms: state.terms)
            }.sorted { ($0.name.listed, $0.id.uuidString) < ($1.name.listed, $1.id.uuidString) }
        }
        guard let kept = try account(check.keptID, children(states.kept), now: check.now, in: transaction),
            let extra = try account(check.extraID, children(states.extra), now: check.now, in: transaction)
        else { return nil }
        let same = try transaction.first(
            """
            select coalesce(a.phone = b.phone, false), coalesce(lower(coalesce(a.email, a.new_email)) = lower(coalesce(b.email, b.new_email)), false)
            from contact a, contact b where a.person_id = \(check.keptID) and b.person_id = \(check.extraID)
            """, as: Bool.self, Bool.self)
        var refusal: MergingRefused?
        var after: [GuardianshipState] = []
        do {
            after = try check.run(kept: states.kept, extra: states.extra, in: transaction).after
        } catch let refused as MergingRefused {
            refusal = refused
        }
        let touched = Set(after.map(\.childID))
        return MergingPreview(
            kept: kept, extra: extra, hasSamePhone: same?.0 ?? false, hasSameEmail: same?.1 ?? false,
            children: children(states.kept.filter { !touched.contains($0.childID) } + after), refusal: refusal)
    }

    private static func account(
        _ id: UUID, _ children: [Child], now: Date, in transaction: borrowing Transaction
    ) throws -> Account? {
        try transaction.first(
            """
            select p.surname, p.given_name, p.patronymic, l.name, p.roster_number,
                (select max(x.last_seen_at) from session x where x.person_id = p.id),
                (select count(*) from session x where x.person_id = p.id and x.ended_at is null and x.expires_at > \(now)),
                coalesce(c.phone is not null, false), coalesce(coalesce(c.email, c.new_email) is not null, false)
            from person p left join login l on l.person_id = p.id left join contact c on c.person_id = p.id where p.id = \(id)
            """,
            as: String.self, String.self, String?.self, String?.self, String?.self, Date?.self, Int.self, Bool.self, Bool.self
        ).map { row in
            Account(
                id: id, name: PersonName(surname: row.0, given: row.1, patronymic: row.2), login: row.3, rosterNumber: row.4,
                lastSeenAt: row.5, sessions: row.6, hasPhone: row.7, hasEmail: row.8, children: children)
        }
    }
}

/// Names and places of children.
private enum Names {
    struct Place {
        let name: PersonName
        let className: ClassName?
        let school: String
        let zone: SchoolZone
    }

    static func of(_ states: [GuardianshipState], in transaction: borrowing Transaction) throws -> [UUID: Place] {
        Dictionary(
            try transaction.rows(
                """
                select c.id, c.surname, c.given_name, c.patronymic, k.grade, k.letter, s.name, s.time_zone
                from person c join pupil u on u.person_id = c.id join school s on s.id = u.school_id
                    left join class k on k.id = u.class_id
                where c.id = any(\(states.map(\.childID)))
                """,
                as: UUID.self, String.self, String.self, String?.self, Int?.self, String?.self, String.self, String.self
            ).map { row in
                (
                    row.0,
                    Place(
                        name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                        className: row.4.flatMap { grade in row.5.map { ClassName(grade: grade, letter: $0) } },
                        school: row.6, zone: SchoolZone(row.7) ?? .moscow)
                )
            }, uniquingKeysWith: { $1 })
    }
}
