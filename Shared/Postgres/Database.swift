import CLibPQ
import DequeModule
import Foundation
import Logging
import Synchronization

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

    /// With limits on everything that could otherwise wait for ever.
    var connectionString: String {
        var options = "-c statement_timeout=\(statementTimeout.milliseconds) -c idle_in_transaction_session_timeout=30000"
        if let schema { options += " -c search_path=\(schema)" }
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

/// A bounded pool of connections, each with a thread of its own while it works.
public final class Database: Sendable {
    /// How often a transaction that met a serialization failure or a deadlock is run again.
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
    /// A serialization failure or a deadlock runs the closure again, at most three times, so it must have no effect
    /// outside the transaction. Cancelling the task cancels the running statement at the server.
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
        try await pool.withConnection { connection in
            try await connection.alone { try $0.run(sql) { Rows.touched($0) } }
        }
    }

    /// Runs one statement on its own and gives its rows.
    public func rows<each C: Column & SendableMetatype>(
        _ sql: SQL, as types: repeat (each C).Type
    ) async throws -> [(repeat each C)] {
        try await pool.withConnection { connection in
            try await connection.alone { try $0.run(sql) { try Rows.read($0, as: repeat each types) } }
        }
    }

    /// Waits for a channel's notifications on a connection of its own, which is made again when it breaks.
    ///
    /// An empty text follows each new connection: whoever listens may have missed something before it.
    public func listen(_ channel: String) -> AsyncStream<String> {
        Listener.stream(channel, configuration, logger: logger)
    }

    /// Closes the connections as they come free; what runs ends first.
    public func close() async { await pool.close() }

    private func run<T: Sendable>(
        _ begin: String, _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        var repeats = 0
        while true {
            do {
                return try await pool.withConnection { try await $0.transaction(begin, body) }
            } catch let error as PostgresError where error.isRetryable && repeats < Self.mostRepeats {
                repeats += 1
                // Long enough for the one we collided with to finish, and not the same for both of us.
                try await Task.sleep(for: .milliseconds(Int64.random(in: 1...10) * Int64(repeats)))
            }
        }
    }
}

/// Hands connections out, first come, first served.
private final class Pool: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<PooledConnection, any Error>
    }

    private struct State {
        var free: [PooledConnection] = []
        var open = 0
        var waiters: Deque<Waiter> = []
        var count: UInt64 = 0
        var isClosed = false
    }

    private let configuration: DatabaseConfiguration
    private let state = Mutex(State())

    init(_ configuration: DatabaseConfiguration) { self.configuration = configuration }

    func withConnection<T: Sendable>(_ body: (PooledConnection) async throws -> T) async throws -> T {
        try Task.checkCancellation()
        let connection = try await take()
        do {
            let result = try await body(connection)
            give(connection)
            return result
        } catch {
            give(connection)
            throw error
        }
    }

    func close() async {
        let (free, waiters) = state.withLock { state in
            state.isClosed = true
            defer {
                state.free = []
                state.waiters = []
            }
            return (state.free, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: CancellationError()) }
        for connection in free { await connection.disconnect() }
    }

    private func take() async throws -> PooledConnection {
        if let connection = state.withLock({ Self.immediately(&$0, configuration) }) { return connection }
        let id = state.withLock { state -> UInt64 in
            state.count += 1
            return state.count
        }
        let limit = configuration.acquireTimeout
        let timer = Task { [weak self] in
            if (try? await Task.sleep(for: limit)) != nil {
                self?.refuse(id, PoolExhausted(size: self?.configuration.poolSize ?? 0, waited: limit))
            }
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let connection = state.withLock { state -> PooledConnection? in
                    if let connection = Self.immediately(&state, configuration) { return connection }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let connection { continuation.resume(returning: connection) }
                // Cancelled before we stood in the queue: nobody else would ever say so.
                if Task.isCancelled { refuse(id, CancellationError()) }
            }
        } onCancel: {
            refuse(id, CancellationError())
        }
    }

    private static func immediately(_ state: inout State, _ configuration: DatabaseConfiguration) -> PooledConnection? {
        guard state.waiters.isEmpty else { return nil }
        // The one used last: its statements are prepared and its pages are warm.
        if let connection = state.free.popLast() { return connection }
        guard state.open < configuration.poolSize else { return nil }
        state.open += 1
        return PooledConnection(configuration, number: state.open)
    }

    private func give(_ connection: PooledConnection) {
        let (waiter, isClosed) = state.withLock { state -> (Waiter?, Bool) in
            if let waiter = state.waiters.popFirst() { return (waiter, false) }
            if !state.isClosed { state.free.append(connection) }
            return (nil, state.isClosed)
        }
        waiter?.continuation.resume(returning: connection)
        if isClosed { Task { await connection.disconnect() } }
    }

    private func refuse(_ id: UInt64, _ error: any Error) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(throwing: error)
    }
}

