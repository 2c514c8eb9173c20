import Tracing

/// Where a piece of work hangs in a trace: the `traceparent` of W3C Trace Context, version 00.
public struct TraceParent: Sendable, Equatable, CustomStringConvertible {
    /// 32 hexadecimal digits, not all zero.
    public let traceID: String
    /// 16 hexadecimal digits, not all zero.
    public let spanID: String
    /// Whether the caller records this trace.
    public let isSampled: Bool

    init(traceID: String, spanID: String, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Reads the header; `nil` for anything that is not one, which starts a new trace, as the standard asks.
    public init?(_ header: String) {
        let parts = header.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].count == 2, parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            Self.isIdentifier(parts[1], digits: 32), Self.isIdentifier(parts[2], digits: 16), parts[3].count == 2,
            parts.prefix(4).allSatisfy({ $0.utf8.allSatisfy(Self.isHex) }), let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(traceID: String(parts[1]), spanID: String(parts[2]), isSampled: flags & 1 == 1)
    }

    /// The header that says it onwards.
    public var description: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// A trace that begins here.
    static func root() -> TraceParent {
        TraceParent(traceID: random(bytes: 8) + random(bytes: 8), spanID: random(bytes: 8), isSampled: true)
    }

    /// A span below this one.
    func child() -> TraceParent { TraceParent(traceID: traceID, spanID: Self.random(bytes: 8), isSampled: isSampled) }

    private static func random(bytes: Int) -> String {
        let text = String(UInt64.random(in: 1...UInt64.max), radix: 16)
        return String(repeating: "0", count: bytes * 2 - text.count) + text
    }

    private static func isHex(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }

    private static func isIdentifier(_ text: Substring, digits: Int) -> Bool {
        text.count == digits && text.contains { $0 != "0" }
    }
}

private enum TraceParentKey: ServiceContextKey {
    typealias Value = TraceParent
    static let nameOverride: String? = "traceparent"
}

private enum TraceStateKey: ServiceContextKey {
    typealias Value = String
    static let nameOverride: String? = "tracestate"
}

extension ServiceContext {
    /// The span the current work belongs to.
    public var traceParent: TraceParent? {
        get { self[TraceParentKey.self] }
        set { self[TraceParentKey.self] = newValue }
    }

    /// What other tracers on the way wrote for themselves; carried on unchanged.
    var traceState: String? {
        get { self[TraceStateKey.self] }
        set { self[TraceStateKey.self] = newValue }
    }
}
