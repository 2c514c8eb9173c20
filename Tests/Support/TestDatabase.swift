import Foundation
import Logging
import Postgres
import Testing

/// A database of one test case's own.
public struct TestDatabase: Sendable {
    public let database: Database
    /// For connections beside the pool.
    public let conninfo: String

    @TaskLocal static var running: TestDatabase?

    /// The database of the running case; only in suites and tests with the trait `.database`.
    public static var current: TestDatabase {
        guard let running else { fatalError("this test has no database: give its suite the trait .database(…)") }
        return running
    }
}

/// Gives each test case a database cloned from one that was migrated before: everything is real, nothing is shared, and
/// all cases run at once.
public struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    public let isRecursive = true
    let migrations: [Migrations]

    @concurrent public func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let name = try await TestDatabases.shared.make(migrations)
        let conninfo = "\(try TestServers.postgres) dbname=\(name)"
        let database = Database(
            DatabaseConfiguration(conninfo: conninfo, poolSize: 8, acquireTimeout: .seconds(30)), logger: Logger(label: "test"))
        let current = TestDatabase(database: database, conninfo: conninfo)
        var failure: (any Error)?
        do { try await TestDatabase.$running.withValue(current, operation: body) } catch { failure = error }
        await database.close()
        try await TestDatabases.shared.drop(name)
        if let failure { throw failure }
    }
}

extension Trait where Self == DatabaseTrait {
    /// A database of its own for each case, with these migrations applied.
    public static func database(_ migrations: Migrations...) -> Self { DatabaseTrait(migrations: migrations) }
    public static func database(_ migrations: [Migrations]) -> Self { DatabaseTrait(migrations: migrations) }
}

extension TestDatabase {
    /// A database of its own, beside the case's: for tests of several services at once.
    ///
    /// - Parameter body: after it the database is gone.
    public static func with<T: Sendable>(
        _ migrations: [Migrations], poolSize: Int = 4, _ body: @Sendable (TestDatabase) async throws -> T
    ) async throws -> T {
        let name = try await TestDatabases.shared.make(migrations)
        let conninfo = "\(try TestServers.postgres) dbname=\(name)"
        let database = Database(
            DatabaseConfiguration(conninfo: conninfo, poolSize: poolSize, acquireTimeout: .seconds(30)), logger: Logger(label: "test"))
        let result: Result<T, any Error>
        do { result = .success(try await body(TestDatabase(database: database, conninfo: conninfo))) } catch { result = .failure(error) }
        await database.close()
        try await TestDatabases.shared.drop(name)
        return try result.get()
    }
}
