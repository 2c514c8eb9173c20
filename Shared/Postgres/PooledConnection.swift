import CLibPQ
import Dispatch
import Executors
import Metrics
import Synchronization

/// A place in the pool: an actor on a queue of its own, and the connection it holds while there is one.
actor PooledConnection {
    private let configuration: DatabaseConfiguration
    private let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    // Unsafe only in name: the pool lends this place to one task at a time, and that task uses the connection either by
    // the queue or, in `alone`, itself; never both at once.
    private nonisolated(unsafe) var connection: Connection?
    /// Whether the connection was made for what runs on it now.
    private var wasFresh = false
    private let cancelling = Cancelling()
    private let opened: Counter

    init(_ configuration: DatabaseConfiguration, number: Int) {
        self.configuration = configuration
        executor = QueueExecutor(label: "postgres.\(configuration.applicationName).\(number)")
        opened = Counter(
            label: "zvonok_database_connections_opened_total", dimensions: [("pool", configuration.applicationName)])
    }

    func disconnect() { drop() }

    private nonisolated func drop() {
        cancelling.replace(with: nil)
        connection = nil
    }

    func transaction<T: Sendable>(
        _ begin: String, isRepeat: Bool, _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try await cancellable { connection in
            do {
                return try Self.run(begin, isRepeat, body, on: connection)
            } catch let error as PostgresError where error.isConnectionLost && !connection.wasAnswered && !wasFresh {
                // It broke between our look at it and the first statement: nothing has happened, so begin elsewhere.
                return try Self.run(begin, isRepeat, body, on: try reconnected())
            }
        }
    }

    private static func run<T>(
        _ begin: String, _ isRepeat: Bool, _ body: (borrowing Transaction) throws -> T, on connection: Connection
    ) throws -> T {
        let hooks = CommitHooks()
        connection.begin(begin)
        let result: T
        do {
            let transaction = Transaction(connection, hooks: hooks, isRepeat: isRepeat)
            result = try body(transaction)
            try connection.commit()
        } catch {
            connection.rollBack()
            throw error
        }
        for signal in hooks.signals { signal.fire() }
        return result
    }

    /// One statement outside any transaction.
    ///
    /// When the connection is there and knows the statement, the task sends it itself and waits without a thread; else,
    /// and for many bytes, the queue does it, which may block.
    nonisolated func alone<T: Sendable>(_ sql: SQL, _ read: @escaping @Sendable (OpaquePointer?) throws -> T) async throws -> T {
        guard let connection, connection.isAlive(), cancelling.begin() else { return try await blocking(sql, read) }
        let result: T?
        do {
            result = try await withTaskCancellationHandler {
                guard try connection.send(sql) else { return nil }
                repeat {
                    try await Self.answer(on: connection.socket)
                } while try !connection.takeIn()
                return try connection.finish(read)
            } onCancel: {
                cancelling.cancel()
            }
        } catch {
            throw ended() ? CancellationError() : error
        }
        ended()
        guard let result else { return try await blocking(sql, read) }
        return result
    }

    private static func answer(on socket: Int32) async throws {
        do {
            try await SocketExecutor.shared.wait(for: socket)
        } catch {
            throw PostgresError(sqlState: "58000", message: "\(error)")
        }
    }

    /// Ends the present work and gives whether it was asked to stop. A connection that is not as new is given up.
    @discardableResult
    private nonisolated func ended() -> Bool {
        let wasCancelled = cancelling.end()
        // A cancel request may still be on its way and would hit the next one's statement.
        if wasCancelled || connection?.isClean != true { drop() }
        return wasCancelled
    }

    private func blocking<T: Sendable>(_ sql: SQL, _ read: @Sendable (OpaquePointer?) throws -> T) async throws -> T {
        try await cancellable { try $0.run(sql, read) }
    }

    private func cancellable<T: Sendable>(_ body: (Connection) throws -> T) async throws -> T {
        try await withTaskCancellationHandler {
            try work(body)
        } onCancel: {
            cancelling.cancel()
        }
    }

    private func work<T>(_ body: (Connection) throws -> T) throws -> T {
        let first = try live()
        guard cancelling.begin() else { throw CancellationError() }
        let result: T
        do {
            result = try body(first)
        } catch {
            throw ended() ? CancellationError() : error
        }
        // What was done before the request to cancel came is done.
        ended()
        return result
    }

    /// The connection, made anew if it was lost while nobody used it.
    private func live() throws -> Connection {
        if let connection, connection.isAlive() {
            wasFresh = false
            return connection
        }
        return try reconnected()
    }

    private func reconnected() throws -> Connection {
        disconnect()
        wasFresh = true
        let fresh = try Connection(configuration)
        opened.increment()
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
        /// Which work this is: a request that comes late must not stop the next one's.
        var number: UInt64 = 0
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
            state.number += 1
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
        let number = state.withLock { state -> UInt64? in
            guard state.isRunning else { return nil }
            state.wasCancelled = true
            return state.number
        }
        guard let number else { return }
        // libpq opens a connection for the request and waits for it: not on the thread of whoever cancels.
        DispatchQueue.global().async { [self] in
            state.withLock { state in
                // Sent while the lock is held, so that neither the handle nor the statement can change meanwhile.
                guard state.isRunning, state.number == number, let handle = state.handle else { return }
                var message = [CChar](repeating: 0, count: 256)
                PQcancel(handle.pointer, &message, Int32(message.count))
            }
        }
    }
}
