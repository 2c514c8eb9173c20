import Foundation

/// The kinds of header value this project uses.
public enum HeaderValue: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    case text(String)
    case number(Int64)
    case flag(Bool)

    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .number(value) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }

    /// The text, when it is one.
    public var text: String? { if case .text(let text) = self { text } else { nil } }
    /// The number, when it is one.
    public var number: Int64? { if case .number(let number) = self { number } else { nil } }
    /// The flag, when it is one.
    public var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
}

/// A message on its way to the broker. Texts other than header values and the body hold at most 255 bytes.
public struct BrokerMessage: Equatable, Sendable {
    public var exchange: String
    public var routingKey: String
    public var body: [UInt8]
    public var messageID: String?
    public var type: String?
    public var contentType: String?
    public var correlationID: String?
    /// The service that speaks.
    public var appID: String?
    public var headers: [String: HeaderValue]
    /// Whole seconds travel.
    public var timestamp: Date?
    /// Survives a restart of the broker.
    public var isPersistent: Bool
    /// How long it may wait in a queue.
    public var expiration: Duration?

    public init(
        exchange: String, routingKey: String, body: [UInt8], messageID: String? = nil, type: String? = nil,
        contentType: String? = nil, correlationID: String? = nil, appID: String? = nil,
        headers: [String: HeaderValue] = [:], timestamp: Date? = nil, isPersistent: Bool = true,
        expiration: Duration? = nil
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        self.messageID = messageID
        self.type = type
        self.contentType = contentType
        self.correlationID = correlationID
        self.appID = appID
        self.headers = headers
        self.timestamp = timestamp
        self.isPersistent = isPersistent
        self.expiration = expiration
    }
}
