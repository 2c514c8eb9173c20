public import Logging
public import Postgres
public import ServiceLifecycle

/// Forgets what no repeat can ask about any more.
public struct InboxSweeper: Service {
    /// Longer than any replay of a parked message by hand.
    public static let keptDays = 35

    private let database: Database
    private let logger: Logger

    public init(_ database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await sweep() } catch is CancellationError { return } catch {
                    logger.warning("the inbox was not swept", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: .seconds(3600))
            }
        }
    }

    /// Deletes in slices, so that no statement is long.
    func sweep(slice: Int = 5000) async throws {
        while try await database.execute(
            """
            delete from inbox where ctid in (
                select ctid from inbox where seen_at < now() - make_interval(days => \(Int32(Self.keptDays))) limit \(slice))
            """) == slice
        {}
        try await database.execute("delete from attempted where last_at < now() - interval '7 days'")
        try await database.execute(
            """
            delete from republished where run_id in (
                select run_id from republished group by run_id
                having min(seen_at) < now() - make_interval(days => \(Int32(Self.keptDays))))
            """)
    }
}
