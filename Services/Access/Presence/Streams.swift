import Foundation
import Synchronization

/// The open streams of live pages.
final class Streams: Sendable {
    private let open = Mutex<[UUID: AsyncStream<Void>.Continuation]>([:])

    func add() -> AsyncStream<Void> {
        let id = UUID()
        // One pending word is enough: whoever hears it reads everything anew.
        return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            open.withLock { $0[id] = continuation }
            continuation.onTermination = { [weak self] _ in self?.open.withLock { $0[id] = nil } }
        }
    }

    func yield() {
        let all = open.withLock { Array($0.values) }
        for one in all { one.yield() }
    }
}
