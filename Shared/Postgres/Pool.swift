import DequeModule
import Synchronization

/// Hands connections out, first come, first served.
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

    var waiting: Int { state.withLock { $0.waiters.count } }

    func close() async {
        let (free, waiters) = state.withLock { state in
            state.isClosed = true
            defer {
                state.free = []
                state.waiters = []
            }
            return (state.free, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: DatabaseClosed()) }
        for connection in free { await connection.disconnect() }
    }

    private func take() async throws -> PooledConnection {
        if let connection = try state.withLock({ try Self.immediately(&$0, configuration) }) { return connection }
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
                        if let connection = try Self.immediately(&state, configuration) { return .success(connection) }
                    } catch {
                        return .failure(error)
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
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

    private static func immediately(
        _ state: inout State, _ configuration: DatabaseConfiguration
    ) throws(DatabaseClosed) -> PooledConnection? {
        guard !state.isClosed else { throw DatabaseClosed() }
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
