import CoreMetrics
import Synchronization

/// Notes what is measured within `withMetricsFactory(NotedMetrics()) { … }`: each test its own.
public final class NotedMetrics: MetricsFactory {
    private let noted = Mutex<[String: [Double]]>([:])

    public init() {}

    /// Everything that was recorded under a name, in its order; of counters their increments.
    ///
    /// - Parameter label: the metric's name, and its dimensions as `name{key=value}` when it has any.
    public func values(_ label: String) -> [Double] { noted.withLock { $0[label] ?? [] } }

    /// The last of them.
    public func last(_ label: String) -> Double? { values(label).last }

    /// Their sum: what a counter shows.
    public func sum(_ label: String) -> Double { values(label).reduce(0, +) }

    private func note(_ label: String, _ value: Double) { noted.withLock { $0[label, default: []].append(value) } }

    private func handler(_ label: String, _ dimensions: [(String, String)]) -> Handler {
        let labels = dimensions.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        let name = labels.isEmpty ? label : "\(label){\(labels)}"
        return Handler { [self] in note(name, $0) }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { handler(label, dimensions) }
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        handler(label, dimensions)
    }
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { handler(label, dimensions) }
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private final class Handler: CounterHandler, RecorderHandler, TimerHandler {
        private let note: @Sendable (Double) -> Void

        init(_ note: @escaping @Sendable (Double) -> Void) { self.note = note }

        func increment(by amount: Int64) { note(Double(amount)) }
        func reset() {}
        func record(_ value: Int64) { note(Double(value)) }
        func record(_ value: Double) { note(value) }
        func recordNanoseconds(_ duration: Int64) { note(Double(duration)) }
    }
}
