import Foundation
import Logging
import Messaging
import Postgres
import Service

/// What is due by the clock: signing keys made, renewed and retired in time; grants whose term is over; old sessions, counters and
/// looks forgotten; people who asked for it forgotten too.
struct Housekeeping: RepeatedWork {
    static let name = "housekeeping"
    let database: Database
    let outbox: Outbox
    let logger: Logger

    var pause: Duration { .seconds(900) }

    /// - Returns: how many people were forgotten.
    func round() async throws -> Int {
        let now = Date()
        try await SigningKeys(database, outbox).renew(now: now)
        try await database.transaction { transaction in
            try Guessing.sweep(now: now, in: transaction)
            try LetterToken.sweep(now: now, in: transaction)
            try EndSessions.sweep(now: now, in: transaction)
            try TouchVisit.sweep(now: now, in: transaction)
            try EndRunOutGrants(now: now).run(in: transaction, outbox)
            try WhoLooked.sweep(now: now, in: transaction)
            try Merging.sweep(now: now, in: transaction)
        }
        return try await CarryOutDeletions(now: now).run(database, outbox)
    }
}
