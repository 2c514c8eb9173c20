import Events
import Foundation
import Kernel
import Logging
import Postgres
import RabbitMQ
import Support

@testable import Messaging

/// Something that is said in these tests.
struct BellRang: VersionedEvent {
    static let name = "school.bell.rang.v1"
    let bell: UUID
    let version: Int64
    var ended = false
    var aggregate: UUID { bell }
    static var example: BellRang { BellRang(bell: UUID(), version: 1) }
}

/// A wish that is sent in these tests.
struct RingBell: Command {
    static let name = "school.bell.ring.v1"
    let bell: UUID
    var expiresAt: Date?
    var aggregate: UUID { bell }
    static var example: RingBell { RingBell(bell: UUID(), expiresAt: nil) }
}

/// A fact about the same aggregate as a bell.
struct WindowBroke: Event {
    static let name = "school.window.broke.v1"
    let bell: UUID
    var aggregate: UUID { bell }
    static var example: WindowBroke { WindowBroke(bell: UUID()) }
}

/// A broker's objects of one test's own, and the running parts of a small service.
struct School: Sendable {
    let prefix: String
    let broker: BrokerConfiguration
    let database: Database
    let outbox: Outbox
    let logger = Logger(label: "test")

    static let table = Migrations("test", files: [("001-heard", "create table heard (id bigint generated always as identity, bell uuid not null, version bigint not null, unique (bell, version)); create table writer (bell uuid primary key, version bigint not null); create table reading (key text not null, body text not null, primary key (key, body)); create table state (bell uuid primary key, version bigint not null, ended boolean not null)")])

    /// - Parameter database: another than the test case's own.
    init(on database: Database? = nil) throws {
        try self.init(
            prefix: "t\(UUID().uuidString.prefix(8).lowercased()).", database: database ?? TestDatabase.current.database)
    }

    /// The same school seen by another process.
    init(prefix: String, conninfo: String) throws {
        try self.init(
            prefix: prefix,
            database: Database(DatabaseConfiguration(conninfo: conninfo, poolSize: 3), logger: Logger(label: "test")))
    }

    private init(prefix: String, database: Database) throws {
        self.prefix = prefix
        self.database = database
        broker = try BrokerConfiguration(url: TestServers.amqp, name: "test")
        outbox = Outbox(service: "school", prefix: prefix)
    }

    /// - Parameter retryDelay: how long a message waits at each level, instead of seconds to minutes.
    func declare(_ hearings: [Hearing], retryDelay: Duration? = nil) async throws {
        let channel = BrokerChannel(broker)
        var topology = try hearings.map(\.topology).reduce(Topology.shared) { try $0.merging($1) }.prefixed(by: prefix)
        if let retryDelay {
            for index in topology.queues.indices where topology.queues[index].arguments["x-message-ttl"] != nil {
                topology.queues[index].arguments["x-message-ttl"] = .number(Int64(retryDelay / .milliseconds(1)))
            }
        }
        // Notes every message that is sent to wait, and at which level.
        topology.queues.append(.init(waits))
        topology.bindings.append(.init(exchange: prefix + "school.retry", queue: waits, key: "#"))
        try await channel.declare(topology)
        await channel.close()
    }

    private var waits: String { prefix + "waits" }

    /// The levels to which messages were sent, in their order, since the last question.
    func levels() async throws -> [String] {
        let channel = BrokerChannel(broker)
        var levels: [String] = []
        while let delivery = try await channel.get(from: waits) {
            try await channel.acknowledge(delivery)
            levels.append(String(delivery.routingKey.prefix(2)))
        }
        await channel.close()
        return levels
    }

    /// What the relay would do, for messages that come from somewhere else.
    func say(_ messages: [BrokerMessage]) async throws {
        let publisher = Publisher(broker, logger: logger)
        try await publisher.publish(messages)
        await publisher.close()
    }

    func say(_ bells: [BellRang]) async throws {
        try await say(
            bells.map { bell in
                let delivery = try Delivery.bell(bell)
                return BrokerMessage(delivery, exchange: prefix + "school.events", routingKey: BellRang.name)
            })
    }

    func dead(_ queue: String = "school.bells") -> DeadLetters {
        DeadLetters(queue: queue, prefix: prefix, broker: broker)
    }

