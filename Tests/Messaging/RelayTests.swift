import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import RabbitMQ
import Support
import Testing

/// The way from the outbox to the broker: one relay at a time, the order of each aggregate, and an honest age.
@Suite(.database(.messaging, School.table)) struct RelayTests {
    @Test("the second relay takes over when the first goes, and not before") func twoRelays() async throws {
        let school = try School()
        try await school.declare([bells()])
        let first = school.relay()
        let second = school.relay()
        _ = try await first.carry()
        try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        #expect(try await second.carry() == 0)
        #expect(try await first.carry() == 1)
        let running = Task { try await first.run() }
        running.cancel()
        _ = try? await running.value
        try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        try await eventually { try await second.carry() == 1 }
        try await school.clean([bells()])
    }

    @Test("what a copy says that may not send wakes the one that does") func otherCopies() async throws {
        let school = try School()
        try await school.declare([bells()])
        let sending = school.relay()
        _ = try await sending.carry()
        var words = school.database.listen("relay_school").makeAsyncIterator()
        #expect(await words.next() == "")
        // Another process: what is committed there fires a signal of its own.
        let other = Outbox(service: "school", prefix: school.outbox.prefix)
        let waiting = Relay(other, database: school.database.configuration, broker: school.broker, logger: school.logger)
        let running = Task { try await waiting.run() }
        try await school.database.transaction { try other.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        #expect(await words.next() == "")
        #expect(try await sending.carry() == 1)
        running.cancel()
        _ = try? await running.value
        try await school.clean([bells()])
    }

    @Test("what finds no queue still counts in the age of the outbox") func age() async throws {
        let school = try School()
        try await school.declare([bells()])
        let relay = school.relay()
        try await school.database.transaction { try school.outbox.publish(RingBell(bell: .v7()), in: $0) }
        try await school.database.execute("update outbox set created_at = now() - interval '90 seconds'")
        _ = try await relay.carry()
        _ = try await relay.carry()
        #expect(try await school.count("select count(*) from outbox where try_after > now()") == 1)
        #expect(try #require(relay.oldestAge) >= 90)
        // Also beside what leaves at once.
        try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        #expect(try await relay.carry() == 1)
        #expect(try #require(relay.oldestAge) >= 90)
        // And nothing that was sent does.
        try await school.database.execute("delete from outbox")
        _ = try await relay.carry()
        #expect(relay.oldestAge == nil)
        try await school.clean([bells()])
    }

    @Test("what follows a message that the broker did not keep is said after it, and other things do not wait") func nacked() async throws {
        let school = try School()
        try await school.declare([bells()])
        let full = school.prefix + "full"
        let tap = school.prefix + "tap"
        let channel = BrokerChannel(school.broker)
        // A queue that takes no more of these, beside one that hears everything.
        try await channel.declare(
            Topology(
                queues: [
                    .init(full, arguments: ["x-max-length": 1, "x-overflow": "reject-publish"]), .init(tap),
                ],
                bindings: [
                    .init(exchange: school.prefix + "school.events", queue: full, key: WindowBroke.name),
                    .init(exchange: school.prefix + "school.events", queue: tap, key: "#"),
                ]))
        let publisher = Publisher(school.broker, logger: school.logger)
        let stuffing = BrokerMessage(exchange: school.prefix + "school.events", routingKey: WindowBroke.name, body: [1])
        try await eventually("the queue is full") {
            do {
                try await publisher.publish([stuffing])
                return false
            } catch PublishFailure.nacked { return true }
        }
        let relay = school.relay()
        let (one, other) = (UUID.v7(), UUID.v7())
        try await school.database.transaction { tx in
            try school.outbox.publish(WindowBroke(bell: one), in: tx)
            try school.outbox.publish(BellRang(bell: one, version: 2), in: tx)
            try school.outbox.publish(BellRang(bell: other, version: 1), in: tx)
        }
        #expect(try await relay.carry() == 1)
        #expect(try await school.count("select count(*) from outbox") == 2)
        // What is said about the same thing meanwhile waits; about another it does not.
        try await school.database.transaction { tx in
            try school.outbox.publish(BellRang(bell: one, version: 3), in: tx)
            try school.outbox.publish(BellRang(bell: other, version: 2), in: tx)
        }
        try await school.database.execute("update outbox set try_after = now() + interval '1 day' where try_after > '-infinity'")
        #expect(try await relay.carry() == 1)
        #expect(try await school.count("select count(*) from outbox where partition_key = \(one)") == 3)
        try await channel.purge(full)
        try await school.database.execute("update outbox set try_after = now() where try_after > '-infinity'")
        try await eventually {
            _ = try await relay.carry()
            return try await school.count("select count(*) from outbox") == 0
        }
        // Whoever reads them last, reads them in their order.
        var said: [String] = []
        while let delivery = try await channel.get(from: tap) {
            try await channel.acknowledge(delivery)
            guard delivery.messageID != nil else { continue }
            let text = String(decoding: delivery.body, as: UTF8.self)
            guard text.contains("\"partitionkey\":\"\(one.text)\"") else { continue }
            said.append(delivery.type == WindowBroke.name ? "broke" : text.contains("\"version\":2") ? "2" : "3")
        }
        #expect(said.suffix(3) == ["broke", "2", "3"])
        await publisher.close()
        try await channel.delete(queues: [full, tap], exchanges: [])
        await channel.close()
        try await school.clean([bells()])
    }

    @Test("a message that AMQP cannot express is put off with its reason and holds up nothing") func inexpressible() async throws {
        let school = try School()
        try await school.declare([bells()])
        let relay = school.relay()
        try await school.database.transaction { tx in
            // A correlation of any length is shortened.
            try school.outbox.publish(
                BellRang(bell: .v7(), version: 1), cause: Cause(correlationID: String(repeating: "я", count: 300)), in: tx)
            try tx.execute(
                """
                insert into outbox (event_id, exchange, routing_key, type, body)
                values (\(UUID.v7()), \(school.prefix + "school.events"), \(String(repeating: "x", count: 300)), 'x', '{}')
                """)
            try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: tx)
        }
        #expect(try await relay.carry() == 2)
        #expect(try await school.count("select count(*) from outbox where failure like 'cannot be sent%'") == 1)
        try await school.clean([bells()])
    }
}
