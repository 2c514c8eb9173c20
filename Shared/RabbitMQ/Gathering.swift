import Synchronization

/// What has come and nobody has taken yet, in the order in which it came; for one reader.
///
/// Whoever reads gets everything that came while he was busy, in one batch: how much is handled together grows with the
/// load, and nothing waits for a batch to fill. A stream of the batches as they came off the wire would hand on small ones
/// for ever, because a few acknowledgements bring a few messages.
public final class Gathering<Item: Sendable>: AsyncSequence, Sendable {
    public typealias Element = [Item]
    public typealias Failure = Never

    private struct State {
        var waiting: [Item] = []
        var hasEnded = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: how many are taken together at most.
    public init(upTo limit: Int) { self.limit = Swift.max(1, limit) }

    /// Adds to the end.
    public func add(_ items: [Item]) {
        change { state in
            if state.waiting.isEmpty { state.waiting = items } else { state.waiting += items }
        }
    }

    /// Nothing more will come; what is here can still be taken.
    public func end() { change { $0.hasEnded = true } }

    private func change(_ change: (inout State) -> Void) {
        let reader = state.withLock { state -> CheckedContinuation<Void, Never>? in
            change(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    public struct Iterator: AsyncIteratorProtocol {
        let gathering: Gathering

        /// Everything that is here, at least one and at most the limit; nil at the end, and when the task is cancelled.
        public func next() async -> [Item]? { await gathering.take() }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(gathering: self) }

    private func take() async -> [Item]? {
        while !Task.isCancelled {
            let (taken, isOver) = state.withLock { state -> ([Item], Bool) in
                guard state.waiting.count > limit else {
                    defer { state.waiting = [] }
                    return (state.waiting, state.hasEnded)
                }
                defer { state.waiting.removeFirst(limit) }
                return (Array(state.waiting[..<limit]), false)
            }
            if !taken.isEmpty { return taken }
            if isOver { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state -> Bool in
                        guard state.waiting.isEmpty, !state.hasEnded, !Task.isCancelled else { return true }
                        state.reader = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                // Only wakes the reader, who looks himself.
                change { _ in }
            }
        }
        return nil
    }
}
