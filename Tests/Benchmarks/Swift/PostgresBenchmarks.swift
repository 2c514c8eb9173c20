import ArgumentParser
import Postgres

/// Where the database is and how long it is kept busy.
struct StatementLoad: ParsableArguments {
    @Option(help: "libpq's connection string.") var conninfo: String
    @Option(help: "How many connections the pool has, and how many tasks use it.") var connections = 6
    @Option(help: "How long the work goes on.") var seconds = 4
    @Option(help: "Rows of `figure`, of which each statement touches one.") var rows = 100_000

    /// Runs `statement` with random rows, one after another in each of `connections` tasks, until the time is over.
    func run(_ statement: @escaping @Sendable (Database, Int64) async throws -> Void) async throws -> Measurement {
        let database = Database(DatabaseConfiguration(conninfo: conninfo, poolSize: connections), logger: quietLogger())
        // Every connection is open and knows the statement before the clock starts.
        try await repeated(database, until: .now + .milliseconds(200), statement)
        let start = ContinuousClock.now
        let count = try await repeated(database, until: start + .seconds(seconds), statement)
        let measurement = Measurement(count: count, in: .now - start)
        await database.close()
        return measurement
    }

    @discardableResult
    private func repeated(
        _ database: Database, until end: ContinuousClock.Instant,
        _ statement: @escaping @Sendable (Database, Int64) async throws -> Void
    ) async throws -> Int {
        let rows = Int64(rows)
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    var random = SystemRandomNumberGenerator()
                    var count = 0
                    while ContinuousClock.now < end {
                        try await statement(database, Int64.random(in: 1...rows, using: &random))
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
    }
}

struct PostgresUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Updates single rows through the pool.")
    @OptionGroup var load: StatementLoad

    func run() async throws {
        try await load.run { database, id in
            try await database.execute("update figure set value = value + 1 where id = \(id)")
        }.show()
    }
}

struct PostgresSelect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Reads single rows through the pool.")
    @OptionGroup var load: StatementLoad

    func run() async throws {
        try await load.run { database, id in
            let found = try await database.rows("select value from figure where id = \(id)", as: Int64.self)
            guard found.count == 1 else { throw Stuck(description: "there is no row \(id)") }
        }.show()
    }
}
