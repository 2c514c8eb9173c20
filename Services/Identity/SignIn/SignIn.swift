import Foundation
import Kernel
import Messaging
import Postgres

/// Somebody says who he is and proves it by his password (ID-02, ID-03).
struct SignIn: Sendable {
    let login: String
    let password: String
    let address: String
    let agent: String
    /// The token by which a browser shows that its person has signed in here before.
    let device: String?
    let now: Date

    enum Outcome: Sendable {
        case signedIn(OpenedSession, device: RandomToken)
        /// The password was given for one time (D-04): first a password of his own, by this ticket.
        case mustChange(ticket: RandomToken, login: String)
        /// The proof was right; now the code of the second step, by this ticket.
        case secondStep(ticket: RandomToken)
        /// His school wants a second step of him, and he has none yet: that first, by this ticket.
        case mustSetUp(ticket: RandomToken)
        case wrong(attemptsLeft: Int)
        case wait(until: Date)
    }

    private struct Found: Sendable {
        let personID: UUID
        let name: String
        let hash: String
        let mustChange: Bool
        let isOver: Bool
    }

    private enum First: Sendable {
        case wait(until: Date)
        case check(Found?, left: Int, device: Data?)
    }

    /// What a password is compared with when the login is unknown, so that the answer takes as long.
    private static let nobody = try? PasswordHash.make("nobody signs in with this")

    func run(_ database: Database, _ bench: HashingBench) async throws -> Outcome {
        let key = LoginName.key(login)
        let first = try await database.transaction { transaction in try prepare(key, in: transaction) }
        guard case .check(let found, let left, let device) = first else {
            if case .wait(let until) = first { return .wait(until: until) }
            return .wrong(attemptsLeft: 0)
        }
        let password = password
        let hash = found?.hash ?? Self.nobody ?? ""
        let (isRight, newHash) = try await bench.run { () -> (Bool, String?) in
            guard PasswordHash.verify(password, against: hash) else { return (false, nil) }
            return (true, PasswordHash.isOutdated(hash) ? try PasswordHash.make(password) : nil)
        }
        guard isRight, let found, !found.isOver else { return .wrong(attemptsLeft: left) }
        return try await database.transaction { transaction in
            try Guessing.forgiveSignIn(account: key, address: address, device: device, in: transaction)
            if found.mustChange {
                let ticket = RandomToken.new()
                try transaction.execute(
                    """
                    insert into password_ticket (token_hash, person_id, expires_at)
                    values (\(ticket.hash), \(found.personID), \(now.addingTimeInterval(15 * 60)))
                    """)
                return .mustChange(ticket: ticket, login: found.name)
            }
            if let newHash {
                // Only if nobody has changed it meanwhile.
                try transaction.execute(
                    """
                    update login set password_hash = \(newHash)
                    where person_id = \(found.personID) and password_hash = \(found.hash)
                    """)
            }
            return try Self.open(
                found.personID, device: device == nil ? nil : self.device, address: address, agent: agent, now: now,
                in: transaction)
        }
    }

    /// Counts the attempt and finds the account.
    private func prepare(_ key: String, in transaction: borrowing Transaction) throws -> First {
        let row = try transaction.first(
            """
            select l.person_id, l.name, l.password_hash, l.must_change,
                   p.ended or coalesce(l.password_until < \(now), false)
            from login l join person p on p.id = l.person_id where l.name_key = \(key)
            """,
            as: UUID.self, String.self, String.self, Bool.self, Bool.self)
        let found = row.map { Found(personID: $0, name: $1, hash: $2, mustChange: $3, isOver: $4) }
        let known = try found.flatMap { try KnownBrowser.hash(device, of: $0.personID, in: transaction) }
        switch try Guessing.countSignIn(account: key, address: address, device: known, now: now, in: transaction) {
        case .wait(let until): return .wait(until: until)
        case .allowed(let left): return .check(found, left: left, device: known)
        }
    }

    /// What comes after the proof of who somebody is, whatever that was: the second step where he has one or must have one, else the
    /// session.
    ///
    /// - Parameter device: the token of a browser that is known to be his.
    static func open(
        _ personID: UUID, device: String?, address: String, agent: String, now: Date, in transaction: borrowing Transaction
    ) throws -> Outcome {
        switch try SecondFactor.next(for: personID, in: transaction) {
        case .code: return .secondStep(ticket: try FactorTicket.issue(for: personID, now: now, in: transaction))
        case .setUp: return .mustSetUp(ticket: try FactorTicket.issue(for: personID, now: now, in: transaction))
        case .session:
            let (session, token) = try enter(
                personID, device: device, address: address, agent: agent, now: now, in: transaction)
            return .signedIn(session, device: token)
        }
    }

