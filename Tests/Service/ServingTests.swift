import Configuration
import Events
import Foundation
import FoundationNetworking
import Logging
import Messaging
import Postgres
import RabbitMQ
import ServiceLifecycle
import Support
import Testing

@testable import Service

@Suite("Serving", .database(BellService.migrations)) struct ServingTests {
    let database = TestDatabase.current.database
    let prefix = "bell\(UInt32.random(in: 1...UInt32.max))-"

    private func parts(healthPort: Int) async throws -> Parts {
        try await BellService.parts(
            database: database,
            settings: [
                "rabbitmq.url": try TestServers.amqp, "http.port": "0", "health.port": "\(healthPort)",
                "messaging.prefix": prefix,
            ], outbox: Outbox(service: "bell", prefix: prefix))
    }

    private func rung() async throws -> Int {
        try await database.rows("select count(*) from rung", as: Int.self).first ?? 0
    }

    @Test("what is said is carried and heard; a request to stop finishes what is held and leaves nothing behind")
    func speaksHearsAndLeaves() async throws {
        let port = try freePort()
        let parts = try await parts(healthPort: port)
        let channel = BrokerChannel(parts.broker)
        let topology = try BellService.topology(parts)
        try await channel.declare(topology)
        try await database.execute("insert into inbox values ('q', gen_random_uuid(), now() - interval '40 days')")
        let group = try serviceGroup(BellService.self, parts)
        let running = Task { try await group.run() }

        try await eventually { try await readiness(at: port)?.ready == true }
        for _ in 0..<250 {
            let event = SessionEnded(sessionID: UUID(), personID: UUID(), at: Date())
            try await database.transaction { try parts.outbox.publish(event, in: $0) }
        }
        try await eventually { try await rung() > 0 }
        // What is older than any repeat is forgotten without anybody asking for it.
        try await eventually {
            try await database.rows("select count(*) from inbox where seen_at < now() - interval '35 days'", as: Int.self) == [0]
        }
        await group.triggerGracefulShutdown()
        try await running.value

        // The relay carried off everything; what had not been handled is still in the queue, and nothing is half done.
        let after = Database(database.configuration, logger: Logger(label: "test"))
        let unsent = try await after.rows("select count(*) from outbox", as: Int.self).first
        let handled = try await after.rows("select count(*) from rung", as: Int.self).first ?? 0
        let inbox = try await after.rows("select count(*) from inbox", as: Int.self).first
        await after.close()
        #expect(unsent == 0)
        #expect(inbox == handled)
        try await eventually {
            try await channel.state(ofQueue: prefix + "bell.sessions").messages == 250 - handled
        }
        try await channel.delete(queues: topology.queues.map(\.name), exchanges: topology.exchanges.map(\.name))
        await channel.close()
    }

    @Test("readiness names what is missing: an unknown schema, queues that nobody hears, messages that wait")
    func readinessNamesWhatIsMissing() async throws {
        let parts = try await parts(healthPort: 0)
        _ = try await database.transaction { transaction in
            try transaction.execute("delete from migration where series = 'bell'")
        }
        let loops = BellService.hearings(parts).map {
            (queue: $0.queue, loop: HearingLoop(
                $0, outbox: parts.outbox, database: database, broker: parts.broker, logger: parts.logger))
        }
        let relay = Relay(parts.outbox, database: database.configuration, broker: parts.broker, logger: parts.logger)
        let readiness = await Readiness.examine(readinessChecks(BellService.self, parts, relay: relay, loops: loops))
        #expect(!readiness.ready)
        let findings = Dictionary(uniqueKeysWithValues: readiness.checks.map { ($0.name, $0) })
        #expect(findings["database"]?.ok == false)
        #expect(findings["database"]?.detail.contains("bell/001-bell") == true)
        #expect(findings["broker"]?.ok == false)
        #expect(findings["broker"]?.detail.contains("bell.sessions") == true)
        #expect(findings["outbox"]?.ok == true)
    }

    @Test("the parts of a test have every setting at its default, and secrets of their own") func partsOfATest() async throws {
        let parts = try await BellService.parts(database: database, settings: ["bell.volume": "80"])
        #expect(parts.configuration.int(forKey: "bell.volume") == 80)
        #expect(parts.configuration.string(forKey: "bell.secret")?.isEmpty == false)
        #expect(parts.publicAddress == "https://localhost")
        await #expect(throws: ConfigurationRefused.self) {
            try await BellService.parts(database: database, settings: ["bell.loudness": "80"])
        }
    }
}

/// What `/ready` says; nil while nothing listens.
private func readiness(at port: Int) async throws -> Readiness? {
    guard let address = URL(string: "http://127.0.0.1:\(port)/ready"),
        let (data, _) = try? await URLSession.shared.data(from: address)
    else { return nil }
    return try JSONDecoder().decode(Readiness.self, from: data)
}

/// A port that was free a moment ago.
private func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> UInt16? in
            guard bind(listener, generic, length) == 0, getsockname(listener, generic, &length) == 0 else { return nil }
            return pointer.pointee.sin_port.bigEndian
        }
    }
    return Int(try #require(port))
}
