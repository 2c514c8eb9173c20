import Foundation
import Logging
import Postgres
import Synchronization
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
        let template = try await Templates.shared.name(for: migrations)
        let server = try TestServers.postgres
        let name = "test_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try await Templates.shared.clone(template, as: name)
        let conninfo = "\(server) dbname=\(name)"
        let database = Database(
            DatabaseConfiguration(conninfo: conninfo, poolSize: 8, acquireTimeout: .seconds(30)), logger: Logger(label: "test"))
        let current = TestDatabase(database: database, conninfo: conninfo)
        var failure: (any Error)?
        do { try await TestDatabase.$running.withValue(current, operation: body) } catch { failure = error }
        await database.close()
        try await Templates.shared.drop(name)
        if let failure { throw failure }
    }
}

extension Trait where Self == DatabaseTrait {
    /// A database of its own for each case, with these migrations applied.
    public static func database(_ migrations: Migrations...) -> Self { DatabaseTrait(migrations: migrations) }
    public static func database(_ migrations: [Migrations]) -> Self { DatabaseTrait(migrations: migrations) }
}

/// The migrated databases that cases are cloned from, each made once per run.
actor Templates {
    static let shared = Templates()

    private var made: [String: Task<String, any Error>] = [:]
    private var administrator: Database?

    func name(for migrations: [Migrations]) async throws -> String {
        let key = migrations.map(\.identity).joined(separator: "+")
        if let task = made[key] { return try await task.value }
        let administrator = try admin()
        let task = Task { () throws -> String in
            let name = "template_\(ProcessInfo.processInfo.processIdentifier)_\(UUID().uuidString.prefix(8).lowercased())"
            try await administrator.execute("create database \(unescaped: name)")
            let database = Database(
                DatabaseConfiguration(conninfo: "\(try TestServers.postgres) dbname=\(name)", poolSize: 1), logger: Logger(label: "test"))
            try await Migrations.apply(migrations, to: database)
            await database.close()
            // A database can be cloned only while nobody is connected to it.
            try await administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = \(name)")
            return name
        }
        made[key] = task
        return try await task.value
    }

    func clone(_ template: String, as name: String) async throws {
        let administrator = try admin()
        // Two clones of one template at once wait for each other; a straggling session refuses both for a moment.
        for attempt in 0... {
            do {
                try await administrator.execute("create database \(unescaped: name) template \(unescaped: template)")
                return
            } catch let error as PostgresError where error.sqlState == "55006" && attempt < 100 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    func drop(_ name: String) async throws {
        try await admin().execute("drop database if exists \(unescaped: name) with (force)")
    }

    private func admin() throws -> Database {
        if let administrator { return administrator }
        let made = Database(
            DatabaseConfiguration(
                conninfo: "\(try TestServers.postgres) dbname=postgres", poolSize: 4, acquireTimeout: .seconds(120),
                statementTimeout: .seconds(60)), logger: Logger(label: "test"))
        administrator = made
        return made
    }
}
