import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A session as its browser holds it.
struct OpenedSession: Sendable, Equatable {
    let id: UUID
    let personID: UUID
    let renewal: RandomToken
    let expiresAt: Date
}

/// Someone has proved who he is: a session with its first renewal token.
struct OpenSession: Sendable {
    let personID: UUID
    let address: String
    let agent: String
    /// The browser's token.
    let device: RandomToken
    let now: Date

    func run(in transaction: borrowing Transaction) throws -> OpenedSession {
        let id = UUID.v7(at: now)
        let expiresAt = now.addingTimeInterval(try SessionLife.seconds(of: personID, in: transaction))
        let token = RandomToken.new()
        try transaction.execute(
            """
            insert into session (id, person_id, started_at, last_seen_at, expires_at, address, agent, device_hash)
            values (\(id), \(personID), \(now), \(now), \(expiresAt), \(address), \(String(agent.prefix(300))), \(device.hash))
            """)
        try transaction.execute(
            "insert into renewal (token_hash, session_id, issued_at) values (\(token.hash), \(id), \(now))")
        return OpenedSession(id: id, personID: personID, renewal: token, expiresAt: expiresAt)
    }
}

/// How long a session lives without being used.
enum SessionLife {
    /// Staff sit at shared computers: a working day. Families keep their own telephones: a month.
    static let staff: TimeInterval = 12 * 3600
    static let family: TimeInterval = 30 * 86_400

    static func seconds(of personID: UUID, in transaction: borrowing Transaction) throws -> TimeInterval {
        let isStaff = try transaction.first(
            "select exists (select from role_held where person_id = \(personID) and not ended)", as: Bool.self)
        return isStaff == true ? staff : family
    }
}

/// A browser shows its renewal token: it gets the next one, and the shown one is good no more.
///
/// A token that comes a second time is in two hands, and nobody can say which of them is the thief's: the session
/// ends. Only for half a minute a repeat is taken for what it mostly is, two tabs that woke together or an answer
/// that got lost on the way, and gets a token of its own.
struct RenewSession: Sendable {
    static let grace: TimeInterval = 30

    let token: String
    let now: Date

    enum Outcome: Sendable, Equatable {
        case renewed(OpenedSession)
        /// Unknown, expired or ended: sign in again.
        case over
        /// The token had been used before: the session was ended for both.
        case reused
    }

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Outcome {
        let found = try transaction.first(
            """
            select r.used_at, s.id, s.person_id, s.expires_at, s.ended_at is not null or p.ended
            from renewal r join session s on s.id = r.session_id join person p on p.id = s.person_id
            where r.token_hash = \(RandomToken.hash(token))
            for update of s, r
            """,
            as: Date?.self, UUID.self, UUID.self, Date.self, Bool.self)
        guard let (usedAt, sessionID, personID, expiresAt, isOver) = found, !isOver, now < expiresAt else { return .over }
        if let usedAt, now.timeIntervalSince(usedAt) > Self.grace {
            try EndSessions.one(sessionID, of: personID, because: "reuse", now: now, in: transaction, outbox)
            return .reused
        }
        // The school has begun to want a second step, or he has got a role that needs it: the next sign-in leads him to it.
        if case .setUp = try SecondFactor.next(for: personID, in: transaction) {
            try EndSessions.one(sessionID, of: personID, because: "second-factor", now: now, in: transaction, outbox)
            return .over
        }
        let next = RandomToken.new()
        let newExpiry = now.addingTimeInterval(try SessionLife.seconds(of: personID, in: transaction))
        try transaction.execute(
            "update renewal set used_at = coalesce(used_at, \(now)) where token_hash = \(RandomToken.hash(token))")
        try transaction.execute(
            "insert into renewal (token_hash, session_id, issued_at) values (\(next.hash), \(sessionID), \(now))")
        try transaction.execute(
            "update session set last_seen_at = \(now), expires_at = \(newExpiry) where id = \(sessionID)")
        return .renewed(OpenedSession(id: sessionID, personID: personID, renewal: next, expiresAt: newExpiry))
    }
}

/// Sessions end: by signing out, by a new password, by leaving the school. Everyone hears it, because a token
/// signed before may be valid for minutes more.
enum EndSessions {
    static func one(
        _ id: UUID, of personID: UUID, because reason: String, now: Date = Date(), in transaction: borrowing Transaction,
        _ outbox: Outbox
    ) throws {
        try end(
            try transaction.rows(
                """
                update session set ended_at = \(now), end_reason = \(reason)
                where id = \(id) and person_id = \(personID) and ended_at is null returning id, person_id
                """,
                as: UUID.self, UUID.self), now, in: transaction, outbox)
    }

