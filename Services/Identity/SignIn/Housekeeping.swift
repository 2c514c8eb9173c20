import Foundation
import Logging
import Messaging
import Postgres
import ServiceLifecycle

/// What is due by the clock: signing keys made, renewed and retired in time; grants whose term is over; old sessions, counters and
/// looks forgotten; people who asked for it forgotten too.
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
                        try EndRunOutGrants(now: now).run(in: transaction, outbox)
                        try WhoLooked.sweep(now: now, in: transaction)
                        try Merging.sweep(now: now, in: transaction)
                    }
                    let forgotten = try await CarryOutDeletions(now: now).run(database, outbox)
                    if forgotten > 0 { logger.info("people were forgotten", metadata: ["count": "\(forgotten)"]) }
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
