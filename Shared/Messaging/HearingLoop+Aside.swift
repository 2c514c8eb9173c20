import Foundation
import Logging
import Metrics
import Postgres
import RabbitMQ

/// Where a message goes that could not be handled: to a level where it waits, or to the parking place.
extension HearingLoop {
    /// Sends a message to wait or parks it, by what went wrong with it.
    ///
    /// A message that must not be skipped is parked only when nothing can ever come of it. A program that cannot read its
    /// own tables, or dies of it, will be mended; until then it waits at the last level, where one such message costs one
    /// crash in ten minutes and holds up no other. Gives whether the message was parked.
    func putAside(_ taken: Taken, _ error: any Error) async throws -> Bool {
        let delivery = taken.delivery
        let subscription = taken.subscription.map { hearing.subscriptions[$0] }
        let isMarker = taken.type == RepublicationClosed.name || taken.type == RepublicationOpened.name
        let neverSkip = subscription?.neverSkip == true || isMarker
        if error is Unacceptable || ((error is RowMismatch || error is Killer) && !neverSkip) {
            try await park(taken, "\(error)")
            return true
        }
        let last = Int(delivery.headers[Header.level]?.number ?? 0)
        // What is only too slow stays at the last level as well: nobody has said that anything is wrong with it.
        if last >= Self.lastLevel, !neverSkip, !Self.isOutage(error) {
            try await park(taken, "\(error)")
            return true
        }
        let level = error is Killer ? Self.lastLevel : min(last + 1, Self.lastLevel)
        var message = waiting(delivery, at: level)
        annotate(&message, taken.key, "\(error)", delivery)
        message.headers[Header.level] = .number(Int64(level))
        try await publisher.publish([message])
        retried.increment()
        let metadata: Logger.Metadata = ["level": "\(level)", "type": "\(taken.type ?? "?")", "reason": "\(error)"]
        if last >= Self.lastLevel || error is Killer {
            logger.error("a message that must not be skipped cannot be handled and waits on", metadata: metadata)
        } else {
            logger.info("a message waits", metadata: metadata)
        }
        return false
    }

    /// Sends messages round the first level as they are, so that the broker counts their deliveries from the beginning.
    func revive(_ deliveries: [Delivery]) async throws {
        let messages = deliveries.map { delivery in
            var message = waiting(delivery, at: 1)
            message.headers[Header.key] = .text(delivery.headers[Header.key]?.text ?? delivery.routingKey)
            return message
        }
        try await publisher.publish(messages)
        logger.warning(
            "messages came often without an end, with others that may be to blame; they come again as new",
            metadata: ["messages": "\(messages.count)"])
    }

    private func waiting(_ delivery: Delivery, at level: Int) -> BrokerMessage {
        BrokerMessage(
            delivery, exchange: outbox.prefix + "school.retry",
            routingKey: Topology.retryKey(level: level, queue: outbox.prefix + hearing.queue))
    }

    private func park(_ taken: Taken, _ reason: String) async throws {
        let delivery = taken.delivery
        var message = BrokerMessage(
            delivery, exchange: outbox.prefix + "school.dead", routingKey: outbox.prefix + hearing.queue)
        annotate(&message, taken.key, reason, delivery)
        try await publisher.publish([message])
        parked.increment()
        logger.error(
            "a message was parked; see dead-letters list",
            metadata: [
                "id": "\(delivery.messageID ?? taken.countedAs.uuidString)",
                "type": "\(delivery.type ?? taken.key)", "reason": "\(reason)",
            ])
    }

    private func annotate(_ message: inout BrokerMessage, _ key: String, _ reason: String, _ delivery: Delivery) {
        message.headers[Header.key] = .text(key)
        // A header is for reading, not for a whole stack of causes.
        message.headers[Header.reason] = .text(String(reason.prefix(900)))
        message.headers[Header.attempts] = .number((delivery.headers[Header.attempts]?.number ?? 0) + 1)
        message.headers[Header.failedAt] = .text(Date().formatted(.iso8601))
    }
}
