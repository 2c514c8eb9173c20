import Foundation
import Kernel
import Messaging
import Postgres

/// «Забыли пароль?» (ID-17): whoever has confirmed an address gets the way to a new password there. Nobody learns from the
/// answer whether a login or an address is known.
struct AskForRecovery: Sendable {
    /// The e-mail address given at registration, or the login.
    let text: String
    let address: String
    let now: Date

    enum Outcome: Sendable, Equatable {
        /// Whether or not anything was sent.
        case answered
        case wait(until: Date)
    }

    func run(_ database: Database, _ letters: AccessLetters) async throws -> Outcome {
        let key = LoginName.key(text)
        return try await database.transaction { transaction in
            if case .wait(let until) = try Guessing.countRecovery(address: address, now: now, in: transaction) {
                return .wait(until: until)
            }
            guard !key.isEmpty, key.count <= 254,
                case .allowed = try Guessing.countRecovery(of: key, now: now, in: transaction)
            else { return .answered }
            // ID-18: without a confirmed address the curator helps. A family may share one: each login has its letter.
            let people = try transaction.rows(
                """
                select l.person_id, c.email from contact c join login l using (person_id) join person p on p.id = c.person_id
                where c.email_confirmed and c.email is not null and not p.ended
                  and (lower(c.email) = \(text.trimmed.lowercased()) or l.name_key = \(key))
                order by l.person_id limit 5
                """,
                as: UUID.self, String.self)
            for (person, email) in people {
                guard case .allowed = try Guessing.countLetter(of: "recover " + person.text, now: now, in: transaction) else { continue }
                try letters.recover(email, of: person, now: now, in: transaction)
            }
            return .answered
        }
    }
}

/// Whoever came by the letter chooses a password. All sessions end, also those of whoever may have known the old one.
struct ChooseRecoveredPassword: Sendable {
    let token: String
    let password: String
    let repeated: String
    let now: Date

    enum Outcome: Sendable, Equatable {
        case changed(login: String)
        case refused([String: String])
        /// The link is used up or too old.
        case over
    }

    func run(
        _ database: Database, _ letters: AccessLetters, _ bench: HashingBench, _ common: CommonPasswords?
    ) async throws -> Outcome {
        let found = try await database.read { transaction -> PasswordPolicy? in
            guard let found = try LetterToken.look(token, .recover, now: now, in: transaction) else { return nil }
            return try PasswordPolicy.of(found.personID, in: transaction)
        }
        guard let policy = found else { return .over }
        if let refused = policy.refusal(of: password, common: common) { return .refused(["password": refused.text]) }
        guard password == repeated else { return .refused(["repeated": "The two passwords differ."]) }
        let password = password
        let hash = try await bench.run { try PasswordHash.make(password) }
        return try await database.transaction { transaction in
            guard let found = try LetterToken.use(token, .recover, now: now, in: transaction),
                let login = try transaction.first("select name from login where person_id = \(found.personID)", as: String.self)
            else { return .over }
            try SetPassword(personID: found.personID, hash: hash, now: now).run(in: transaction)
            try transaction.execute("delete from password_ticket where person_id = \(found.personID)")
            try EndSessions.of([found.personID], because: "recovery", now: now, in: transaction, letters.outbox)
            try Audit.note(.accessRecovered, by: found.personID, about: found.personID, at: now, in: transaction)
            try letters.tellChanged(found.personID, now: now, in: transaction)
            return .changed(login: login)
        }
    }
}
