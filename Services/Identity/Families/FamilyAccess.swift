import Events
import Foundation
import Kernel
import Postgres

/// Who sees a guardian's children, what of them and until when (ID-30): everybody where he answers for the child, elsewhere
/// only what he himself was given. No contact of anybody (ID-11, BY-10).
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
        let grantedAt: Date
        /// Who let him in, where a family did.
        let giver: PersonName?
    }

    struct Child: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let accent: Accent
        let className: ClassName?
        let schoolName: String
        /// Whether the reader answers for the child: he lets others in and sees who looked.
        let isMine: Bool
        /// What the reader himself sees.
        let own: Adult
        /// Everybody else who sees the child; empty where the reader was let in himself.
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
        for row in try transaction.rows(
            """
            select g.child_id, p.id, p.surname, p.given_name, p.patronymic, g.relation, g.source, g.topics, g.until_on,
                   g.granted_at, b.surname, b.given_name, b.patronymic
            from guardianship g join person p on p.id = g.guardian_id and not p.ended
                join pupil u on u.person_id = g.child_id join school s on s.id = u.school_id
                left join person b on b.id = g.granted_by
            where g.child_id = any(\(places.map(\.0))) and not g.ended
              and (g.until_on is null or g.until_on >= (\(now) at time zone s.time_zone)::date)
            order by g.is_primary desc, g.source desc, p.search_name, p.id
            """,
            as: UUID.self, UUID.self, String.self, String.self, String?.self, String?.self, String.self, [String].self,
            Day?.self, Date.self, String?.self, String?.self, String?.self)
        {
            adults[row.0, default: []].append(
                Adult(
                    id: row.1, name: PersonName(surname: row.2, given: row.3, patronymic: row.4), relation: row.5,
                    origin: Origin(rawValue: row.6) ?? .family,
                    terms: GrantTerms(topics: Set(row.7.compactMap(Topic.init(rawValue:))), until: row.8),
                    grantedAt: row.9,
                    giver: row.10.flatMap { surname in row.11.map { PersonName(surname: surname, given: $0, patronymic: row.12) } }))
        }
        let children = places.compactMap { row -> Child? in
            let all = adults[row.0] ?? []
            guard let own = all.first(where: { $0.id == reader }) else { return nil }
            let isMine = own.origin != .family
            return Child(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                accent: Accent(rawValue: row.4) ?? .sea,
                className: row.5.flatMap { grade in row.6.map { ClassName(grade: grade, letter: $0) } }, schoolName: row.7,
                isMine: isMine, own: own, others: isMine ? all.filter { $0.id != reader } : [])
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
