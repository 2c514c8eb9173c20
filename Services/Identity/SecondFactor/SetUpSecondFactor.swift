import Foundation
import Kernel
import Messaging
import Postgres

/// Somebody gets a second step: a secret for his application, which counts when a code has shown that it is there.
struct SetUpSecondFactor: Sendable {
    let personID: UUID
    let now: Date
    /// A secret that nobody confirmed in this time is forgotten.
    static let patience: TimeInterval = 900

    /// A secret that waits for its code; the same one again for as long as it waits, so that a page may be loaded twice.
    func begin(_ box: SecretBox, in transaction: borrowing Transaction) throws -> TimeCode? {
        if let waiting = try waiting(box, in: transaction) { return waiting }
        let fresh = TimeCode.random()
        let written = try transaction.execute(
            """
            insert into second_factor as f (person_id, secret, begun_at)
            values (\(personID), \(box.seal(Data(fresh.secret), for: personID)), \(now))
            on conflict (person_id) do update set secret = excluded.secret, begun_at = excluded.begun_at, last_step = null
            where f.confirmed_at is null
            """)
        return written == 1 ? fresh : nil
    }

    /// The secret that waits for its code, if there is one.
    func waiting(_ box: SecretBox, in transaction: borrowing Transaction) throws -> TimeCode? {
        let sealed = try transaction.first(
            """
            select secret from second_factor
            where person_id = \(personID) and confirmed_at is null and begun_at > \(now.addingTimeInterval(-Self.patience))
            """,
            as: Data.self)
        return try sealed.map { TimeCode(secret: Array(try box.open($0, of: personID))) }
    }

    /// The first code is right: from now on it is asked for.
    ///
    /// - Parameter keeping: the session in which it is done; all others end, because nobody knows who has opened them.
    /// - Returns: the recovery codes, this once; nil when the code is wrong or nothing waits for one.
    func confirm(
        _ typed: String, keeping session: UUID?, _ box: SecretBox, _ letters: AccessLetters, in transaction: borrowing Transaction
    ) throws -> [RecoveryCode]? {
        guard try waiting(box, in: transaction) != nil,
            let (code, _) = try SecondFactor.timeCode(of: personID, confirmed: false, box, in: transaction),
            let step = code.step(of: typed, at: now, after: nil)
        else { return nil }
        try transaction.execute(
            "update second_factor set confirmed_at = \(now), last_step = \(step) where person_id = \(personID)")
        let codes = try RecoveryCodes.make(for: personID, box, now: now, in: transaction)
        try EndSessions.of([personID], because: "second-factor", keeping: session, now: now, in: transaction, letters.outbox)
        try Audit.note(.secondFactorOn, by: personID, about: personID, at: now, in: transaction)
        try letters.tellChanged(personID, now: now, in: transaction)
        return codes
    }

    /// What stands before the colon in an authenticator: the host people know the cabinet by.
    static func issuer(_ publicAddress: String) -> String {
        let host = URL(string: publicAddress)?.host() ?? ""
        return host.isEmpty ? "Zvonok" : "Zvonok \(host)"
    }
}

/// Somebody has no second step any more, because he wants it so and knows his password.
struct EndSecondFactor: Sendable {
    let personID: UUID
    let password: String
    let now: Date

    /// - Throws: ``ProfileRefused`` at `end-password`.
    func run(_ database: Database, _ letters: AccessLetters, _ bench: HashingBench) async throws {
        if try await database.read({ try SecondFactor.isRequired(of: personID, in: $0) }) {
            throw ProfileRefused(fields: ["end-password": "Your school wants the second step of everybody who handles money or people."])
        }
        try await OwnPassword(personID: personID, password: password, now: now).prove(database, bench, field: "end-password")
        try await database.transaction { transaction in
            guard try SecondFactor.remove(of: personID, in: transaction) else { return }
            try Audit.note(.secondFactorOff, by: personID, about: personID, at: now, in: transaction)
            try letters.tellChanged(personID, now: now, in: transaction)
        }
    }
}

/// New recovery codes, by the password.
struct RenewRecoveryCodes: Sendable {
    let personID: UUID
    let password: String
    let now: Date

    /// - Throws: ``ProfileRefused`` at `codes-password`.
    func run(_ database: Database, _ box: SecretBox, _ bench: HashingBench) async throws -> [RecoveryCode] {
        try await OwnPassword(personID: personID, password: password, now: now).prove(database, bench, field: "codes-password")
        return try await database.transaction { transaction in
            guard case .code = try SecondFactor.next(for: personID, in: transaction) else {
                throw ProfileRefused(fields: ["codes-password": "The second step is not switched on."])
            }
            try Audit.note(.recoveryCodesMade, by: personID, about: personID, at: now, in: transaction)
            return try RecoveryCodes.make(for: personID, box, now: now, in: transaction)
        }
    }
}

/// The curator takes the second step away from somebody whose telephone and paper are gone, by the rule for one-time passwords. His
/// sessions end; where the school wants a second step, he sets it up again at the next sign-in.
struct ResetSecondFactor: Sendable {
    let personID: UUID
    let by: UUID
    let now: Date

    /// - Throws: ``SetOneTimePassword/Refused``.
    func run(in transaction: borrowing Transaction, _ letters: AccessLetters) throws {
        try SetOneTimePassword.check(personID, by: by, in: transaction)
        guard try SecondFactor.remove(of: personID, in: transaction) else { return }
        try EndSessions.of([personID], because: "second-factor", now: now, in: transaction, letters.outbox)
        try Audit.note(.secondFactorReset, by: by, about: personID, at: now, in: transaction)
        try letters.tellChanged(personID, now: now, in: transaction)
    }
}
