import Foundation
public import Logging
import Metrics
public import Postgres
public import RabbitMQ
public import ServiceLifecycle
import Synchronization

/// Carries what was said from the outbox to the broker: batches in the order of their rows, deleted once confirmed.
///
/// One per service works: a session-wide advisory lock decides, and another copy takes over when its holder goes. A crash
/// at any point leads to the same messages under the same identifiers again; every reader drops those it knows.
public final class Relay: Service {
    /// What is read, published and deleted together.
    public static let batch = 500
    /// How long the relay sleeps when nobody wakes it: the net under everything that the signal can miss.
    private static let slowPoll: Duration = .seconds(1)

    private let outbox: Outbox
    private let database: Database
    private let publisher: Publisher
    private let logger: Logger
    private let oldest = Mutex<Date?>(nil)
    private let published: Counter
    private let age: Gauge

    /// - Parameter database: where the outbox is; the relay opens a connection of its own, which holds the lock.
    public init(_ outbox: Outbox, database: DatabaseConfiguration, broker: BrokerConfiguration, logger: Logger) {
        self.outbox = outbox
        var own = database
        own.poolSize = 1
        own.applicationName += " relay"
        self.database = Database(own, logger: logger)
        publisher = Publisher(broker, logger: logger)
        self.logger = logger
        published = Counter(label: "zvonok_relay_published_total")
        age = Gauge(label: "zvonok_outbox_age_seconds")
    }

    /// How long the oldest unsent row has been waiting: the health of the service. Nil when there is none, or when another
    /// copy is the one that sends.
    public var oldestAge: TimeInterval? { oldest.withLock { $0 }.map { Date().timeIntervalSince($0) } }

    public func run() async throws {
        // Ends with the service, but not before what is committed has been given away once more.
        await withGracefulShutdownHandler {
            var failures = 0
            while !Task.isCancelled {
                do {
                    let moved = try await carry()
                    failures = 0
                    if moved == 0 {
                        if Task.isShuttingDownGracefully { break }
                        await outbox.signal.wait(upTo: Self.slowPoll)
                    }
                } catch is CancellationError {
                    break
                } catch {
                    failures += 1
                    let wait = min(5, 0.2 * Double(1 << min(failures, 5))) * Double.random(in: 0.7...1.3)
                    logger.warning(
                        "what was said could not be carried on and waits",
                        metadata: ["error": "\(error)", "failures": "\(failures)"])
                    if Task.isShuttingDownGracefully { break }
                    try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(wait)) }
                }
            }
        } onGracefulShutdown: {
            self.outbox.signal.fire()
        }
        await publisher.close()
        await database.close()
    }

    /// Carries one batch; gives how many messages the broker took over.
    @discardableResult
    public func carry() async throws -> Int {
        let rows = try await database.rows(
            """
            with mine as materialized (
                select pg_try_advisory_lock(hashtextextended('zvonok relay ' || current_schema(), 0)) as held)
            select seq, event_id, exchange, routing_key, type, body, correlation_id, created_at
            from mine, outbox where held and try_after <= now() order by seq limit \(Self.batch)
            """, as: Int64.self, UUID.self, String.self, String.self, String.self, Bytes.self, String?.self, Date.self)
        oldest.withLock { $0 = rows.first?.7 }
        age.record(rows.first.map { Date().timeIntervalSince($0.7) } ?? 0)
        guard !rows.isEmpty else { return 0 }
        let messages = rows.map { row in
            BrokerMessage(
                exchange: row.2, routingKey: row.3, body: row.5.bytes, messageID: row.1.uuidString.lowercased(), type: row.4,
                contentType: Envelope.contentType, correlationID: row.6, appID: outbox.service, timestamp: row.7)
        }
        do {
            try await publisher.publish(messages)
        } catch PublishFailure.returned(let returned) {
            return try await settle(rows.map { $0.0 }, without: returned, or: [])
        } catch PublishFailure.nacked(let positions, let returned) {
            return try await settle(rows.map { $0.0 }, without: returned, or: positions)
        } catch PublishFailure.refused(let error) where messages.count > 1 {
            // The broker closes the channel at the first message this service may not say, and does not tell which it was.
            logger.error("the broker refused a batch; it is sent one by one", metadata: ["error": "\(error)"])
            return try await oneByOne(rows.map { $0.0 }, messages)
        } catch PublishFailure.refused(let error) {
            return try await putOff(rows[0].0, error)
        }
        try await database.execute("delete from outbox where seq = any(\(rows.map { $0.0 }))")
        published.increment(by: rows.count)
        return rows.count
    }

    /// Finds the messages that the broker refuses by sending each alone; the others leave.
    private func oneByOne(_ rows: [Int64], _ messages: [BrokerMessage]) async throws -> Int {
        var moved = 0
        for (row, message) in zip(rows, messages) {
            do {
                try await publisher.publish([message])
                try await database.execute("delete from outbox where seq = \(row)")
                moved += 1
            } catch PublishFailure.refused(let error) {
                moved += try await putOff(row, error)
            } catch PublishFailure.returned(let returned) {
                moved += try await settle([row], without: returned, or: [])
            }
        }
        published.increment(by: moved)
        return moved
    }

    /// A message the broker will not let us say is tried again every minute, in case its rights are mended; nothing waits for it.
    private func putOff(_ row: Int64, _ error: BrokerError) async throws -> Int {
        logger.error("the broker refuses a message; see the rights by deploy/topology check", metadata: ["error": "\(error)"])
        try await database.execute(
            """
            update outbox set try_after = clock_timestamp() + interval '1 minute', failure = \("refused: \(error)") where seq = \(row)
            """)
        return 0
    }

    /// Deletes what was taken over of a batch that was not wholly. What found no queue says so loudly and is tried again
    /// every few seconds, without holding up what came after it.
    private func settle(_ rows: [Int64], without returned: [ReturnedMessage], or nacked: [Int]) async throws -> Int {
        let left = Set(returned.map(\.index) + nacked)
        let done = rows.indices.filter { !left.contains($0) }.map { rows[$0] }
        let unroutable = returned.map { rows[$0.index] }
        try await database.transaction { transaction in
            try transaction.execute("delete from outbox where seq = any(\(done))")
            try transaction.execute(
                """
                update outbox set try_after = clock_timestamp() + interval '5 seconds', failure = 'no queue takes it'
                where seq = any(\(unroutable))
                """)
        }
        if let first = returned.first {
            logger.error(
                "nobody takes a message: the broker's objects are older than the program; run deploy/topology apply",
                metadata: ["messages": "\(returned.count)", "exchange": "\(first.exchange)", "key": "\(first.routingKey)"])
        }
        published.increment(by: done.count)
        if !nacked.isEmpty { throw PublishFailure.nacked(nacked, returned: []) }
        return done.count
    }
}
