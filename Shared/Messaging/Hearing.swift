public import Events
public import Foundation
public import Postgres
import RabbitMQ

/// The exchanges one can listen to.
public enum SchoolExchange: String, Sendable {
    case events = "school.events"
    case commands = "school.commands"
    /// Hardware over AMQP and MQTT.
    case edge = "school.edge"
}

/// A message that is no CloudEvent: what hardware sends.
public struct RawMessage: Sendable {
    /// The key under which it was published, also after it waited in a retry level.
    public let routingKey: String
    public let body: [UInt8]
    /// When we took it from the queue.
    public let receivedAt: Date

    public init(routingKey: String, body: [UInt8], receivedAt: Date) {
        self.routingKey = routingKey
        self.body = body
        self.receivedAt = receivedAt
    }
}

/// What to do when one kind of message comes.
public struct Subscription: Sendable {
    /// The name of the event, or a pattern of routing keys for raw messages.
    public let name: String
    /// A message about somebody's rights is never parked while it may heal: it waits at the last level again and again.
    public let neverSkip: Bool
    let isRaw: Bool
    /// Reads a message before any transaction begins, beside the work on those before it.
    let read: @Sendable (Arrived, JSONDecoder) throws -> any Sendable
    /// Carries out what was read, each by `read`, for messages of a queue.
    let handle: @Sendable ([any Sendable], _ queue: String, borrowing Transaction, Outbox) throws -> Void
    let endUnnamed: (@Sendable (UUID, borrowing Transaction) throws -> Void)?

    /// A message with what the hearing found out about it.
    struct Arrived: Sendable {
        let body: [UInt8]
        let routingKey: String
        let receivedAt: Date
    }

    /// Reacts to each event by itself, within its trace; what is said meanwhile has the event as its cause.
    public static func each<E: Event>(
        _ type: E.Type, neverSkip: Bool = false,
        _ react: @escaping @Sendable (Received<E>, borrowing Transaction, Outbox) throws -> Void
    ) -> Subscription {
        typed(type, neverSkip: neverSkip, endUnnamed: nil) { events, transaction, outbox in
            for event in events { try event.cause.during { try react(event, transaction, outbox) } }
        }
    }

    /// Reacts to all events of the kind in a batch at once, in their order.
    ///
    /// An event that comes alone is handled within its trace; of several each has its own, so that what follows from
    /// them names its cause: `outbox.publish(each:)`.
    ///
    /// - Parameter endUnnamed: for full states: called when their owner has said all of them again. Whatever is older than
    ///   the run and is not among `select aggregate_id from republished where run_id = …` has ended.
    public static func batch<E: Event>(
        _ type: E.Type, neverSkip: Bool = false,
        endUnnamed: (@Sendable (_ run: UUID, borrowing Transaction) throws -> Void)? = nil,
        _ react: @escaping @Sendable ([Received<E>], borrowing Transaction, Outbox) throws -> Void
    ) -> Subscription {
        typed(type, neverSkip: neverSkip, endUnnamed: endUnnamed) { events, transaction, outbox in
            guard events.count == 1 else { return try react(events, transaction, outbox) }
            try events[0].cause.during { try react(events, transaction, outbox) }
        }
    }

    private static func typed<E: Event>(
        _ type: E.Type, neverSkip: Bool, endUnnamed: (@Sendable (UUID, borrowing Transaction) throws -> Void)?,
        _ react: @escaping @Sendable ([Received<E>], borrowing Transaction, Outbox) throws -> Void
    ) -> Subscription {
        Subscription(
            name: E.name, neverSkip: neverSkip, isRaw: false,
            read: { arrived, decoder in try Envelope.decode(arrived.body, as: E.self, with: decoder) },
            handle: { read, queue, transaction, outbox in
                let events = read.compactMap { $0 as? Received<E> }
                try Republication.note(events, queue: queue, in: transaction)
                try react(events, transaction, outbox)
            }, endUnnamed: endUnnamed)
    }

