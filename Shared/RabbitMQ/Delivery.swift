import Foundation

/// A message that arrived.
public struct Delivery: Sendable, Equatable {
    /// The number it is acknowledged by, within its generation.
    public let tag: UInt64
    /// Which connection of the consumer brought it; a tag dies with its connection.
    public let generation: Int
    /// Whether the broker has delivered it before, to whomever.
    public let isRedelivered: Bool
    public let exchange: String
    public let routingKey: String
    public let body: [UInt8]
    public var properties = MessageProperties()

    public var messageID: String? { properties.messageID }
    public var type: String? { properties.type }
    public var headers: [String: HeaderValue] { properties.headers }

    public init(
        tag: UInt64, generation: Int, isRedelivered: Bool, exchange: String, routingKey: String, body: [UInt8],
        properties: MessageProperties = MessageProperties()
    ) {
        self.tag = tag
        self.generation = generation
        self.isRedelivered = isRedelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        self.properties = properties
    }
}

/// What a message says about itself beside its body.
public struct MessageProperties: Sendable, Equatable {
    public var messageID: String?
    public var type: String?
    public var contentType: String?
    public var correlationID: String?
    public var appID: String?
    /// Texts, numbers and flags; nested tables (the broker's own `x-death`) are left out.
    public var headers: [String: HeaderValue] = [:]
    public var timestamp: Date?
    public var isPersistent = false
    /// The key under which it was published before the broker moved it for the first time (`x-death`); nil when it never did.
    public var firstRoutingKey: String?

    public init() {}
}

extension BrokerMessage {
    /// The same message for another place: properties, headers and body unchanged.
    ///
    /// Headers of the broker itself (`x-…`) stay behind: with a copied `x-death` the broker would take the next way
    /// through a retry level for a cycle and drop the message.
    public init(_ delivery: Delivery, exchange: String, routingKey: String) {
        self.init(
            exchange: exchange, routingKey: routingKey, body: delivery.body, messageID: delivery.properties.messageID,
            type: delivery.properties.type, contentType: delivery.properties.contentType,
            correlationID: delivery.properties.correlationID, appID: delivery.properties.appID,
            headers: delivery.properties.headers.filter { !$0.key.hasPrefix("x-") },
            timestamp: delivery.properties.timestamp)
    }
}
