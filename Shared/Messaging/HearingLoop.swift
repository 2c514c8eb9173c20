import Events
import Foundation
public import Logging
import Metrics
public import Postgres
public import RabbitMQ
public import ServiceLifecycle

/// Takes messages from one queue and carries out what the hearing says, each exactly once in effect.
///
/// A batch is one transaction: inbox rows and effects commit together. A batch that fails is done again one by one, so a
/// bad message never holds up the others. When the database is away the messages wait where they are and nothing is used
/// up; the broker's heartbeats go on meanwhile.
public final class HearingLoop: Service {
    /// A message that came so often without being acknowledged kills its consumer; it is parked.
    private static let mostAttempts = 8
    /// So many times a statement may be too slow before the others go past its message.
    private static let mostTimeouts = 3
    /// The last of the levels at which a message that may heal waits.
    private static let lastLevel = 4

    /// Headers of a message that waits or is parked.
    enum Header {
        static let level = "zvonok-level"
        static let reason = "zvonok-reason"
        static let key = "zvonok-key"
        static let attempts = "zvonok-attempts"
        static let failedAt = "zvonok-failed-at"
    }

    private let hearing: Hearing
    private let outbox: Outbox
    private let database: Database
    private let consumer: Consumer
    private let publisher: Publisher
    private let logger: Logger
    private let handled: Counter
    private let retried: Counter
    private let parked: Counter
    private let ignored: Counter
    private let sizes: Recorder

    public init(_ hearing: Hearing, outbox: Outbox, database: Database, broker: BrokerConfiguration, logger: Logger) {
        self.hearing = hearing
        self.outbox = outbox
        self.database = database
        var logger = logger
        logger[metadataKey: "queue"] = "\(hearing.queue)"
        self.logger = logger
        consumer = Consumer(
            broker, queue: outbox.prefix + hearing.queue, prefetch: hearing.prefetch, largestBatch: hearing.batch, logger: logger)
        publisher = Publisher(broker, logger: logger)
        let labels = [("queue", hearing.queue)]
        handled = Counter(label: "zvonok_messages_handled_total", dimensions: labels)
        retried = Counter(label: "zvonok_messages_retried_total", dimensions: labels)
        parked = Counter(label: "zvonok_messages_parked_total", dimensions: labels)
        ignored = Counter(label: "zvonok_messages_ignored_total", dimensions: labels)
        sizes = Recorder(label: "zvonok_message_batch_size", dimensions: labels)
    }

    /// How it stands with the broker.
    public var status: BrokerStatus { consumer.status }

