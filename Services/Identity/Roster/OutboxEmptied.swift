import Foundation
import Postgres

/// Whether everything that happened has been said: the outbox is empty.
struct OutboxEmptied: Sendable {
    let database: Database

    /// Waits until it is.
    ///
    /// - Throws: ``StillUntold`` past the limit; mostly the service is not running.
    func wait(upTo limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        while true {
            let left = try await database.read { transaction -> Int64 in
                try transaction.first("select count(*) from outbox", as: Int64.self) ?? 0
            }
            if left == 0 { return }
            if ContinuousClock.now > deadline { throw StillUntold(messages: left) }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}

/// Messages are still in the outbox.
struct StillUntold: Error, CustomStringConvertible {
    let messages: Int64
    var description: String { "\(messages) messages still wait in the outbox; is `identity serve` running?" }
}
