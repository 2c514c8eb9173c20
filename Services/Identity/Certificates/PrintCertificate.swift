import Foundation
import Kernel
import Messaging
import Postgres

/// «Сформировать новую выписку» (ID-37): the child's certificate, and at the same time a new password of the guardian's cabinet.
///
/// Whoever asks proves with the present password that the cabinet is his; all his other sessions end.
struct PrintCertificate: Sendable {
    let childID: UUID
    let guardianID: UUID
    let sessionID: UUID
    let password: String
    let now: Date

    struct Printed: Sendable {
        let number: String
        let login: String
        /// Shown this once.
        let password: String
    }

    /// - Throws: ``ProfileRefused`` at `password`, ``HashingBusy``.
    func run(_ database: Database, _ outbox: Outbox, _ bench: HashingBench, _ common: CommonPasswords?) async throws -> Printed {
        try await OwnPassword(personID: guardianID, password: password, now: now).prove(database, bench, field: "password")
        let policy = try await database.read { try PasswordPolicy.of(guardianID, in: $0) }
        var fresh = SetOneTimePassword.random()
        while policy.refusal(of: fresh, common: common) != nil { fresh = SetOneTimePassword.random() }
        let new = fresh
        let hash = try await bench.run { try PasswordHash.make(new) }
        return try await database.transaction { transaction in
            try SetPassword(personID: guardianID, hash: hash, now: now).run(in: transaction)
            try Audit.note(.passwordChanged, by: guardianID, about: guardianID, at: now, in: transaction)
            try EndSessions.of([guardianID], because: "password", keeping: sessionID, now: now, in: transaction, outbox)
            let login = try transaction.first("select name from login where person_id = \(guardianID)", as: String.self)
            return Printed(number: try number(in: transaction), login: login ?? "", password: new)
        }
    }

    /// The certificate's number: the child's for good.
    private func number(in transaction: borrowing Transaction) throws -> String {
        var generator = SystemRandomNumberGenerator()
        while true {
            try transaction.execute(
                """
                insert into certificate (child_id, number, issued_at)
                values (\(childID), \(AccountNumber.random(using: &generator).text), \(now)) on conflict do nothing
                """)
            if let number = try transaction.first("select number from certificate where child_id = \(childID)", as: String.self) {
                return number
            }
        }
    }
}
