import Foundation
import Kernel
import Messaging
import Postgres

/// The operator gives somebody of the roster a login, by the rules everybody's password follows.
struct GiveLogin: Sendable {
    let number: String
    let login: String?
    /// Nil: a one-time password is made.
    let password: String?
    let now: Date

    enum Refused: Error, Equatable, CustomStringConvertible {
        case nobody(String)
        case noLogin
        case login(LoginRefused)
        case password(PasswordRefused)

        var description: String {
            switch self {
            case .nobody(let number): "Nobody has the number \(number)."
            case .noLogin: "The person has no login yet: give one with --login."
            case .login(let refused): refused.text
            case .password(let refused): refused.text
            }
        }
    }

    func run(
        _ database: Database, _ outbox: Outbox, _ bench: HashingBench, _ common: CommonPasswords?
    ) async throws -> (login: String, password: String) {
        let (personID, known, found) = try await database.read { transaction -> (UUID, String?, PasswordPolicy) in
            guard let id = try transaction.first(
                "select id from person where roster_number = \(number) and not ended", as: UUID.self)
            else { throw Refused.nobody(number) }
            let known = try transaction.first("select name from login where person_id = \(id)", as: String.self)
            return (id, known, try PasswordPolicy.of(id, in: transaction))
        }
        guard let text = login ?? known else { throw Refused.noLogin }
        let name: LoginName
        do { name = try LoginName(text) } catch { throw Refused.login(error) }
        let secret = password ?? SetOneTimePassword.random()
        var policy = found
        policy.owner.login = name.text
        if password != nil, let refused = policy.refusal(of: secret, common: common) { throw Refused.password(refused) }
        let hash = try await bench.run { try PasswordHash.make(secret) }
        let isOnce = password == nil
        let until = isOnce ? now.addingTimeInterval(SetOneTimePassword.goodFor) : nil
        do {
            try await database.transaction { transaction in
                try transaction.execute(
                    """
                    insert into login (person_id, name, name_key, password_hash, must_change, password_until, created_at,
                                       changed_at)
                    values (\(personID), \(name.text), \(name.key), \(hash), \(isOnce), \(until), \(now), \(now))
                    on conflict (person_id) do update set name = excluded.name, name_key = excluded.name_key,
                        password_hash = excluded.password_hash, must_change = excluded.must_change,
                        password_until = excluded.password_until, changed_at = excluded.changed_at
                    """)
                try transaction.execute("delete from device where person_id = \(personID)")
                try EndSessions.of([personID], because: "password", now: now, in: transaction, outbox)
                try Audit.note(.loginGiven, by: nil, about: personID, at: now, in: transaction)
            }
        } catch let error as PostgresError where error.constraint == "login_name_once" {
            throw Refused.login(.isTaken)
        }
        return (name.text, secret)
    }
}
