import Logging
import Synchronization
import Tracing

/// A tracer that needs no collector: it carries `traceparent` in and out, and writes a log line for every
/// span that has ended.
public struct LineTracer: Tracer {
    private let logger: Logger
    private let writesSpans: Bool

    /// - Parameter writesSpans: whether ended spans become lines; contexts are carried in any case.
    public init(logger: Logger, writesSpans: Bool) {
        self.logger = logger
        self.writesSpans = writesSpans
    }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> LineSpan {
        var context = context()
        let parent = context.traceParent
        context.traceParent = parent?.child() ?? .root()
        return LineSpan(
            operationName, kind: kind, context: context, parentSpanID: parent?.spanID,
            start: instant().nanosecondsSinceEpoch, logger: writesSpans ? logger : nil)
    }

    public func forceFlush() {}

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let header = extractor.extract(key: "traceparent", from: carrier), let parent = TraceParent(header)
        else { return }
        context.traceParent = parent
        context.traceState = extractor.extract(key: "tracestate", from: carrier)
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let parent = context.traceParent else { return }
        injector.inject(parent.description, forKey: "traceparent", into: &carrier)
        if let state = context.traceState { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }
}

/// One piece of work with a beginning and an end.
public final class LineSpan: Span {
    private struct State {
        var name: String
        var attributes: SpanAttributes = [:]
        var failure: String?
        var events: [String] = []
        var links: [String] = []
        var hasEnded = false
    }

    public let context: ServiceContext
    private let kind: SpanKind
    private let parentSpanID: String?
    private let start: UInt64
    private let logger: Logger?
    private let state: Mutex<State>

    init(
        _ name: String, kind: SpanKind, context: ServiceContext, parentSpanID: String?, start: UInt64, logger: Logger?
    ) {
        self.context = context
        self.kind = kind
        self.parentSpanID = parentSpanID
        self.start = start
        self.logger = logger
        self.state = Mutex(State(name: name))
    }

    public var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    public var isRecording: Bool { logger != nil && !state.withLock { $0.hasEnded } }

    public func setStatus(_ status: SpanStatus) {
        guard status.code == .error else { return }
        state.withLock { $0.failure = $0.failure ?? status.message ?? "error" }
    }

    public func addEvent(_ event: SpanEvent) { state.withLock { $0.events.append(event.name) } }

    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        let text = "\(error)"
        state.withLock { $0.failure = text }
    }

    public func addLink(_ link: SpanLink) {
        guard let linked = link.context.traceParent else { return }
        state.withLock { $0.links.append(linked.description) }
    }

    /// Ends the span; a second end changes nothing.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let end = instant().nanosecondsSinceEpoch
        let ended = state.withLock { state -> State? in
            if state.hasEnded { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended, let logger else { return }
        var metadata: Logger.Metadata = [
            "kind": "\(kind)", "microseconds": .stringConvertible(end > start ? (end - start) / 1000 : 0),
        ]
        if let parentSpanID { metadata["parent"] = .string(parentSpanID) }
        if let failure = ended.failure { metadata["failure"] = .string(failure) }
        if !ended.events.isEmpty { metadata["events"] = .array(ended.events.map { .string($0) }) }
        if !ended.links.isEmpty { metadata["links"] = .array(ended.links.map { .string($0) }) }
        ended.attributes.forEach { key, value in
            // What stands after the question mark may be a search for a child's name.
            if key != "url.query" { metadata[key] = .string(Self.text(of: value)) }
        }
        // The line carries the span's own ids, wherever it is ended.
        ServiceContext.$current.withValue(context) {
            logger.info("\(ended.name)", metadata: metadata)
        }
    }

    private static func text(of attribute: SpanAttribute) -> String {
        switch attribute {
        case .int32(let value): "\(value)"
        case .int64(let value): "\(value)"
        case .double(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .string(let value): value
        case .stringConvertible(let value): value.description
        default: "\(attribute)"
        }
    }
}
