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
    /// A message that came so often without being acknowledged kills its consumer.
    static let mostAttempts = 8
    /// So many times a statement may be too slow before the others go past its message.
    private static let mostTimeouts = 3
    /// The broker gives a message up after twenty deliveries, guilty or not; before that it gets a new life.
    static let mostDeliveries: Int64 = 10
    /// The last of the levels at which a message that may heal waits.
    static let lastLevel = 4

    /// Headers of a message that waits or is parked.
    enum Header {
        static let level = "zvonok-level"
        static let reason = "zvonok-reason"
        static let key = "zvonok-key"
        static let attempts = "zvonok-attempts"
        static let failedAt = "zvonok-failed-at"
        /// The broker's own: how often it has delivered the message in vain.
        static let deliveries = "x-delivery-count"
    }

    let hearing: Hearing
    let outbox: Outbox
    let database: Database
    let publisher: Publisher
    let logger: Logger
    private let consumer: Consumer
    private let handled: Counter
    let retried: Counter
    let parked: Counter
    let ignored: Counter
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
        let inlet = Gathering<Taken>(upTo: hearing.batch)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Stops taking at shutdown; what is in our hands is finished below.
                await cancelWhenGracefulShutdown { await self.consumer.run() }
            }
            group.addTask {
                for await deliveries in self.consumer.deliveries {
                    inlet.add(self.taken(await self.reviving(deliveries)))
                    // What comes for the first time is read one batch ahead. What came before is read to the last that was
                    // prefetched: handling may end the process before it comes to them, and some may need a new life.
                    guard !deliveries.contains(where: \.isRedelivered) else { continue }
                    await inlet.whenTaken(leaving: self.hearing.batch * self.hearing.lanes - 1)
                }
                inlet.end()
            }
            await handle(inlet)
            group.cancelAll()
        }
        await consumer.close()
        await publisher.close()
    }

    /// Handles what comes in, in as many lanes as the hearing has. A batch is taken when a lane is free for it, not before:
    /// meanwhile it grows.
    private func handle(_ inlet: Gathering<Taken>) async {
        await withTaskGroup(of: Void.self) { lanes in
            var busy = 0
            for await messages in inlet {
                lanes.addTask { await self.handle(messages) }
                busy += 1
                if busy == hearing.lanes {
                    await lanes.next()
                    busy -= 1
                }
            }
        }
    }

    /// Handles deliveries and acknowledges them. Returns only when each is applied, waits at a level, or is parked; or, on
    /// cancellation, without having acknowledged.
    func handle(_ messages: [Taken]) async {
        let again = messages.filter(\.delivery.isRedelivered)
        if again.isEmpty {
            await together(messages)
        } else {
            // What came back may have ended its consumer: each alone, and counted before it is touched.
            let fresh = messages.filter { !$0.delivery.isRedelivered }
            for message in again { await alone(message, counted: true) }
            if !fresh.isEmpty { await together(fresh) }
        }
        if let afterBatch = hearing.afterBatch { await afterBatch(database) }
    }

    private func together(_ messages: [Taken]) async {
        var wait = 0.1
        while !Task.isCancelled {
            do {
                try await database.transaction { try self.apply(messages, in: $0) }
                await consumer.acknowledge(messages.map(\.delivery))
                handled.increment(by: messages.count)
                sizes.record(messages.count)
                return
            } catch where Self.isOutage(error) && !(messages.count > 1 && Self.isTooSlow(error)) {
                await waitInPlace(&wait, error)
            } catch is CancellationError {
                return
            } catch {
                if messages.count > 1 {
                    logger.debug("a batch is done again one by one", metadata: ["error": "\(error)"])
                }
                for message in messages { await alone(message, counted: false) }
                return
            }
        }
    }

    /// - Parameter counted: it came before and was not acknowledged, so it may be what ended its consumer.
    private func alone(_ taken: Taken, counted: Bool) async {
        var wait = 0.1
        var timeouts = 0
        // Counted once for each time it came: waiting for the database uses nothing up.
        var times = counted ? nil : 0
        while !Task.isCancelled {
            let failure: any Error
            do {
                if times == nil { times = try await begin(taken) }
                if let times, times >= Self.mostAttempts {
                    failure = Killer(times: times)
                } else {
                    try await database.transaction { transaction in
                        try self.apply([taken], in: transaction)
                        if counted { try self.finish(taken, in: transaction) }
                    }
                    handled.increment()
                    return await consumer.acknowledge([taken.delivery])
                }
            } catch where Self.isOutage(error) && !(Self.isTooSlow(error) && timeouts + 1 >= Self.mostTimeouts) {
                if Self.isTooSlow(error) { timeouts += 1 }
                await waitInPlace(&wait, error)
                continue
            } catch is CancellationError {
                break
            } catch {
                failure = error
            }
            do {
                let isParked = try await putAside(taken, failure)
                // What kills and must not be parked keeps its count: the next time once is enough.
                if counted, isParked || !(failure is Killer) { await finish(taken) }
                return await consumer.acknowledge([taken.delivery])
            } catch is CancellationError {
                break
            } catch {
                await waitInPlace(&wait, error)
            }
        }
        // Whoever can still say that it was interrupted was not ended by it.
        if counted, times != nil { await finish(taken) }
    }

    /// Gives an acknowledged end to what a broker would give up without a reason: it goes once round the first level and
    /// comes back as new. Gives what is left to handle.
    private func reviving(_ deliveries: [Delivery]) async -> [Delivery] {
        let old = deliveries.filter { ($0.headers[Header.deliveries]?.number ?? 0) >= Self.mostDeliveries }
        guard !old.isEmpty else { return deliveries }
        do {
            try await revive(old)
            await consumer.acknowledge(old)
            let gone = Set(old.map(\.tag))
            return deliveries.filter { !gone.contains($0.tag) }
        } catch {
            logger.warning("what came often could not be given a new life", metadata: ["error": "\(error)"])
            return deliveries
        }
    }

    /// Whether waiting is all that helps: nothing is wrong with the message.
    static func isOutage(_ error: any Error) -> Bool {
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
}
