import Events
import Foundation
import Kernel
import Postgres

/// What a person sees of himself in «Профиль – Мои данные».
struct OwnProfile: Sendable, Equatable {
    struct Child: Sendable, Equatable {
        let id: UUID
        let name: PersonName
        let accent: String
        let className: ClassName?
        let schoolName: String
        /// Named by the school, and not let in by another guardian.
        let isLegal: Bool
        let topics: Set<Topic>
    }

    struct Session: Sendable, Equatable {
        let id: UUID
        let startedAt: Date
        let lastSeenAt: Date
        let address: String
        let agent: String
    }

    let kind: InvitationKind
    let name: PersonName
    let birthDate: Day?
    let login: String?
    let phone: String?
    let email: String?
    let isEmailConfirmed: Bool
    /// Entered and waiting for the answer to its letter.
    let newEmail: String?
    let language: String
    /// What stands under his messages (ID-23).
    let signature: String?
    /// Of a pupil.
    let className: ClassName?
    let schoolName: String?
    let children: [Child]
    let sessions: [Session]

    static func read(_ id: UUID, now: Date, in transaction: borrowing Transaction) throws -> OwnProfile? {
        let found = try transaction.first(
            """
            select p.kind, p.surname, p.given_name, p.patronymic, p.birth_on, l.name, c.phone, c.email,
                   coalesce(c.email_confirmed, false), c.new_email, coalesce(c.language, 'ru'), k.grade, k.letter, s.name, c.signature
            from person p left join login l on l.person_id = p.id left join contact c on c.person_id = p.id
                left join pupil u on u.person_id = p.id left join class k on k.id = u.class_id
                left join school s on s.id = u.school_id
            where p.id = \(id)
            """,
            as: String.self, String.self, String.self, String?.self, Day?.self, String?.self, String?.self,
            String?.self, Bool.self, String?.self, String.self, Int?.self, String?.self, String?.self, String?.self)
        guard let row = found else { return nil }
        let children = try transaction.rows(
            """
            select c.id, c.surname, c.given_name, c.patronymic, c.accent, k.grade, k.letter, s.name,
                g.topics, g.source <> 'family'
            from guardianship g join person c on c.id = g.child_id join pupil u on u.person_id = c.id
                join school s on s.id = u.school_id left join class k on k.id = u.class_id
            where g.guardian_id = \(id) and not g.ended and not c.ended
              and (g.until_on is null or g.until_on >= (\(now) at time zone s.time_zone)::date)
            order by c.birth_on, c.given_name, c.id
            """,
            as: UUID.self, String.self, String.self, String?.self, String.self, Int?.self, String?.self, String.self,
            [String].self, Bool.self
        ).map { child in
            Child(
                id: child.0, name: PersonName(surname: child.1, given: child.2, patronymic: child.3), accent: child.4,
                className: Self.className(child.5, child.6), schoolName: child.7, isLegal: child.9,
                topics: Set(child.8.compactMap(Topic.init(rawValue:))))
        }
        let sessions = try transaction.rows(
            """
            select id, started_at, last_seen_at, address, agent from session
            where person_id = \(id) and ended_at is null and expires_at > \(now) order by last_seen_at desc limit 50
            """,
            as: UUID.self, Date.self, Date.self, String.self, String.self
        ).map { Session(id: $0, startedAt: $1, lastSeenAt: $2, address: $3, agent: $4) }
        return OwnProfile(
            kind: InvitationKind(rawValue: row.0) ?? .guardian,
            name: PersonName(surname: row.1, given: row.2, patronymic: row.3), birthDate: row.4, login: row.5,
            phone: row.6, email: row.7, isEmailConfirmed: row.8, newEmail: row.9, language: row.10, signature: row.14,
            className: Self.className(row.11, row.12), schoolName: row.13, children: children, sessions: sessions)
    }

    private static func className(_ grade: Int?, _ letter: String?) -> ClassName? {
        grade.flatMap { grade in letter.map { ClassName(grade: grade, letter: $0) } }
    }
}

/// A browser by its name, as far as its `User-Agent` line tells: «Chrome, Windows».
struct BrowserName: Equatable, Sendable {
    let text: String

    init(_ agent: String) {
        let programs = [("YaBrowser", "Яндекс Браузер"), ("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"),
                        ("Chrom", "Chrome"), ("Safari", "Safari"), ("curl", "curl")]
        let systems = [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
                       ("Mac OS X", "macOS"), ("Linux", "Linux")]
        let program = programs.first { agent.contains($0.0) }?.1
        let system = systems.first { agent.contains($0.0) }?.1
        text = [program, system].compactMap(\.self).joined(separator: ", ")
    }
}