    /// Reacts to messages of hardware by their routing key, where `*` stands for one word and `#` for any number.
    ///
    /// They have no identifier: whoever handles them drops repeats by what is in them.
    public static func raw(
        routingKey: String, _ react: @escaping @Sendable ([RawMessage], borrowing Transaction, Outbox) throws -> Void
    ) -> Subscription {
        Subscription(
            name: routingKey, neverSkip: false, isRaw: true,
            read: { arrived, _ in
                RawMessage(routingKey: arrived.routingKey, body: arrived.body, receivedAt: arrived.receivedAt)
            },
            handle: { read, _, transaction, outbox in
                try react(read.compactMap { $0 as? RawMessage }, transaction, outbox)
            }, endUnnamed: nil)
    }
}

/// One queue: one concern of a service, with what it does about each kind of message in it.
public struct Hearing: Sendable {
    public enum Order: Sendable {
        /// Copies of the service share the work; effects must not depend on the order of messages.
        case competing
        /// One copy works and the others stand by; the order of the queue holds.
        case single
    }

    /// `canteen.ledger`: service and concern.
    public let queue: String
    public let exchange: SchoolExchange
    public let order: Order
    /// How many messages may be on their way to us.
    public let prefetch: Int
    /// How many are handled in one transaction at most.
    public let batch: Int
    /// How many transactions a copy has under way at a time.
    public let lanes: Int
    /// The routing keys that fill the queue.
    public let bindings: [String]
    public let subscriptions: [Subscription]
    /// Whether the inbox notes what was heard.
    let remembers: Bool
    let afterBatch: (@Sendable (Database) async -> Void)?

    /// - Parameters:
    ///   - lanes: so many batches at a time, as if there were so many copies; one where the order holds. While one waits for
    ///     the disk another is decided.
    ///   - remembers: false only where every effect has a key of its own by which a repeat has none: it is then answered once more,
    ///     and nothing is written to remember it by.
    ///   - bindings: other keys than the names of what is subscribed to.
    ///   - afterBatch: runs after the commit of each batch: the place to tell other copies.
    public init(
        queue: String, exchange: SchoolExchange = .events, order: Order = .competing, prefetch: Int = 300, batch: Int = 100,
        lanes: Int = 1, remembers: Bool = true, bindings: [String]? = nil, afterBatch: (@Sendable (Database) async -> Void)? = nil,
        _ subscriptions: [Subscription]
    ) {
        precondition(lanes == 1 || order == .competing, "what has an order has one lane")
        self.queue = queue
        self.exchange = exchange
        self.order = order
        self.prefetch = prefetch
        self.batch = batch
        self.lanes = max(1, lanes)
        self.remembers = remembers
        self.bindings = bindings ?? subscriptions.map(\.name)
        self.subscriptions = subscriptions
        self.afterBatch = afterBatch
    }

    /// The broker's objects that the queue needs.
    public var topology: Topology {
        Topology.consumed(queue, from: exchange.rawValue, keys: bindings, hasSingleActiveConsumer: order == .single)
    }

    /// Which subscription is for a name, or has the pattern that a key fits.
    func subscription(for type: String?, key: String) -> Int? {
        subscriptions.firstIndex { $0.isRaw ? Self.fits(key, $0.name) : $0.name == type }
    }

    /// AMQP's topic patterns.
    static func fits(_ key: String, _ pattern: String) -> Bool {
        func fits(_ words: ArraySlice<Substring>, _ parts: ArraySlice<Substring>) -> Bool {
            guard let part = parts.first else { return words.isEmpty }
            if part == "#" {
                return fits(words, parts.dropFirst()) || (!words.isEmpty && fits(words.dropFirst(), parts))
            }
            guard let word = words.first, part == "*" || part == word else { return false }
            return fits(words.dropFirst(), parts.dropFirst())
        }
        return fits(key.split(separator: ".")[...], pattern.split(separator: ".")[...])
    }
}
