import Logging
import Messaging
import Postgres

/// Keeps the inbox from growing without end.
struct SweepInbox: RepeatedWork {
    static let name = "old messages forgotten"

    let database: Database
    let logger: Logger
    var pause: Duration { .seconds(3600) }

    func round() async throws -> Int { try await InboxSweeper(database).sweep() }
}
