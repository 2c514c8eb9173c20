import Events
import Foundation
import Kernel
import Postgres

/// People of the schools somebody looks after, by a piece of their name, their class, login or roster number.
///
/// «е» finds «ё» and the other way round; a word that reads as a class («7Б») narrows to its pupils.
struct FindPeople: Sendable {
    let text: String
    /// The schools of whoever looks.
    let schools: [UUID]
    var limit = 60

    struct Found: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let kind: InvitationKind
        let rosterNumber: String?
        let className: ClassName?
        let roles: [Role]
        /// The children of a guardian, «Ветрова Анна, 7 «Б»».
        let children: [String]
        let login: String?
    }

    func run(in transaction: borrowing Transaction) throws -> [Found] {
        let key = LoginName.key(text)
        let words = key.split(whereSeparator: \.isWhitespace).map(String.init)
        let className = ClassName(text.trimmed)
        return try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic, p.kind, p.roster_number, k.grade, k.letter,
                coalesce((select array_agg(distinct r.role order by r.role) from role_held r
                          where r.person_id = p.id and not r.ended), '{}'),
                coalesce((select array_agg(c.surname || ' ' || c.given_name
                                || coalesce(', ' || ck.grade || ' «' || ck.letter || '»', '') order by c.surname, c.given_name)
                          from guardianship g join person c on c.id = g.child_id
                              left join pupil cu on cu.person_id = c.id left join class ck on ck.id = cu.class_id
                          where g.guardian_id = p.id and not g.ended), '{}'),
                l.name
            from person p left join pupil u on u.person_id = p.id left join class k on k.id = u.class_id
                left join login l on l.person_id = p.id
            where not p.ended
              and ((\(className?.grade ?? 0) = k.grade and \(className?.letter ?? "") in (k.letter, ''))
                or (\(!words.isEmpty) and (select bool_and(p.search_name like '%' || word || '%')
                                           from unnest(\(words.map(Self.literal))::text[]) as word))
                or l.name_key = \(key) or lower(p.roster_number collate "und-x-icu") = \(key))
              and exists (
                select from pupil x where x.person_id = p.id and x.school_id = any(\(schools)) and not x.ended
                union all
                select from role_held x where x.person_id = p.id and x.school_id = any(\(schools)) and not x.ended
                union all
                select from guardianship x join pupil y on y.person_id = x.child_id
                where x.guardian_id = p.id and y.school_id = any(\(schools)) and not x.ended)
            order by p.search_name, p.id limit \(limit)
            """,
            as: UUID.self, String.self, String.self, String?.self, String.self, String?.self, Int?.self, String?.self,
            [String].self, [String].self, String?.self
        ).map { row in
            Found(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                kind: InvitationKind(rawValue: row.4) ?? .guardian, rosterNumber: row.5,
                className: row.6.flatMap { grade in row.7.map { ClassName(grade: grade, letter: $0) } },
                roles: row.8.compactMap(Role.init(rawValue:)), children: row.9, login: row.10)
        }
    }

    /// A typed `%` or `_` is no pattern.
    static func literal(_ word: String) -> String {
        word.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
    }
}

/// One person as the curator sees him: the login, never the contacts (ID-11) and never a password (D-04).
struct PersonCard: Sendable, Equatable {
    struct Relative: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let relation: String?
        let className: ClassName?
        let isRegistered: Bool
    }

    let id: UUID
    let name: PersonName
    let kind: InvitationKind
    let rosterNumber: String?
    let birthDate: Day?
    let classID: UUID?
    let className: ClassName?
    let schoolName: String?
    let accountNumber: String?
    let pupilCode: String?
    let roles: [Role]
    let relatives: [Relative]
    let login: String?
    let mustChange: Bool
    let lastSeenAt: Date?

    static func read(_ id: UUID, in transaction: borrowing Transaction) throws -> PersonCard? {
        let found = try transaction.first(
            """
            select p.surname, p.given_name, p.patronymic, p.kind, p.roster_number, p.birth_on, u.class_id,
                   coalesce(s.name, (select min(x.name) from role_held r join school x on x.id = r.school_id
                                     where r.person_id = p.id and not r.ended)),
                   u.account_number, u.pupil_code, l.name, coalesce(l.must_change, false),
                   (select max(x.last_seen_at) from session x where x.person_id = p.id), k.grade, k.letter
            from person p left join pupil u on u.person_id = p.id left join class k on k.id = u.class_id
                left join school s on s.id = u.school_id left join login l on l.person_id = p.id
            where p.id = \(id)
            """,
            as: String.self, String.self, String?.self, String.self, String?.self, Day?.self, UUID?.self,
            String?.self, String?.self, String?.self, String?.self, Bool.self, Date?.self, Int?.self, String?.self)
        guard let row = found else { return nil }
        let roles = try transaction.rows(
            "select distinct role from role_held where person_id = \(id) and not ended order by role", as: String.self)
        let relatives = try transaction.rows(
            """
            select r.id, r.surname, r.given_name, r.patronymic, g.relation, k.grade, k.letter,
                   exists (select from login l where l.person_id = r.id)
            from guardianship g
                join person r on r.id = case when g.guardian_id = \(id) then g.child_id else g.guardian_id end
                left join pupil u on u.person_id = r.id left join class k on k.id = u.class_id
            where (g.guardian_id = \(id) or g.child_id = \(id)) and not g.ended and not r.ended
            order by r.search_name, r.id
            """,
            as: UUID.self, String.self, String.self, String?.self, String?.self, Int?.self, String?.self, Bool.self
        ).map { relative in
            Relative(
                id: relative.0, name: PersonName(surname: relative.1, given: relative.2, patronymic: relative.3),
                relation: relative.4,
                className: relative.5.flatMap { grade in relative.6.map { ClassName(grade: grade, letter: $0) } },
                isRegistered: relative.7)
        }
        return PersonCard(
            id: id, name: PersonName(surname: row.0, given: row.1, patronymic: row.2),
            kind: InvitationKind(rawValue: row.3) ?? .guardian, rosterNumber: row.4, birthDate: row.5, classID: row.6,
            className: row.13.flatMap { grade in row.14.map { ClassName(grade: grade, letter: $0) } },
            schoolName: row.7, accountNumber: row.8, pupilCode: row.9,
            roles: roles.compactMap(Role.init(rawValue:)), relatives: relatives, login: row.10, mustChange: row.11,
            lastSeenAt: row.12)
    }
}

/// Which schools people belong to, and which somebody looks after.
enum SchoolsOf {
    /// The schools at which a person holds one of the roles.
    static func keeper(_ id: UUID, _ roles: [Role], in transaction: borrowing Transaction) throws -> [UUID] {
        try transaction.rows(
            """
            select distinct school_id from role_held
            where person_id = \(id) and role = any(\(roles.map(\.rawValue))) and not ended order by 1
            """,
            as: UUID.self)
    }

    /// The schools a person has to do with: by learning, working, or a child.
    static func person(_ id: UUID, in transaction: borrowing Transaction) throws -> [UUID] {
        try transaction.rows(
            """
            select school_id from pupil where person_id = \(id) and not ended
            union select school_id from role_held where person_id = \(id) and not ended
            union select u.school_id from guardianship g join pupil u on u.person_id = g.child_id
                where g.guardian_id = \(id) and not g.ended
            order by 1
            """,
            as: UUID.self)
    }
}