    func loop(_ hearing: Hearing, on other: Database? = nil, log: NotedLog? = nil) -> HearingLoop {
        HearingLoop(hearing, outbox: outbox, database: other ?? database, broker: broker, logger: log?.logger ?? logger)
    }

    func clean(_ hearings: [Hearing]) async throws {
        let channel = BrokerChannel(broker)
        let topology = try hearings.map(\.topology).reduce(Topology.shared) { try $0.merging($1) }.prefixed(by: prefix)
        try await channel.delete(queues: topology.queues.map(\.name) + [waits], exchanges: topology.exchanges.map(\.name))
        await channel.close()
    }

    func relay() -> Relay { Relay(outbox, database: database.configuration, broker: broker, logger: logger) }

    /// The same database, where no statement may take longer.
    func impatient(_ limit: Duration) -> Database {
        var configuration = database.configuration
        configuration.statementTimeout = limit
        return Database(configuration, logger: logger)
    }

    /// Runs relay and hearings while the body runs; the hearings on another database if one is given.
    func run(
        _ hearings: [Hearing], on other: Database? = nil, retryDelay: Duration? = nil,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await declare(hearings, retryDelay: retryDelay)
        let relay = relay()
        let loops = hearings.map { loop($0, on: other) }
        var failure: (any Error)?
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await relay.run() }
            for loop in loops { group.addTask { try? await loop.run() } }
            do { try await body() } catch { failure = error }
            group.cancelAll()
        }
        try await clean(hearings)
        if let failure { throw failure }
    }

    func count(_ sql: SQL) async throws -> Int { try await database.rows(sql, as: Int.self)[0] }
}

/// Hears bells and writes them down; a bell of version 666 can never be heard, one of 404 not yet.
func bells(_ queue: String = "school.bells", batch: Int = 100) -> Hearing {
    Hearing(queue: queue, batch: batch, [
        .batch(BellRang.self, endUnnamed: { run, transaction in
            try transaction.execute(
                "update state set ended = true where bell not in (select aggregate_id from republished where run_id = \(run))")
        }) { events, transaction, _ in
            if events.contains(where: { $0.event.version == 666 }) { throw Unacceptable("a cursed bell") }
            if events.contains(where: { $0.event.version == 404 }) {
                let known = try transaction.first("select count(*) from state", as: Int.self) ?? 0
                if known == 0 { throw NotYet("no bell is known") }
            }
            try transaction.execute(
                "insert into heard (bell, version) select * from unnest(\(events.map(\.event.bell)), \(events.map(\.event.version)))")
            for event in events {
                try transaction.execute(
                    """
                    insert into state as s values (\(event.event.bell), \(event.version), \(event.event.ended))
                    on conflict (bell) do update set version = excluded.version, ended = excluded.ended where excluded.version > s.version
                    """)
            }
        }
    ])
}

extension Delivery {
    /// A message as the broker would bring it.
    static func bell(
        _ event: some Event, id: UUID = .v7(), isRedelivered: Bool = false, cause: Cause? = nil, isRepublished: Bool = false
    ) throws -> Delivery {
        var properties = MessageProperties()
        properties.messageID = id.uuidString.lowercased()
        properties.type = Swift.type(of: event).name
        properties.contentType = Envelope.contentType
        let body = try Envelope.encode(
            event, id: id, service: "school", epoch: 1, at: Date(), cause: cause, isRepublished: isRepublished,
            with: EventCoding.encoder)
        return Delivery(
            tag: 1, generation: 0, isRedelivered: isRedelivered, exchange: "x", routingKey: Swift.type(of: event).name, body: body,
            properties: properties)
    }
}

/// Keeps what hardware says; a body that is deadly ends the process at once.
func readings(_ deadly: String? = nil, order: Hearing.Order = .single) -> Hearing {
    Hearing(queue: "school.edge", exchange: .edge, order: order, bindings: ["device.*.reading"], [
        .raw(routingKey: "device.*.reading") { messages, transaction, _ in
            for message in messages {
                let body = String(decoding: message.body, as: UTF8.self)
                if body == deadly { kill(getpid(), SIGKILL) }
                try transaction.execute(
                    "insert into reading values (\(message.routingKey), \(body)) on conflict do nothing")
            }
        }
    ])
}
