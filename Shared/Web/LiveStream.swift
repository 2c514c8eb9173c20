import Foundation
import Hummingbird
import ServiceLifecycle

/// Server-sent events on their way to one reader, until his token ends, the events end or the service is asked to stop.
struct LiveStream: Sendable {
    let events: AsyncStream<ServerEvent>
    /// How long the reader's token still counts.
    let life: Duration
    /// How often the stream says that it is still there, so that nobody on the way hangs up.
    let heartbeat: Duration

    /// What a slow reader may fall behind by; what a page shows is whole in each event, so the oldest may go.
    private static let mostWaiting = 256

    /// The lines as they are sent: frames, comments between them, and first how soon the browser may come back.
    var lines: AsyncStream<String> {
        let (events, life, heartbeat) = (events, life, heartbeat)
        return AsyncStream(bufferingPolicy: .bufferingNewest(Self.mostWaiting)) { continuation in
            continuation.yield("retry: 2000\n\n")
            let forward = Task {
                for await event in events { continuation.yield(event.frame) }
                continuation.finish()
            }
            let beat = Task {
                while (try? await Task.sleep(for: heartbeat)) != nil { continuation.yield(": still here\n\n") }
            }
            let limit = Task {
                // The browser comes back by itself, with a new token.
                if (try? await Task.sleep(for: life)) != nil { continuation.finish() }
            }
            let leave = Task {
                // A service that is asked to stop does not wait for readers who only look on.
                if (try? await gracefulShutdown()) != nil { continuation.finish() }
            }
            continuation.onTermination = { _ in
                for task in [forward, beat, limit, leave] { task.cancel() }
            }
        }
    }

    var body: ResponseBody {
        ResponseBody { writer in
            for await line in lines { try await writer.write(ByteBuffer(string: line)) }
            try await writer.finish(nil)
        }
    }
}
