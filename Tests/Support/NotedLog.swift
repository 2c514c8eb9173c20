public import Logging
import Synchronization

/// A log whose lines a test counts: what a program is about while nothing else of it can be seen.
public final class NotedLog: Sendable {
    private struct Line {
        let message: String
        let error: String?
    }

    private let lines = Mutex<[Line]>([])

    public init() {}

    public var logger: Logger { Logger(label: "test") { [self] _ in Handler(log: self) } }

    /// How often something was said.
    public func count(of message: String) -> Int { lines.withLock { $0.count { $0.message == message } } }

    /// The errors that were given with it, in their order.
    public func errors(with message: String) -> [String] {
        lines.withLock { $0.filter { $0.message == message }.compactMap(\.error) }
    }

    private struct Handler: LogHandler {
        let log: NotedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(message: "\(event.message)", error: event.metadata?["error"].map { "\($0)" })
            log.lines.withLock { $0.append(line) }
        }
    }
}
