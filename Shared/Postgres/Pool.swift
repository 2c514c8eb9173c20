import DequeModule
import Metrics
import Synchronization

/// Hands connections out, first come, first served, and counts: how many are in use, how many wait and for how long.
final class Pool: Sendable {
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
    private let inUse: Gauge
    private let standing: Gauge
    private let waits: Timer
    private let refusals: Counter

    init(_ configuration: DatabaseConfiguration) {
        self.configuration = configuration
        let labels = [("pool", configuration.applicationName)]
        inUse = Gauge(label: "zvonok_database_connections_in_use", dimensions: labels)
        standing = Gauge(label: "zvonok_database_waiting", dimensions: labels)
        waits = Timer(label: "zvonok_database_wait", dimensions: labels)
        refusals = Counter(label: "zvonok_database_pool_exhausted_total", dimensions: labels)
        inUse.record(0)
        standing.record(0)
    }

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

    var waiting: Int { state.withLock { $0.waiters.count } }

    func close() async {
        let (free, waiters) = state.withLock { state in
            state.isClosed = true
            defer {
                state.open -= state.free.count
                state.free = []
                state.waiters = []
                standing.record(0)
            }
            return (state.free, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: DatabaseClosed()) }
        for connection in free { await connection.disconnect() }
    }

    private func take() async throws -> PooledConnection {
        if let connection = try state.withLock({ try immediately(&$0) }) { return connection }
        let start = ContinuousClock.now
        defer { waits.record(duration: .now - start) }
        let id = state.withLock { state -> UInt64 in
            state.count += 1
            return state.count
        }
        let limit = configuration.acquireTimeout
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer = state.withLock { state -> Result<PooledConnection, DatabaseClosed>? in
                    do throws(DatabaseClosed) {
                        if let connection = try immediately(&state) { return .success(connection) }
                    } catch {
                        return .failure(error)
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    standing.record(state.waiters.count)
                    return nil
                }
                switch answer {
                case .success(let connection): return continuation.resume(returning: connection)
                case .failure(let error): return continuation.resume(throwing: error)
                case nil: break
                }
                // Only now, when there is someone in the queue whom it could find.
                timer = Task { [weak self] in
                    if (try? await Task.sleep(for: limit)) != nil {
                        self?.refuse(id, PoolExhausted(size: self?.configuration.poolSize ?? 0, waited: limit))
                    }
                }
                // Cancelled before we stood in the queue: nobody else would ever say so.
                if Task.isCancelled { refuse(id, CancellationError()) }
            }
        } onCancel: {
            refuse(id, CancellationError())
        }
    }

    private func immediately(_ state: inout State) throws(DatabaseClosed) -> PooledConnection? {
        guard !state.isClosed else { throw DatabaseClosed() }
        guard state.waiters.isEmpty else { return nil }
        // The one used last: its statements are prepared and its pages are warm.
        if let connection = state.free.popLast() {
            inUse.record(state.open - state.free.count)
            return connection
        }
        guard state.open < configuration.poolSize else { return nil }
        state.open += 1
        inUse.record(state.open - state.free.count)
        return PooledConnection(configuration, number: state.open)
    }

    private func give(_ connection: PooledConnection) {
        let (waiter, isClosed) = state.withLock { state -> (Waiter?, Bool) in
            if let waiter = state.waiters.popFirst() {
                standing.record(state.waiters.count)
                return (waiter, false)
            }
            if state.isClosed {
                // It leaves for good: in use is what has not come back yet.
                state.open -= 1
            } else {
                state.free.append(connection)
            }
            inUse.record(state.open - state.free.count)
            return (nil, state.isClosed)
        }
        waiter?.continuation.resume(returning: connection)
        if isClosed { Task { await connection.disconnect() } }
    }

    private func refuse(_ id: UInt64, _ error: any Error) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            defer { standing.record(state.waiters.count) }
            return state.waiters.remove(at: index)
        }
        if waiter != nil, error is PoolExhausted { refusals.increment() }
        waiter?.continuation.resume(throwing: error)
    }
}