    /// Opens the session and remembers the browser.
    static func enter(
        _ personID: UUID, device: String?, address: String, agent: String, now: Date, in transaction: borrowing Transaction
    ) throws -> (OpenedSession, RandomToken) {
        let token = device.map(RandomToken.init(text:)) ?? RandomToken.new()
        let session = try OpenSession(personID: personID, address: address, agent: agent, device: token, now: now)
            .run(in: transaction)
        try transaction.execute(
            """
            insert into device (token_hash, person_id, seen_at) values (\(token.hash), \(personID), \(now))
            on conflict (token_hash) do update set seen_at = excluded.seen_at, person_id = excluded.person_id
            """)
        return (session, token)
    }
}

/// Somebody who came with a one-time password chooses his own (D-04) and is signed in with it.
struct ChooseNewPassword: Sendable {
    let ticket: String
    let password: String
    let address: String
    let agent: String
    let now: Date

    enum Outcome: Sendable {
        case signedIn(SignIn.Outcome)
        case refused(PasswordRefused)
        /// The ticket's quarter of an hour is over, or it has been used.
        case over
    }

    func run(_ database: Database, _ outbox: Outbox, _ bench: HashingBench, _ common: CommonPasswords?) async throws -> Outcome {
        let hashOfTicket = RandomToken.hash(ticket)
        let found = try await database.read { transaction -> (UUID, PasswordPolicy, String)? in
            guard let (person, oldHash) = try transaction.first(
                """
                select t.person_id, l.password_hash from password_ticket t join login l on l.person_id = t.person_id
                where t.token_hash = \(hashOfTicket) and t.expires_at > \(now)
                """,
                as: UUID.self, String.self)
            else { return nil }
            return (person, try PasswordPolicy.of(person, in: transaction), oldHash)
        }
        guard let (personID, policy, oldHash) = found else { return .over }
        if let refused = policy.refusal(of: password, common: common) { return .refused(refused) }
        let password = password
        let newHash = try await bench.run { () -> String? in
            // The one-time password itself is not a new one.
            PasswordHash.verify(password, against: oldHash) ? nil : try PasswordHash.make(password)
        }
        guard let newHash else { return .refused(.isCommon) }
        return try await database.transaction { transaction in
            let isMine = try transaction.execute("delete from password_ticket where token_hash = \(hashOfTicket)") == 1
            guard isMine else { return .over }
            try SetPassword(personID: personID, hash: newHash, now: now).run(in: transaction)
            try EndSessions.of([personID], because: "password", now: now, in: transaction, outbox)
            return .signedIn(
                try SignIn.open(personID, device: nil, address: address, agent: agent, now: now, in: transaction))
        }
    }
}

/// A password of the person's own, already hashed.
struct SetPassword: Sendable {
    let personID: UUID
    let hash: String
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            update login set password_hash = \(hash), must_change = false, password_until = null, changed_at = \(now)
            where person_id = \(personID)
            """)
        // Whoever knew the old one may have used it on a browser of his.
        try transaction.execute("delete from device where person_id = \(personID)")
    }
}

/// The rule for one person's password: his schools decide about signs (D-03), his data about what is trivial (ID-09).
struct PasswordPolicy: Sendable {
    var allowsSigns: Bool
    var owner: PasswordRule.Owner

    func refusal(of password: String, common: CommonPasswords?) -> PasswordRefused? {
        var isCommon: (@Sendable (String) -> Bool)?
        if let common { isCommon = { common.contains($0) } }
        return PasswordRule(allowsSigns: allowsSigns, isCommon: isCommon).refusal(of: password, for: owner)
    }

    /// Signs are allowed when every school the person belongs to allows them.
    static func of(_ personID: UUID, in transaction: borrowing Transaction) throws -> PasswordPolicy {
        let found = try transaction.first(
            """
            select coalesce(l.name, ''), p.birth_on, p.room, c.grade || c.letter,
                coalesce((select bool_and(s.password_signs) from school s where s.id in (
                    select u.school_id from pupil u where u.person_id = p.id and not u.ended
                    union select r.school_id from role_held r where r.person_id = p.id and not r.ended
                    union select u.school_id from guardianship g join pupil u on u.person_id = g.child_id
                        where g.guardian_id = p.id and not g.ended)), false)
            from person p left join login l on l.person_id = p.id left join pupil u on u.person_id = p.id
                left join class c on c.id = u.class_id
            where p.id = \(personID)
            """,
            as: String.self, Day?.self, String?.self, String?.self, Bool.self)
        guard let (login, birth, room, className, signs) = found else {
            return PasswordPolicy(allowsSigns: false, owner: .init(login: ""))
        }
        return PasswordPolicy(
            allowsSigns: signs,
            owner: .init(login: login, birthDate: birth, rooms: [room, className].compactMap(\.self)))
    }
}
