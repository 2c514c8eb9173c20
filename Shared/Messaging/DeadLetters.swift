import Foundation
import Kernel
import Logging
public import RabbitMQ

/// The parked messages of one queue: an operator lists, shows, replays or drops them. Nothing is edited.
///
/// They lie in the broker's queue `dead.<queue>`. To look at one its predecessors are taken out and given back, so the order
/// may change; nothing is lost if the program ends meanwhile, because nothing was acknowledged.
public struct DeadLetters: Sendable {
    /// A parked message as an operator sees it.
    public struct Letter: Sendable, Codable, Equatable {
        public let id: String
        public let type: String
        public let key: String
        public let reason: String
        public let attempts: Int64
        public let failedAt: String
        public let body: String
    }

    /// The queue whose dead these are.
    public let queue: String
    private let prefix: String
    private let broker: BrokerConfiguration

    public init(queue: String, prefix: String = "", broker: BrokerConfiguration) {
        self.queue = queue
        self.prefix = prefix
        self.broker = broker
    }

    /// All of them, up to a limit.
    public func list(limit: Int = 1000) async throws -> [Letter] {
        try await visit(limit: limit) { _, _ in .keep }
    }

    /// The one with an identifier; nil when there is none.
    public func show(_ id: String) async throws -> Letter? {
        try await list().first { $0.id == id }
    }

    /// Puts messages back into their queue under the same identifier, all or the one named; gives how many.
    public func replay(_ id: String? = nil) async throws -> Int {
        let publisher = Publisher(broker, logger: .init(label: "dead-letters"))
        var replayed: Set<String> = []
        _ = try await visit(limit: .max) { letter, delivery in
            guard id == nil || letter.id == id else { return .keep }
            // Parked again already, or its twin after a lost acknowledgement: once a round is enough.
            guard replayed.insert(letter.id).inserted else { return .keep }
            var message = BrokerMessage(
                delivery, exchange: prefix + "school.requeue", routingKey: Topology.replayKey(queue: prefix + queue))
            // It starts afresh, with all its levels before it.
            for header in [HearingLoop.Header.level, HearingLoop.Header.reason, HearingLoop.Header.failedAt] {
                message.headers[header] = nil
            }
            // Where the broker itself gave it up nobody has written down under which key it had come.
            message.headers[HearingLoop.Header.key] = .text(letter.key)
            try await publisher.publish([message])
            return .remove
        }
        await publisher.close()
        return replayed.count
    }

    /// Removes messages for good, all or the one named; gives how many.
    public func drop(_ id: String? = nil) async throws -> Int {
        var count = 0
        _ = try await visit(limit: .max) { letter, _ in
            guard id == nil || letter.id == id else { return .keep }
            count += 1
            return .remove
        }
        return count
    }

    private enum Fate { case keep, remove }

    private func visit(
        limit: Int, _ decide: (Letter, Delivery) async throws -> Fate
    ) async throws -> [Letter] {
        let channel = BrokerChannel(broker)
        var letters: [Letter] = []
        var kept: [Delivery] = []
        var seen: Set<String> = []
        var failure: (any Error)?
        do {
            while letters.count < limit, let delivery = try await channel.get(from: Topology.deadQueue(of: prefix + queue)) {
                let letter = Letter(delivery)
                // A message may lie here twice when the acknowledgement of its parking was lost; it hides no other.
                if seen.insert(letter.id).inserted { letters.append(letter) }
                switch try await decide(letter, delivery) {
                case .keep: kept.append(delivery)
                case .remove: try await channel.acknowledge(delivery)
                }
            }
        } catch {
            failure = error
        }
        for delivery in kept { try? await channel.reject(delivery, requeue: true) }
        await channel.close()
        if let failure { throw failure }
        return letters
    }
}

extension DeadLetters.Letter {
    init(_ delivery: Delivery) {
        let header = { (name: String) in delivery.headers[name] }
        key = header(HearingLoop.Header.key)?.text ?? delivery.properties.firstRoutingKey ?? delivery.routingKey
        id = delivery.messageID ?? HearingLoop.Taken.fingerprint(key: key, body: delivery.body).text
        type = delivery.type ?? Envelope.type(of: delivery.body) ?? key
        reason = header(HearingLoop.Header.reason)?.text ?? "the broker gave it up after too many deliveries"
        attempts = header(HearingLoop.Header.attempts)?.number ?? 0
        failedAt = header(HearingLoop.Header.failedAt)?.text ?? ""
        body = String(decoding: delivery.body, as: UTF8.self)
    }
}
