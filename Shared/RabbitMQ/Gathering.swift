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
        /// Those who add, and how few must be waiting before each goes on; several, where one of an old connection still waits.
        var writers: [Writer] = []
        var lastWriter = 0

        mutating func take(_ limit: Int) -> [Item] {
            guard waiting.count > limit else {
                defer { waiting = [] }
                return waiting
            }
            defer { waiting.removeFirst(limit) }
            return Array(waiting[..<limit])
        }

        /// The writers that may go on.
        mutating func freeWriters() -> [Writer] {
            guard !writers.isEmpty else { return [] }
            let count = hasEnded ? 0 : waiting.count
            defer { writers.removeAll { count <= $0.few } }
            return writers.filter { count <= $0.few }
        }
    }

    private struct Writer {
        let number: Int
        let few: Int
        let continuation: CheckedContinuation<Void, Never>
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
        let (reader, writers) = state.withLock { state in
            change(&state)
            defer { state.reader = nil }
            return (state.reader, state.freeWriters())
        }
        reader?.resume()
        for writer in writers { writer.continuation.resume() }
    }

    /// For the one who adds: returns when the reader has left at most so many, at the end, and when the task is cancelled.
    ///
    /// Who waits here before he fetches more fetches much at a time: there is no hurry while the reader is busy.
    public func whenTaken(leaving few: Int = 0) async {
        let number = state.withLock { state in
            state.lastWriter += 1
            return state.lastWriter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    guard state.waiting.count > few, !state.hasEnded, !Task.isCancelled else { return true }
                    state.writers.append(Writer(number: number, few: few, continuation: continuation))
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let writer = state.withLock { state in
                state.writers.firstIndex { $0.number == number }.map { state.writers.remove(at: $0) }
            }
            writer?.continuation.resume()
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        let gathering: Gathering

        /// Everything that is here, at least one and at most the limit; nil at the end, and when the task is cancelled.
        public func next() async -> [Item]? { await gathering.take() }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(gathering: self) }

    private func take() async -> [Item]? {
        while !Task.isCancelled {
            let (taken, isOver, writers) = state.withLock { state in
                let taken = state.take(limit)
                return (taken, state.hasEnded && state.waiting.isEmpty, state.freeWriters())
            }
            for writer in writers { writer.continuation.resume() }
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
