import Foundation
import Logging

/// Where a database is and how it is used.
public struct DatabaseConfiguration: Sendable {
    /// libpq's connection string or URL, without our settings.
    public var conninfo: String
    /// The most connections that are open at once.
    public var poolSize: Int
    /// How long a transaction may wait for a connection before ``PoolExhausted``.
    public var acquireTimeout: Duration
    /// The most one statement may take; the server ends it.
    public var statementTimeout: Duration
    /// The only schema that unqualified names mean; nil for the role's own setting.
    public var schema: String?
    /// Shown in the server's list of sessions.
    public var applicationName: String
    /// Further settings of the server for these sessions, by name.
    public var settings: [String: String] = [:]

    public init(
        conninfo: String, poolSize: Int = 6, acquireTimeout: Duration = .seconds(5), statementTimeout: Duration = .seconds(15),
        schema: String? = nil, applicationName: String = "zvonok"
    ) {
        self.conninfo = conninfo
        self.poolSize = max(1, poolSize)
        self.acquireTimeout = acquireTimeout
        self.statementTimeout = statementTimeout
        self.schema = schema
        self.applicationName = applicationName
    }

    /// The same database for work that finds its rows by their keys and does nothing else, on connections of its own.
    ///
    /// Statements keep their plans: one for each call would cost more than the call, as it does for every list of keys, which
    /// the server believes to be longer than ours are. And a plan that was made while a table was empty must not read all of
    /// it later.
    ///
    /// - Parameter work: what it is called in the server's list of sessions, behind the name of the application.
    public func byKey(_ work: String, poolSize: Int) -> DatabaseConfiguration {
        var own = self
        own.poolSize = poolSize
        own.applicationName += " " + work
        own.settings["plan_cache_mode"] = "force_generic_plan"
        own.settings["enable_seqscan"] = "off"
        return own
    }

    /// With limits on everything that could otherwise wait for ever.
    var connectionString: String {
        var options = "-c statement_timeout=\(statementTimeout.milliseconds) -c idle_in_transaction_session_timeout=30000"
        if let schema { options += " -c search_path=\(schema)" }
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { options += " -c \(name)=\(value)" }
        // libpq expands a connection string in `dbname`, and the settings before it are what it does not name.
        let ours = [
            "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
            "tcp_user_timeout": "15000", "client_encoding": "UTF8", "fallback_application_name": applicationName,
            "options": options,
        ]
        if conninfo.hasPrefix("postgres://") || conninfo.hasPrefix("postgresql://") {
            let query = ours.sorted { $0.key < $1.key }
                .map { "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0.value)" }
                .joined(separator: "&")
            return conninfo + (conninfo.contains("?") ? "&" : "?") + query
        }
        return ours.sorted { $0.key < $1.key }
            .map { "\($0.key)='\($0.value.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'" }
            .joined(separator: " ") + " " + conninfo
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}

/// How much of what others do at the same time a transaction sees.
public enum Isolation: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

/// A bounded pool of connections, each with a thread of its own while it runs a transaction.
public final class Database: Sendable {
    /// How often a transaction that met a serialization failure or a deadlock, or asked for it, is run again.
    private static let mostRepeats = 3

    public let configuration: DatabaseConfiguration
    let logger: Logger
    private let pool: Pool

    /// Opens nothing yet: connections are made when they are needed.
    public init(_ configuration: DatabaseConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        pool = Pool(configuration)
    }

    /// Runs a transaction and commits it, or rolls it back when the closure throws.
    ///
    /// A serialization failure, a deadlock or ``RunAgain`` runs the closure again, at most three times, so it must have no
    /// effect outside the transaction. Cancelling the task cancels the running statement at the server.
    ///
    /// - Throws: ``PostgresError``, ``PoolExhausted``, `CancellationError`, or what the closure throws.
    public func transaction<T: Sendable>(
        _ isolation: Isolation = .readCommitted, _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try await run("BEGIN ISOLATION LEVEL \(isolation.rawValue)", body)
    }

    /// Runs a transaction in which nothing can be written.
    public func read<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try await run("BEGIN READ ONLY", body)
    }

    /// Runs one statement on its own, in a single round trip, and gives how many rows it touched.
    @discardableResult
    public func execute(_ sql: SQL) async throws -> Int {
        try await repeating { _ in
            try await pool.withConnection { try await $0.alone(sql) { Rows.touched($0) } }
        }
    }

    /// Runs one statement on its own and gives its rows.
    public func rows<each C: Column & SendableMetatype>(
        _ sql: SQL, as types: repeat (each C).Type
    ) async throws -> [(repeat each C)] {
        try await repeating { _ in
            try await pool.withConnection { try await $0.alone(sql) { try Rows.read($0, as: repeat each types) } }
        }
    }

    /// Waits for a channel's notifications on a connection of its own, which is made again when it breaks.
    ///
    /// An empty text follows each new connection: whoever listens may have missed something before it.
    public func listen(_ channel: String) -> AsyncStream<String> {
        Listener.stream(channel, configuration, logger: logger)
    }

    /// Tells everybody who listens to a channel.
    ///
    /// In a statement of its own: within a transaction it would queue every writer of the server until that is on the disk. It
    /// is not flushed either; what a server forgets when it dies, its listeners ask about when they are back.
    public func notify(_ channel: String, _ text: String = "") async throws {
        try await execute("select set_config('synchronous_commit', 'off', true), pg_notify(\(channel), \(text))")
    }

    /// How many are waiting for a connection now: above zero for long, the pool or the database is too small.
    public var waiting: Int { pool.waiting }

    /// Closes the connections as they come free; what runs ends first.
    public func close() async { await pool.close() }

    private func run<T: Sendable>(
        _ begin: String, _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try await repeating { isRepeat in
            try await pool.withConnection { try await $0.transaction(begin, isRepeat: isRepeat, body) }
        }
    }

    private func repeating<T: Sendable>(_ work: (_ isRepeat: Bool) async throws -> T) async throws -> T {
        var repeats = 0
        while true {
            do {
                return try await work(repeats > 0)
            } catch is RunAgain where repeats < Self.mostRepeats {
                repeats += 1
            } catch let error as PostgresError where error.isRetryable && repeats < Self.mostRepeats {
                repeats += 1
                // Long enough for the one we collided with to finish, and not the same for both of us.
                try await Task.sleep(for: .milliseconds(Int64.random(in: 1...10) * Int64(repeats)))
            }
        }
    }
}
