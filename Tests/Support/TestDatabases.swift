import Foundation
import Logging
import Postgres
import Testing

/// Makes the cases' databases: clones of templates that are migrated once and then shared by all runs on the server.
actor TestDatabases {
    static let shared = TestDatabases()

    /// Recognises this run's databases. While the run lives it holds an advisory lock of this number.
    private let run = UInt32.random(in: 0x1000_0000...0x7fff_ffff)
    private var templates: [String: Task<String, any Error>] = [:]
    private var opening: Task<Database, any Error>?
    /// Holds the run's lock: one connection that stays open as long as the process lives.
    private var presence: Database?

    /// A fresh database with the migrations applied; gives its name.
    func make(_ migrations: [Migrations]) async throws -> String {
        let template = try await template(of: migrations)
        let unique = UUID().uuidString.lowercased().replacing("-", with: "")
        let name = "case_\(run)_\(unique)"
        let administrator = try await administrator()
        // A session that is just leaving the template refuses the clone for a moment.
        for attempt in 0... {
            do {
                try await administrator.execute("create database \(unescaped: name) template \(unescaped: template)")
                return name
            } catch let error as PostgresError where error.sqlState == "55006" && attempt < 100 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        return name
    }

    func drop(_ name: String) async throws {
        try await administrator().execute("drop database if exists \(unescaped: name) with (force)")
    }

    /// The template's name says what is in it, so that the next run finds it made.
    private func template(of migrations: [Migrations]) async throws -> String {
        let fingerprint = Migrations.fingerprint(of: migrations)
        if let task = templates[fingerprint] { return try await task.value }
        let name = "migrated_\(fingerprint)"
        let task = Task { () throws -> String in
            let administrator = try await administrator()
            if try await Self.exists(name, administrator) { return name }
            // Under another name until it is whole: another run may look for it meanwhile, and this one may die.
            let unfinished = "case_\(run)_\(fingerprint)"
            try await administrator.execute("create database \(unescaped: unfinished)")
            let database = Database(
                DatabaseConfiguration(conninfo: "\(try TestServers.postgres) dbname=\(unfinished)", poolSize: 1),
                logger: Logger(label: "test"))
            try await Migrations.apply(migrations, to: database)
            await database.close()
            // A database can be renamed and cloned only while nobody is connected to it.
            try await eventually(within: .seconds(30), "everyone has left the template") {
                try await administrator.rows(
                    "select count(*) from pg_stat_activity where datname = \(unfinished)", as: Int.self) == [0]
            }
            do {
                try await administrator.execute("alter database \(unescaped: unfinished) rename to \(unescaped: name)")
            } catch let error as PostgresError where error.sqlState == "42P04" {
                // Another run was faster with the same files.
                try await administrator.execute("drop database \(unescaped: unfinished) with (force)")
            }
            return name
        }
        templates[fingerprint] = task
        return try await task.value
    }

    private static func exists(_ name: String, _ administrator: Database) async throws -> Bool {
        try await administrator.rows("select exists (select from pg_database where datname = \(name))", as: Bool.self) == [true]
    }

    private func administrator() async throws -> Database {
        if let opening { return try await opening.value }
        let server = try TestServers.postgres
        let presence = Database(
            DatabaseConfiguration(conninfo: "\(server) dbname=postgres", poolSize: 1), logger: Logger(label: "test"))
        self.presence = presence
        let task = Task { [run] () throws -> Database in
            let administrator = Database(
                DatabaseConfiguration(
                    conninfo: "\(server) dbname=postgres", poolSize: 4, acquireTimeout: .seconds(120),
                    statementTimeout: .seconds(60)), logger: Logger(label: "test"))
            try await presence.execute("select pg_advisory_lock(\(Self.lockClass), \(Int32(run)))")
            try await Self.sweep(administrator)
            return administrator
        }
        opening = task
        return try await task.value
    }

    private static let lockClass: Int32 = 0x7a76_6f6e

    /// Drops what dead runs left behind: databases of runs whose lock nobody holds any more.
    private static func sweep(_ administrator: Database) async throws {
        let left = try await administrator.rows(
            """
            select datname::text from pg_database
            where datname ~ '^case_[0-9]+_' and not exists (
                select from pg_locks where locktype = 'advisory' and classid = \(Int64(lockClass))::oid
                    and objid = split_part(datname, '_', 2)::oid and granted)
            """, as: String.self)
        for name in left {
            // Another run may be sweeping too.
            _ = try? await administrator.execute("drop database if exists \(unescaped: name) with (force)")
        }
    }
}