    /// - Parameter keeping: the session that stays, of the person who does it.
    static func of(
        _ people: [UUID], because reason: String, keeping: UUID? = nil, now: Date = Date(),
        in transaction: borrowing Transaction, _ outbox: Outbox
    ) throws {
        // Whoever stands between the two steps has a session as good as open.
        try transaction.execute("delete from factor_ticket where person_id = any(\(people))")
        try end(
            try transaction.rows(
                """
                update session set ended_at = \(now), end_reason = \(reason)
                where person_id = any(\(people)) and ended_at is null and id is distinct from \(keeping)
                returning id, person_id
                """,
                as: UUID.self, UUID.self), now, in: transaction, outbox)
    }

    /// Forgets sessions that are over for longer than anybody asks about them.
    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        let old = now.addingTimeInterval(-35 * 86_400)
        try transaction.execute("delete from session where ended_at < \(old) or expires_at < \(old)")
        // Of a living session only tokens young enough to come back matter; a day's worth is kept.
        try transaction.execute(
            "delete from renewal where used_at < \(now.addingTimeInterval(-SessionLife.family))")
        try transaction.execute("delete from password_ticket where expires_at < \(now)")
        try transaction.execute("delete from factor_ticket where expires_at < \(now)")
        try transaction.execute("delete from device where seen_at < \(now.addingTimeInterval(-365 * 86_400))")
    }

    private static func end(
        _ ended: [(UUID, UUID)], _ now: Date, in transaction: borrowing Transaction, _ outbox: Outbox
    ) throws {
        guard !ended.isEmpty else { return }
        try transaction.execute("delete from renewal where session_id = any(\(ended.map(\.0)))")
        let facts = ended.map { SessionEnded(sessionID: $0.0, personID: $0.1, at: now) }
        try outbox.publish(facts, in: transaction)
        try Directory.apply(ended: facts, in: transaction)
    }
}

/// Who a token speaks of: what the pages of all services show of a person without asking for more.
struct SignedInPerson: Sendable, Equatable {
    struct Child: Sendable, Equatable {
        let id: UUID
        let name: String
        let accent: Accent
    }

    let id: UUID
    let name: PersonName
    let rightsNumber: Int64
    let language: String
    let isPupil: Bool
    let children: [Child]
    let roles: [Role]

    static func read(_ id: UUID, in transaction: borrowing Transaction) throws -> SignedInPerson? {
        let found = try transaction.first(
            """
            select p.surname, p.given_name, p.patronymic, p.rights_number, coalesce(c.language, 'ru'), p.kind = 'pupil'
            from person p left join contact c on c.person_id = p.id where p.id = \(id) and not p.ended
            """,
            as: String.self, String.self, String?.self, Int64.self, String.self, Bool.self)
        guard let (surname, given, patronymic, rights, language, isPupil) = found else { return nil }
        let children = try transaction.rows(
            """
            select c.id, c.given_name, c.surname, c.accent
            from guardianship g join person c on c.id = g.child_id
                left join pupil u on u.person_id = c.id left join school s on s.id = u.school_id
            where g.guardian_id = \(id) and not g.ended and not c.ended
              and (g.until_on is null or g.until_on >= (now() at time zone coalesce(s.time_zone, 'Europe/Moscow'))::date)
            order by c.birth_on, c.given_name, c.id
            """,
            as: UUID.self, String.self, String.self, String.self)
        let names = children.map(\.1)
        let roles = try transaction.rows(
            "select distinct role from role_held where person_id = \(id) and not ended order by role", as: String.self)
        return SignedInPerson(
            id: id, name: PersonName(surname: surname, given: given, patronymic: patronymic), rightsNumber: rights,
            language: language, isPupil: isPupil,
            children: children.map { child, given, surname, accent in
                // Two Annas in a family are told apart by the surname's letter.
                let isTwice = names.count { $0 == given } > 1
                return Child(
                    id: child, name: isTwice ? "\(given) \(surname.prefix(1))." : given,
                    accent: Accent(rawValue: accent) ?? .sea)
            },
            roles: roles.compactMap(Role.init(rawValue:)))
    }
}