    public func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Stops taking at shutdown; what is in our hands is finished below.
                await cancelWhenGracefulShutdown { await self.consumer.run() }
            }
            for await deliveries in consumer.deliveries {
                var rest = deliveries[...]
                while !rest.isEmpty {
                    let chunk = Array(rest.prefix(hearing.batch))
                    rest = rest.dropFirst(hearing.batch)
                    await handle(chunk)
                }
            }
            group.cancelAll()
        }
        await consumer.close()
        await publisher.close()
    }

    /// Handles deliveries and acknowledges them. Returns only when each is applied, waits at a level, or is parked; or, on
    /// cancellation, without having acknowledged.
    func handle(_ deliveries: [Delivery]) async {
        let again = deliveries.filter(\.isRedelivered)
        if again.isEmpty {
            await together(deliveries)
        } else {
            // What came back may have ended its consumer: each alone, and counted before it is touched.
            let fresh = deliveries.filter { !$0.isRedelivered }
            for delivery in again { await alone(delivery, counted: true) }
            if !fresh.isEmpty { await together(fresh) }
        }
        if let afterBatch = hearing.afterBatch { await afterBatch(database) }
    }

    private func together(_ deliveries: [Delivery]) async {
        let arrived = deliveries.map { Taken($0, receivedAt: Date()) }
        var wait = 0.1
        while !Task.isCancelled {
            do {
                try await database.transaction { try self.apply(arrived, in: $0) }
                await consumer.acknowledge(deliveries)
                handled.increment(by: deliveries.count)
                sizes.record(deliveries.count)
                return
            } catch where Self.isOutage(error) && !(deliveries.count > 1 && Self.isTooSlow(error)) {
                await waitInPlace(&wait, error)
            } catch is CancellationError {
                return
            } catch {
                if deliveries.count > 1 {
                    logger.debug("a batch is done again one by one", metadata: ["error": "\(error)"])
                }
                for delivery in deliveries { await alone(delivery, counted: false) }
                return
            }
        }
    }

    private func alone(_ delivery: Delivery, counted: Bool) async {
        let taken = Taken(delivery, receivedAt: Date())
        var wait = 0.1
        var timeouts = 0
        // Counted once for each time it came: waiting for the database uses nothing up.
        var killer: Bool? = counted ? nil : false
        while !Task.isCancelled {
            do {
                if killer == nil { killer = try await isKiller(taken) }
                if killer == true {
                    try await park(delivery, "it was taken \(Self.mostAttempts) times and never finished")
                } else {
                    try await database.transaction { try self.apply([taken], in: $0) }
                    handled.increment()
                }
                await consumer.acknowledge([delivery])
                return
            } catch where Self.isOutage(error) && !(Self.isTooSlow(error) && timeouts + 1 >= Self.mostTimeouts) {
                if Self.isTooSlow(error) { timeouts += 1 }
                await waitInPlace(&wait, error)
            } catch is CancellationError {
                return
            } catch {
                do {
                    try await putAside(delivery, taken, error)
                    await consumer.acknowledge([delivery])
                    return
                } catch is CancellationError {
                    return
                } catch {
                    await waitInPlace(&wait, error)
                }
            }
        }
    }

    /// Whether waiting is all that helps: nothing is wrong with the message.
    private static func isOutage(_ error: any Error) -> Bool {
        if let error = error as? PostgresError {
            return error.isConnectionLost || error.isRetryable || error.sqlState.hasPrefix("53") || error.sqlState == "55P03"
                || error.isCancelled
        }
        return error is PoolExhausted
    }

    /// A statement ran into its time limit: the database may be busy, or it is this message's doing.
    private static func isTooSlow(_ error: any Error) -> Bool {
        (error as? PostgresError)?.isCancelled == true && !Task.isCancelled
    }

    private func waitInPlace(_ wait: inout Double, _ error: any Error) async {
        logger.warning("messages wait", metadata: ["error": "\(error)", "seconds": "\(wait)"])
        try? await Task.sleep(for: .seconds(wait * Double.random(in: 0.8...1.2)))
        wait = min(5, wait * 2)
    }

    // MARK: Effects

    private struct Taken: Sendable {
        let id: UUID?
        let type: String?
        let arrived: Subscription.Arrived

        init(_ delivery: Delivery, receivedAt: Date) {
            let key = delivery.headers[Header.key]?.text ?? delivery.routingKey
            id = delivery.messageID.flatMap(UUID.init(uuidString:))
            type = delivery.type ?? (delivery.properties.contentType == Envelope.contentType ? Envelope.type(of: delivery.body) : nil)
            arrived = Subscription.Arrived(body: delivery.body, routingKey: key, receivedAt: receivedAt)
        }
    }

    /// Inbox rows and effects of a batch. Messages of one kind are handled together; where the order of the queue counts,
    /// only those that follow each other.
    private func apply(_ all: [Taken], in transaction: borrowing Transaction) throws {
        let queue = hearing.queue
        let ids = all.compactMap(\.id)
        var new = Set(ids)
        if !ids.isEmpty {
            new = Set(
                try transaction.rows(
                    """
                    insert into inbox (queue, message_id) select \(queue), id from unnest(\(ids)) as id
                    on conflict do nothing returning message_id
                    """, as: UUID.self))
        }
        var groups: [(subscription: Subscription, arrived: [Subscription.Arrived])] = []
        for taken in all {
            if let id = taken.id, new.remove(id) == nil { continue }
            if try marker(taken, in: transaction) { continue }
            guard let subscription = hearing.subscription(for: taken.type, key: taken.arrived.routingKey) else {
                // A newer publisher says more than we know of; an older binding still brings what nobody wants.
                ignored.increment()
                continue
            }
            let at = hearing.order == .single
                ? groups.indices.last.flatMap { groups[$0].subscription.name == subscription.name ? $0 : nil }
                : groups.firstIndex { $0.subscription.name == subscription.name }
            if let at {
                groups[at].arrived.append(taken.arrived)
            } else {
                groups.append((subscription, [taken.arrived]))
            }
        }
        for group in groups { try group.subscription.handle(group.arrived, transaction, outbox) }
    }

    /// Opens and closes a republication; true when the message was a marker.
    private func marker(_ taken: Taken, in transaction: borrowing Transaction) throws -> Bool {
        let decoder = EventCoding.decoder
        switch taken.type {
        case RepublicationOpened.name:
            let opened = try Envelope.decode(taken.arrived.body, as: RepublicationOpened.self, with: decoder).event
            try transaction.execute(
                """
                insert into republished (run_id, queue, aggregate_id)
                values (\(opened.run), \("\(hearing.queue)/\(opened.event)"), \(opened.run)) on conflict do nothing
                """)
        case RepublicationClosed.name:
            let closed = try Envelope.decode(taken.arrived.body, as: RepublicationClosed.self, with: decoder).event
            let key = "\(hearing.queue)/\(closed.event)"
            let named = try transaction.first(
                """
                select count(*) from republished where run_id = \(closed.run) and queue = \(key) and aggregate_id <> run_id
                """, as: Int.self) ?? 0
            // Another copy may still be handling what was named, or a name waits at a retry level.
            guard named >= closed.count else {
                throw NotYet("\(closed.count - named) of \(closed.count) named states have not been handled yet")
            }
            let subscription = hearing.subscriptions.first { $0.name == closed.event }
            try subscription?.endUnnamed?(closed.run, transaction)
            try transaction.execute("delete from republished where run_id = \(closed.run) and queue = \(key)")
        default: return false
        }
        return true
    }

    // MARK: What could not be handled

    /// Counts a message that came again, in a transaction of its own, before it may end us once more.
    private func isKiller(_ taken: Taken) async throws -> Bool {
        guard let id = taken.id else { return false }
        let queue = hearing.queue
        let times = try await database.rows(
            """
            insert into attempted as known (queue, message_id, times) values (\(queue), \(id), 1)
            on conflict (queue, message_id) do update set times = known.times + 1, last_at = now()
            returning times
            """, as: Int.self)
        return (times.first ?? 0) >= Self.mostAttempts
    }

    private func putAside(_ delivery: Delivery, _ taken: Taken, _ error: any Error) async throws {
        if error is Unacceptable || error is RowMismatch {
            return try await park(delivery, "\(error)")
        }
        let subscription = hearing.subscription(for: taken.type, key: taken.arrived.routingKey)
        let last = Int(delivery.headers[Header.level]?.number ?? 0)
        // What is only too slow stays at the last level as well: nobody has said that anything is wrong with it.
        if last >= Self.lastLevel, subscription?.neverSkip != true, !Self.isOutage(error) {
            return try await park(delivery, "\(error)")
        }
        let level = min(last + 1, Self.lastLevel)
        var message = BrokerMessage(
            delivery, exchange: outbox.prefix + "school.retry",
            routingKey: Topology.retryKey(level: level, queue: outbox.prefix + hearing.queue))
        annotate(&message, taken.arrived.routingKey, "\(error)", delivery)
        message.headers[Header.level] = .number(Int64(level))
        try await publisher.publish([message])
        retried.increment()
        logger.info("a message waits", metadata: ["level": "\(level)", "type": "\(taken.type ?? "?")", "reason": "\(error)"])
    }

    private func park(_ delivery: Delivery, _ reason: String) async throws {
        let key = delivery.headers[Header.key]?.text ?? delivery.routingKey
        var message = BrokerMessage(
            delivery, exchange: outbox.prefix + "school.dead", routingKey: outbox.prefix + hearing.queue)
        annotate(&message, key, reason, delivery)
        try await publisher.publish([message])
        parked.increment()
        logger.error(
            "a message was parked; see dead-letters list",
            metadata: ["id": "\(delivery.messageID ?? "?")", "type": "\(delivery.type ?? key)", "reason": "\(reason)"])
    }

    private func annotate(_ message: inout BrokerMessage, _ key: String, _ reason: String, _ delivery: Delivery) {
        message.headers[Header.key] = .text(key)
        // A header is for reading, not for a whole stack of causes.
        message.headers[Header.reason] = .text(String(reason.prefix(900)))
        message.headers[Header.attempts] = .number((delivery.headers[Header.attempts]?.number ?? 0) + 1)
        message.headers[Header.failedAt] = .text(Date().formatted(.iso8601))
    }
}

/// Forgets what no repeat can ask about any more.
public struct InboxSweeper: Service {
    /// Longer than any replay of a parked message by hand.
    public static let keptDays = 35

    private let database: Database
    private let logger: Logger

    public init(_ database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await sweep() } catch is CancellationError { return } catch {
                    logger.warning("the inbox was not swept", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: .seconds(3600))
            }
        }
    }

    /// Deletes in slices, so that no statement is long.
    func sweep() async throws {
        while try await database.execute(
            """
            delete from inbox where ctid in (
                select ctid from inbox where seen_at < now() - make_interval(days => \(Int32(Self.keptDays))) limit 5000)
            """) == 5000
        {}
        try await database.execute("delete from attempted where last_at < now() - interval '7 days'")
        try await database.execute(
            """
            delete from republished where run_id in (
                select run_id from republished group by run_id
                having min(seen_at) < now() - make_interval(days => \(Int32(Self.keptDays))))
            """)
    }
}