/// A place in the pool: an actor on a queue of its own, and the connection it holds while there is one.
actor PooledConnection {
    private let configuration: DatabaseConfiguration
    private let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var connection: Connection?
    private let cancelling = Cancelling()

    init(_ configuration: DatabaseConfiguration, number: Int) {
        self.configuration = configuration
        executor = QueueExecutor(label: "postgres.\(configuration.applicationName).\(number)")
    }

    func disconnect() {
        cancelling.replace(with: nil)
        connection = nil
    }

    func transaction<T: Sendable>(
        _ begin: String, _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try await cancellable { connection in
            let hooks = CommitHooks()
            connection.begin(begin)
            let result: T
            do {
                let transaction = Transaction(connection, hooks: hooks)
                result = try body(transaction)
                try connection.commit()
            } catch {
                connection.rollBack()
                throw error
            }
            for signal in hooks.signals { signal.fire() }
            return result
        }
    }

    /// One statement outside any transaction.
    func alone<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await cancellable(body)
    }

    private func cancellable<T: Sendable>(_ body: (Connection) throws -> T) async throws -> T {
        try await withTaskCancellationHandler {
            try work(body)
        } onCancel: {
            cancelling.cancel()
        }
    }

    private func work<T>(_ body: (Connection) throws -> T) throws -> T {
        let connection = try live()
        guard cancelling.begin() else { throw CancellationError() }
        do {
            let result = try body(connection)
            if cancelling.end() { disconnect() }
            return result
        } catch {
            let wasCancelled = cancelling.end()
            // A cancel request may still be on its way and would hit the next one's statement.
            if wasCancelled || !connection.isAlive() { disconnect() }
            if wasCancelled { throw CancellationError() }
            throw error
        }
    }

    /// The connection, made anew if it was lost while nobody used it.
    private func live() throws -> Connection {
        if let connection, connection.isAlive() { return connection }
        disconnect()
        let fresh = try Connection(configuration)
        cancelling.replace(with: fresh.canceller().map(CancelHandle.init(pointer:)))
        connection = fresh
        return fresh
    }
}

/// What libpq cancels a statement by. `@unchecked` because libpq allows it to be used from any thread; the lock of its
/// keeper sees to it that it is not freed meanwhile.
private struct CancelHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// Stops the statement that runs on one connection, from any thread.
private final class Cancelling: Sendable {
    private struct State {
        var handle: CancelHandle?
        var isRunning = false
        var wasCancelled = false
    }

    private let state = Mutex(State())

    deinit { replace(with: nil) }

    func replace(with handle: CancelHandle?) {
        state.withLock { state in
            if let old = state.handle { PQfreeCancel(old.pointer) }
            state.handle = handle
        }
    }

    /// Gives false when the task was cancelled before it began.
    func begin() -> Bool {
        state.withLock { state in
            state.wasCancelled = Task.isCancelled
            state.isRunning = !state.wasCancelled
            return state.isRunning
        }
    }

    /// Gives whether the statement was asked to stop.
    func end() -> Bool {
        state.withLock { state in
            state.isRunning = false
            return state.wasCancelled
        }
    }

    func cancel() {
        state.withLock { state in
            guard state.isRunning, let handle = state.handle else { return }
            state.wasCancelled = true
            // Sent while the lock is held, so that it cannot meet the statement of the next one.
            var message = [CChar](repeating: 0, count: 256)
            PQcancel(handle.pointer, &message, Int32(message.count))
        }
    }
}
