import Foundation
import Kernel
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// Tells the open pages of a child that something happened, whichever copy of the service heard of it.
///
/// The handlers of messages notify in their own transaction; every copy listens on one connection.
final class LiveFeed: Sendable {
    static let channel = "notifier_feed"
    /// A notification carries 8000 bytes; an identifier and its comma take 37.
    private static let most = 200

    private let places = Mutex<[UUID: [UUID: AsyncStream<Void>.Continuation]]>([:])

    /// Children of whom something was written and nobody has been told yet.
    private static let touched = Mutex<Set<UUID>>([])

    /// Remembers whose pages must look again once the batch is committed. A batch that is rolled back wakes them in vain, which costs a look.
    static func touch(_ children: [UUID]) {
        touched.withLock { $0.formUnion(children) }
    }

    /// Wakes the pages in every copy: a hearing calls it after its commit. One notification tells of up to two hundred children.
    static func afterBatch(_ database: Database) async {
        let all = touched.withLock { touched in
            defer { touched = [] }
            return touched.sorted { $0.text < $1.text }
        }
        for start in stride(from: 0, to: all.count, by: most) {
            let payload = all[start..<min(all.count, start + most)].map(\.text).joined(separator: ",")
            // Live pages look again by themselves when their stream is renewed.
            try? await database.notify(channel, payload)
        }
    }

    /// A tick for everything that happens to the child from now on; the first comes at once. Ticks that nobody took are one.
    func ticks(of child: UUID) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let place = UUID()
        places.withLock { $0[child, default: [:]][place] = continuation }
        continuation.onTermination = { [weak self] _ in
            self?.places.withLock { places in
                places[child]?[place] = nil
                if places[child]?.isEmpty == true { places[child] = nil }
            }
        }
        continuation.yield()
        return stream
    }

    /// What a notification says; an empty one means that some may have been missed.
    func hear(_ payload: String) {
        let children = payload.split(separator: ",").compactMap { UUID(uuidString: String($0)) }
        let pages = places.withLock { places in
            payload.isEmpty ? places.values.flatMap(\.values) : children.flatMap { places[$0].map { Array($0.values) } ?? [] }
        }
        for page in pages { page.yield() }
    }

    /// The one feed of this process: pages and listener must meet.
    static let ofProcess = LiveFeed()
}

/// Listens for what other copies heard.
struct FeedListener: Service {
    let database: Database
    let feed: LiveFeed

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await payload in database.listen(LiveFeed.channel) { feed.hear(payload) }
        }
    }
}
