import Events
import Foundation
import Kernel
import Postgres

/// Who sees a guardian's children, what of them and until when (ID-30): everybody for whom he is the first guardian, of the
/// others only what he himself was given. No contact of anybody (ID-11, BY-10).
struct FamilyAccess: Sendable {
    /// How somebody came to a child.
    enum Origin: String, Sendable {
        case roster, code, family
    }

    struct Adult: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let relation: String?
        let origin: Origin
        let terms: GrantTerms
        let isPrimary: Bool
        let grantedAt: Date
    }

    struct Child: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let accent: Accent
        let className: ClassName?
        let schoolName: String
        /// Whether the reader is the first guardian: he lets others in and sees who looked.
        let isMine: Bool
        /// What the reader himself sees, and who lets him in.
        let own: Adult
        let giver: PersonName?
        /// Everybody else who sees the child; empty where the reader is not the first guardian.
        let others: [Adult]
    }

    struct Open: Sendable, Equatable {
        let id: UUID
        let label: String?
        let children: [PersonName]
        let terms: GrantTerms
        let expiresAt: Date
    }

    let children: [Child]
    /// Invitations that are out.
    let open: [Open]
    /// The zones of the children's schools, for «today».
    let zones: [SchoolZone]

    static func read(for reader: UUID, now: Date, in transaction: borrowing Transaction) throws -> FamilyAccess {
        let places = try transaction.rows(
            """
            select c.id, c.surname, c.given_name, c.patronymic, c.accent, k.grade, k.letter, s.name, s.time_zone
            from guardianship g join person c on c.id = g.child_id and not c.ended
                join pupil u on u.person_id = c.id join school s on s.id = u.school_id
                left join class k on k.id = u.class_id
            where g.guardian_id = \(reader) and not g.ended
              and (g.until_on is null or g.until_on >= (\(now) at time zone s.time_zone)::date)
            order by c.birth_on, c.given_name, c.id
            """,
            as: UUID.self, String.self, String.self, String?.self, String.self, Int?.self, String?.self, String.self,
            String.self)
        var adults: [UUID: [Adult]] = [:]
        var givers: [UUID: PersonName] = [:]
        for row in try transaction.rows(
            """
            select g.child_id, p.id, p.surname, p.given_name, p.patronymic, g.relation, g.source, g.topics, g.until_on,
                   g.is_primary, g.granted_at
            from guardianship g join person p on p.id = g.guardian_id and not p.ended
                join pupil u on u.person_id = g.child_id join school s on s.id = u.school_id
            where g.child_id = any(\(places.map(\.0))) and not g.ended
              and (g.until_on is null or g.until_on >= (\(now) at time zone s.time_zone)::date)
            order by g.is_primary desc, g.source desc, p.search_name, p.id
            """,
            as: UUID.self, UUID.self, String.self, String.self, String?.self, String?.self, String.self, [String].self,
            Day?.self, Bool.self, Date.self)
        {
            adults[row.0, default: []].append(
                Adult(
                    id: row.1, name: PersonName(surname: row.2, given: row.3, patronymic: row.4), relation: row.5,
                    origin: Origin(rawValue: row.6) ?? .family,
                    terms: GrantTerms(topics: Set(row.7.compactMap(Topic.init(rawValue:))), until: row.8), isPrimary: row.9,
                    grantedAt: row.10))
        }
        for (child, surname, given, patronymic) in try transaction.rows(
            """
            select g.child_id, p.surname, p.given_name, p.patronymic from guardianship g join person p on p.id = g.granted_by
            where g.guardian_id = \(reader) and not g.ended
            """, as: UUID.self, String.self, String.self, String?.self)
        {
            givers[child] = PersonName(surname: surname, given: given, patronymic: patronymic)
        }
        let children = places.compactMap { row -> Child? in
            let all = adults[row.0] ?? []
            guard let own = all.first(where: { $0.id == reader }) else { return nil }
            return Child(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                accent: Accent(rawValue: row.4) ?? .sea,
                className: row.5.flatMap { grade in row.6.map { ClassName(grade: grade, letter: $0) } }, schoolName: row.7,
                isMine: own.isPrimary, own: own, giver: givers[row.0],
                others: own.isPrimary ? all.filter { $0.id != reader } : [])
        }
        let zones = places.map { SchoolZone($0.8) ?? .moscow }
        return FamilyAccess(children: children, open: try openInvitations(of: reader, now: now, in: transaction), zones: zones)
    }

    private static func openInvitations(
        of giver: UUID, now: Date, in transaction: borrowing Transaction
    ) throws -> [Open] {
        var open: [Open] = []
        for (id, label, expiresAt) in try transaction.rows(
            """
            select id, label, expires_at from invitation
            where issued_by = \(giver) and kind = 'family' and used_at is null and revoked_at is null and expires_at > \(now)
            order by issued_at desc, id
            """, as: UUID.self, String?.self, Date.self)
        {
            let offers = try OfferedGrant.standing(of: id, now: now, in: transaction)
            guard let first = offers.first else { continue }
            open.append(
                Open(id: id, label: label, children: offers.map(\.childName), terms: first.terms, expiresAt: expiresAt))
        }
        return open
    }
}
