import Foundation
import Kernel
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
    /// Exchange and aggregate of what was put off, which hold back what came after. Only who holds the lock puts anything
    /// off, so it need not be read every time; nil when it must.
    private let late = Mutex<[String]?>(nil)
    /// Whether this copy was the one that sends when it looked last.
    private let isMine = Atomic(false)
    /// Where a copy that may not send says that something waits.
    private var channel: String { "relay_\(outbox.service)" }
    private let published: Counter
    private let age: Gauge
    private let putOffRows: Gauge

    /// - Parameter database: where the outbox is; the relay opens a connection of its own, which holds the lock.
    public init(_ outbox: Outbox, database: DatabaseConfiguration, broker: BrokerConfiguration, logger: Logger) {
        self.outbox = outbox
        var own = database.byKey("relay", poolSize: 1)
        // What is lost of its deletions when the server dies is published once more under the same identifiers.
        own.settings["synchronous_commit"] = "off"
        self.database = Database(own, logger: logger)
        publisher = Publisher(broker, logger: logger)
        self.logger = logger
        published = Counter(label: "zvonok_relay_published_total")
        age = Gauge(label: "zvonok_outbox_age_seconds")
        putOffRows = Gauge(label: "zvonok_outbox_put_off_rows")
    }

    /// How long the oldest unsent row has been waiting, also one that was put off: the health of the service. Nil when
    /// there is none, or when another copy is the one that sends.
    public var oldestAge: TimeInterval? { oldest.withLock { $0 }.map { Date().timeIntervalSince($0) } }

    public func run() async throws {
        // Ends with the service, but not before what is committed has been given away once more.
        await withGracefulShutdownHandler {
            let listening = Task { [database, channel, outbox] in
                for await _ in database.listen(channel) where self.isMine.load(ordering: .relaxed) { outbox.signal.fire() }
            }
            defer { listening.cancel() }
            var failures = 0
            while !Task.isCancelled {
                do {
                    let turn = try await turn()
                    failures = 0
                    if turn.moved == 0, Task.isShuttingDownGracefully { break }
                    if turn.isLast, !Task.isShuttingDownGracefully, await outbox.signal.wait(upTo: Self.slowPoll), !turn.isMine {
                        // Something was said in this copy, and another one sends.
                        try await database.notify(channel)
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

    /// One row of the outbox, ready to be sent.
    private struct Row: Sendable {
        let seq: Int64
        let aggregate: UUID?
        let message: BrokerMessage
        /// Exchange and aggregate: within them the order of the rows holds.
        var key: String? { aggregate.map { "\(message.exchange)/\($0.text)" } }
    }

    /// What came of looking into the outbox once.
    private struct Turn {
        var moved = 0
        /// Whether nothing more was waiting.
        var isLast = true
        /// Whether this copy is the one that sends.
        var isMine = true
    }

    /// Carries one batch; gives how many messages the broker took over.
    @discardableResult
    public func carry() async throws -> Int { try await turn().moved }

    private func turn() async throws -> Turn {
        let rows: [Row]?
        do {
            rows = try await due()
        } catch {
            // Another copy may work before the database answers again.
            late.withLock { $0 = nil }
            throw error
        }
        isMine.store(rows != nil, ordering: .relaxed)
        guard let rows else { return Turn(isMine: false) }
        guard !rows.isEmpty else { return Turn() }
        let moved = try await carry(rows)
        let isLast = rows.count < Self.batch
        if isLast, moved == rows.count, late.withLock({ $0?.isEmpty == true }) { show(oldest: nil) }
        return Turn(moved: moved, isLast: isLast)
    }

    private func carry(_ rows: [Row]) async throws -> Int {
        do {
            try await publisher.publish(rows.map(\.message))
        } catch PublishFailure.returned(let returned) {
            return try await settle(rows, without: returned, or: [])
        } catch PublishFailure.nacked(let positions, let returned) {
            return try await settle(rows, without: returned, or: positions)
        } catch PublishFailure.unacceptable(let index, let reason) {
            logger.error("a message cannot be sent; see failure in the outbox", metadata: ["reason": "\(reason)"])
            try await putOff([rows[index].seq], for: 3600, "cannot be sent: \(reason)")
            return try await carry()
        } catch PublishFailure.refused(let error) {
            // The broker closes the channel at the first message this service may not say, and does not tell which it was.
            if rows.count == 1 {
                try await refuse(rows[0], error)
                return 0
            }
            logger.error("the broker refused a batch; it is sent one by one", metadata: ["error": "\(error)"])
            return try await oneByOne(rows)
        }
        try await delete(rows.map(\.seq))
        return rows.count
    }

    /// The next rows that may leave, in their order; nil when another copy holds the lock.
    private func due() async throws -> [Row]? {
        var isFresh = false
        if late.withLock({ $0?.isEmpty != true }) {
            guard try await lookUp() else { return nil }
            isFresh = true
        }
        let late = late.withLock { $0 ?? [] }
        // What was put off leaves in its turn; what was said about the same thing after it follows it.
        let held: SQL =
            late.isEmpty
            ? ""
            : """
            and (try_after > '-infinity' or partition_key is null or exchange || '/' || partition_key <> all(\(late)))
            """
        let found = try await database.rows(
            """
            with mine as materialized (select \(Self.lock) as held)
            select seq, event_id, exchange, routing_key, type, body, correlation_id, created_at, partition_key
            from mine, outbox where held and try_after <= now() \(held) order by seq limit \(Self.batch)
            """, as: Int64.self, UUID.self, String.self, String.self, String.self, Bytes.self, String?.self, Date.self,
            UUID?.self)
        if let first = found.first {
            if late.isEmpty { show(oldest: first.7) }
        } else if !isFresh, try await !lookUp() {
            return nil
        }
        return found.map { row in
            Row(
                seq: row.0, aggregate: row.8,
                message: BrokerMessage(
                    exchange: row.2, routingKey: row.3, body: row.5.bytes, messageID: row.1.text, type: row.4,
                    contentType: Envelope.contentType, correlationID: row.6, appID: outbox.service, timestamp: row.7))
        }
    }

    /// True when this copy is the one that sends; the same session may take the lock any number of times.
    private static let lock: SQL = "pg_try_advisory_lock(hashtextextended('zvonok relay ' || current_schema(), 0))"

    /// Reads what waits and what was put off; false when another copy is the one that sends.
    private func lookUp() async throws -> Bool {
        let found = try await database.rows(
            """
            select \(Self.lock), (select created_at from outbox order by seq limit 1),
                array(select distinct exchange || '/' || partition_key from outbox
                    where try_after > '-infinity' and partition_key is not null),
                (select count(*) from outbox where try_after > '-infinity')
            """, as: Bool.self, Date?.self, [String].self, Int.self)
        guard let (isMine, first, keys, count) = found.first, isMine else {
            late.withLock { $0 = nil }
            show(oldest: nil)
            putOffRows.record(0)
            return false
        }
        late.withLock { $0 = keys }
        show(oldest: first)
        putOffRows.record(count)
        return true
    }

    private func show(oldest first: Date?) {
        oldest.withLock { $0 = first }
        age.record(first.map { Date().timeIntervalSince($0) } ?? 0)
    }

    private func delete(_ rows: [Int64]) async throws {
        try await database.execute("delete from outbox where seq = any(\(rows))")
        published.increment(by: rows.count)
    }

    // MARK: What does not leave

    /// Finds the messages that the broker refuses by sending each alone; the others leave, but not those that follow a
    /// refused one of their aggregate.
    private func oneByOne(_ rows: [Row]) async throws -> Int {
        var moved = 0
        var held: Set<String> = []
        for row in rows {
            if let key = row.key, held.contains(key) { continue }
            do {
                try await publisher.publish([row.message])
                try await delete([row.seq])
                moved += 1
            } catch PublishFailure.refused(let error) {
                try await refuse(row, error)
                if let key = row.key { held.insert(key) }
            } catch PublishFailure.returned(let returned) {
                moved += try await settle([row], without: returned, or: [])
                if let key = row.key { held.insert(key) }
            }
        }
        return moved
    }

    /// Tried again every minute, in case the rights are mended.
    private func refuse(_ row: Row, _ error: BrokerError) async throws {
        logger.error(
            "the broker refuses a message; see the rights by deploy/topology check", metadata: ["error": "\(error)"])
        try await putOff([row.seq], for: 60, "refused: \(error)")
    }

    /// Deletes what was taken over of a batch that was not wholly.
    ///
    /// What found no queue says so loudly and is tried again every few seconds. What the broker did not keep is tried again
    /// in a second, and what was said about the same thing after it is said again after it, so that whoever reads them last
    /// reads them in their order. Neither holds up what is said about other things.
    private func settle(_ rows: [Row], without returned: [ReturnedMessage], or nacked: [Int]) async throws -> Int {
        let unroutable = Set(returned.map(\.index))
        let refused = Set(nacked)
        var held: Set<String> = []
        var done: [Int64] = []
        for (index, row) in rows.enumerated() {
            if refused.contains(index) {
                if let key = row.key { held.insert(key) }
            } else if !unroutable.contains(index), row.key.map({ !held.contains($0) }) ?? true {
                done.append(row.seq)
            }
        }
        let taken = done
        late.withLock { $0 = nil }
        try await database.transaction { transaction in
            try transaction.execute("delete from outbox where seq = any(\(taken))")
            try Self.putOff(unroutable.map { rows[$0].seq }, for: 5, "no queue takes it", in: transaction)
            try Self.putOff(refused.map { rows[$0].seq }, for: 1, "the broker did not keep it", in: transaction)
        }
        if let first = returned.first {
            logger.error(
                "nobody takes a message: the broker's objects are older than the program; run deploy/topology apply",
                metadata: ["messages": "\(returned.count)", "exchange": "\(first.exchange)", "key": "\(first.routingKey)"])
        }
        if let first = nacked.first {
            logger.error(
                "the broker did not keep a message; its queue is full or away",
                metadata: ["messages": "\(nacked.count)", "key": "\(rows[first].message.routingKey)"])
        }
        published.increment(by: done.count)
        return done.count
    }

    private func putOff(_ rows: [Int64], for seconds: Double, _ reason: String) async throws {
        late.withLock { $0 = nil }
        try await database.transaction { try Self.putOff(rows, for: seconds, reason, in: $0) }
    }

    private static func putOff(
        _ rows: [Int64], for seconds: Double, _ reason: String, in transaction: borrowing Transaction
    ) throws {
        guard !rows.isEmpty else { return }
        try transaction.execute(
            """
            update outbox set try_after = clock_timestamp() + make_interval(secs => \(seconds)), failure = \(reason)
            where seq = any(\(rows))
            """)
    }
}
