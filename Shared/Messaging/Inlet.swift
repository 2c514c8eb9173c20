import Synchronization

/// What has come and is not yet handled, in its order: while one batch is written the next one grows, so that the slower
/// the database is, the more messages share a transaction.
final class Inlet<Element: Sendable>: Sendable {
    private struct State {
        var waiting: [Element] = []
        var hasEnded = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func add(_ elements: [Element]) {
        change { $0.waiting += elements }
    }

    /// Nothing more will come; what is here can still be taken.
    func end() { change { $0.hasEnded = true } }

    private func change(_ change: (inout State) -> Void) {
        let reader = state.withLock { state -> CheckedContinuation<Void, Never>? in
            change(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// As many as have come, but no more than `limit`; waits for the first. Nil at the end. For one reader, who sees to it
    /// that the end comes when his task is cancelled.
    func next(upTo limit: Int) async -> [Element]? {
        while true {
            let (taken, isOver) = state.withLock { state -> ([Element], Bool) in
                guard state.waiting.count > limit else {
                    defer { state.waiting = [] }
                    return (state.waiting, state.hasEnded)
                }
                defer { state.waiting.removeFirst(limit) }
                return (Array(state.waiting[..<limit]), false)
            }
            if !taken.isEmpty { return taken }
            if isOver { return nil }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state -> Bool in
                    guard state.waiting.isEmpty, !state.hasEnded else { return true }
                    state.reader = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }
}
