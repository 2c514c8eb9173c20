import Events
import Foundation
import Kernel
import Postgres

/// A parent lets another adult in (ID-30): for some of the children he answers for, some topics and a term, by a code that is
/// shown once and good once.
struct InviteAdult: Sendable {
    let giverID: UUID
    let children: [UUID]
    let terms: TypedTerms
    /// What the family calls the adult: «Бабушка».
    let label: String
    let now: Date
    /// How long the code is good; the family hands it over itself, so it need not last as long as the school's.
    static let goodFor: TimeInterval = 14 * 86_400
    /// How many unused codes one guardian may have out.
    static let most = 10

    struct Issued: Sendable, Equatable {
        let code: InvitationCode
        let label: String
        let children: [PersonName]
        let terms: GrantTerms
        let schoolName: String
        let expiresAt: Date
    }

    /// - Throws: ``ProfileRefused`` by field; nothing has happened then.
    func run(_ database: Database, _ bench: HashingBench) async throws -> Issued {
        let code = InvitationCode.random()
        let hash = try await bench.run { try PasswordHash.ofCode(code) }
        return try await database.transaction { transaction in
            let (children, schoolID, schoolName, today) = try chosen(in: transaction)
            let terms = try checked(hasChildren: !children.isEmpty, today: today)
            guard let schoolID else { throw Self.noChild }
            let open = try transaction.first(
                """
                select count(*) from invitation where issued_by = \(giverID) and kind = 'family' and used_at is null
                    and revoked_at is null and expires_at > \(now)
                """, as: Int.self)
            guard (open ?? 0) < Self.most else {
                throw ProfileRefused(fields: ["child": "There are many unused invitations already. Revoke one first."])
            }
            let id = UUID.v7(at: now)
            let expiresAt = now.addingTimeInterval(Self.goodFor)
            try transaction.execute(
                """
                insert into invitation (id, kind, code_hash, school_id, child_id, issued_at, issued_by, expires_at, label)
                values (\(id), 'family', \(hash), \(schoolID), \(children[0].id), \(now), \(giverID), \(expiresAt),
                        nullif(\(label.trimmed), ''))
                """)
            try transaction.execute(
                """
                insert into offered_grant (invitation_id, child_id, topics, until_on)
                select \(id), child, \(terms.listed.map(\.rawValue))::text[], \(terms.until)
                from unnest(\(children.map(\.id))::uuid[]) as child
                """)
            return Issued(
                code: code, label: label.trimmed, children: children.map(\.name), terms: terms, schoolName: schoolName,
                expiresAt: expiresAt)
        }
    }

    private static let noChild = ProfileRefused(fields: ["child": "Choose at least one of your children."])

    /// Everything that is wrong at once.
    private func checked(hasChildren: Bool, today: Day) throws -> GrantTerms {
        var wrong: [String: FieldMessage] = hasChildren ? [:] : Self.noChild.fields
        if label.trimmed.count > 60 { wrong["label"] = "That is longer than 60 characters." }
        do {
            let checked = try terms.checked(today: today)
            if wrong.isEmpty { return checked }
        } catch {
            wrong.merge(error.fields) { own, _ in own }
        }
        throw ProfileRefused(fields: wrong)
    }

    /// The chosen children for whom the giver answers; a child that is not his does not exist here.
    private func chosen(
        in transaction: borrowing Transaction
    ) throws -> (children: [(id: UUID, name: PersonName)], schoolID: UUID?, schoolName: String, today: Day) {
        let rows = try transaction.rows(
            """
            select c.id, c.surname, c.given_name, c.patronymic, s.id, s.name, s.time_zone
            from guardianship g join person c on c.id = g.child_id and not c.ended
                join pupil u on u.person_id = c.id and not u.ended join school s on s.id = u.school_id
            where g.guardian_id = \(giverID) and g.child_id = any(\(children)) and g.source <> 'family' and not g.ended
            order by c.birth_on, c.given_name, c.id
            for update of g
            """,
            as: UUID.self, String.self, String.self, String?.self, UUID.self, String.self, String.self)
        // Some of them his and one not: the whole wish is refused, so that nobody learns which.
        let isWhole = Set(rows.map(\.0)) == Set(children)
        // A term must not be over at any of the schools.
        let today = rows.map { (SchoolZone($0.6) ?? .moscow).day(of: now) }.max() ?? SchoolZone.moscow.day(of: now)
        return (
            isWhole ? rows.map { ($0.0, PersonName(surname: $0.1, given: $0.2, patronymic: $0.3)) } : [],
            rows.first?.4, rows.first?.5 ?? "", today)
    }
}

/// An invitation of the family that nobody shall use any more.
struct RevokeFamilyInvitation: Sendable {
    let id: UUID
    let giverID: UUID
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            update invitation set revoked_at = \(now)
            where id = \(id) and kind = 'family' and issued_by = \(giverID) and used_at is null and revoked_at is null
            """)
    }
}
