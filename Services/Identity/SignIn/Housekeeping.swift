import Foundation
import Logging
import Messaging
import Postgres
import ServiceLifecycle

/// What is due by the clock: signing keys made, renewed and retired in time; old sessions and counters forgotten.
struct Housekeeping: Service {
    let database: Database
    let outbox: Outbox
    let logger: Logger

    func run() async throws {
        let keys = SigningKeys(database, outbox)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let now = Date()
                    try await keys.renew(now: now)
                    try await database.transaction { transaction in
                        try Guessing.sweep(now: now, in: transaction)
                        try LetterToken.sweep(now: now, in: transaction)
                        try EndSessions.sweep(now: now, in: transaction)
                        try TouchVisit.sweep(now: now, in: transaction)
                    }
                    try await Task.sleep(for: .seconds(900))
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("housekeeping waits for the next minute", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .seconds(60))
                }
            }
        }
    }
}
