public import Postgres

/// Forgets what no repeat can ask about any more.
public struct InboxSweeper: Sendable {
    /// Longer than any replay of a parked message by hand.
    public static let keptDays = 35

    private let database: Database

    public init(_ database: Database) { self.database = database }

    /// Deletes in slices, so that no statement is long.
    ///
    /// - Returns: how many messages were forgotten.
    @discardableResult
    public func sweep(slice: Int = 5000) async throws -> Int {
        var count = 0
        while true {
            let some = try await database.execute(
                """
                delete from inbox where ctid in (
                    select ctid from inbox where seen_at < now() - make_interval(days => \(Int32(Self.keptDays))) limit \(slice))
                """)
            count += some
            if some < slice { break }
        }
        try await database.execute("delete from attempted where last_at < now() - interval '7 days'")
        try await database.execute(
            """
            delete from republished where run_id in (
                select run_id from republished group by run_id
                having min(seen_at) < now() - make_interval(days => \(Int32(Self.keptDays))))
            """)
        return count
    }
}
