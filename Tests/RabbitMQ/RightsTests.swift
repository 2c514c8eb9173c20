import Foundation
import Logging
import Support
import Testing

@testable import RabbitMQ

extension PrivateNodeTests {
    /// The rights as the broker itself understands them: the definitions were loaded by a real node.
    @Suite("Rights and shared objects in a real broker")
    struct RightsTests {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

        @Test(
            "A service may say its own facts and its own commands, and move messages of its own queues",
            arguments: [
                ("canteen", "school.events", "canteen.sale.completed.v1"),
                ("ledger", "school.events", "ledger.charge.accepted.v1"),
                ("canteen", "school.commands", "ledger.charge.v1"),
                ("canteen", "school.retry", "l1.canteen.ledger"),
                ("canteen", "school.retry", "l4.canteen.ledger"),
                ("canteen", "school.requeue", "replay.canteen.ledger"),
                ("canteen", "school.dead", "canteen.ledger"),
                ("ledger", "school.republish", "canteen.ledger"),
            ])
        func allowed(_ user: String, _ exchange: String, _ key: String) async throws {
            let node = try await PrivateNode.shared.value
            let publisher = Publisher(try node.configuration(of: user), logger: logger)
            try await publisher.publish([BrokerMessage(exchange: exchange, routingKey: key, body: [1])])
            await publisher.close()
        }

        @Test(
            "A service may say nothing in another's name: not its facts, not commands it does not send, not to others' queues",
            arguments: [
                ("canteen", "school.events", "ledger.charge.accepted.v1"),
                ("canteen", "school.events", "canteens.sale.completed.v1"),
                ("canteen", "school.events", "canteen"),
                ("canteen", "school.events", "canteen."),
                ("canteen", "school.events", "x.canteen.sale.v1"),
                ("canteen", "school.events", ""),
                ("ledger", "school.commands", "ledger.charge.v1"),
                ("canteen", "school.commands", "ledger.charge.v11"),
                ("canteen", "school.commands", "ledgerxcharge.v1"),
                ("canteen", "school.retry", "l1.ledger.commands"),
                ("canteen", "school.retry", "l5.canteen.ledger"),
                ("canteen", "school.retry", "l1.canteen.ledger.more"),
                ("canteen", "school.requeue", "l1.canteen.ledger"),
                ("canteen", "school.dead", "ledger.commands"),
                ("canteen", "school.republish", "canteen.ledger"),
                ("ledger", "school.republish", "ledger.commands"),
                ("canteen", "school.edge", "device.gate-1.reading"),
                ("canteen", "school.unrouted", "anything"),
                ("canteen", "", "canteen.ledger"),
            ])
        func refused(_ user: String, _ exchange: String, _ key: String) async throws {
            let node = try await PrivateNode.shared.value
            let publisher = Publisher(try node.configuration(of: user), logger: logger)
            let failure = await #expect(throws: PublishFailure.self) {
                try await publisher.publish([BrokerMessage(exchange: exchange, routingKey: key, body: [1])])
            }
            guard case .refused(let error) = failure, error.kind == .refused else {
                Issue.record("\(user) to \(exchange) with \(key): \(String(describing: failure))")
                return
            }
            await publisher.close()
        }

        @Test("A service reads its own queues and their parking places, no others, and configures nothing")
        func reading() async throws {
            let node = try await PrivateNode.shared.value
            let channel = BrokerChannel(try node.configuration(of: "canteen"))
            _ = try await channel.get(from: "canteen.ledger")
            _ = try await channel.get(from: "dead.canteen.ledger")
            for queue in ["ledger.commands", "dead.ledger.commands", "unrouted", "retry.l1"] {
                let error = await #expect(throws: BrokerError.self) { _ = try await channel.get(from: queue) }
                #expect(error?.kind == .refused)
            }
            let error = await #expect(throws: BrokerError.self) {
                try await channel.declare(Topology(queues: [.init("canteen.more")]))
            }
            #expect(error?.kind == .refused)
            let bind = await #expect(throws: BrokerError.self) {
                try await channel.declare(
                    Topology(bindings: [.init(exchange: "school.events", queue: "canteen.ledger", key: "identity.#")]))
            }
            #expect(bind?.kind == .refused)
        }

        @Test("An unroutable fact lands in `unrouted`; an unroutable command fails its publisher")
        func unroutable() async throws {
            let node = try await PrivateNode.shared.value
            let channel = BrokerChannel(try node.configuration())
            try await channel.purge("unrouted")
            let canteen = Publisher(try node.configuration(of: "canteen"), logger: logger)
            try await canteen.publish([BrokerMessage(exchange: "school.events", routingKey: "canteen.nobody.hears.v1", body: [1])])
            let stray = try #require(try await channel.get(from: "unrouted"))
            #expect(stray.routingKey == "canteen.nobody.hears.v1" && stray.exchange == "school.events")
            try await channel.acknowledge(stray)
            let admin = Publisher(try node.configuration(), logger: logger)
            for exchange in ["school.commands", "school.retry", "school.requeue", "school.dead", "school.republish"] {
                let failure = await #expect(throws: PublishFailure.self, "\(exchange)") {
                    try await admin.publish([BrokerMessage(exchange: exchange, routingKey: "nobody.hears", body: [1])])
                }
                if case .returned = failure {} else { Issue.record("\(exchange): \(String(describing: failure))") }
            }
            await canteen.close()
            await admin.close()
        }

        @Test("A message sent to the first retry level is back in its queue after a second, unchanged; others wait apart")
        func retry() async throws {
            let node = try await PrivateNode.shared.value
            let channel = BrokerChannel(try node.configuration())
            for queue in ["retry.l1", "retry.l2", "canteen.ledger"] { try await channel.purge(queue) }
            let canteen = Publisher(try node.configuration(of: "canteen"), logger: logger)
            let message = BrokerMessage(
                exchange: "school.retry", routingKey: Topology.retryKey(level: 1, queue: "canteen.ledger"), body: Array("тело".utf8),
                messageID: "one", headers: ["attempt": 1])
            var slower = message
            slower.routingKey = Topology.retryKey(level: 2, queue: "canteen.ledger")
            slower.messageID = "two"
            let start = ContinuousClock.now
            try await canteen.publish([slower, message])
            var back: Delivery?
            try await eventually("it is back") {
                back = try await channel.get(from: "canteen.ledger")
                if let back, back.messageID != "one" { try await channel.acknowledge(back) }
                return back?.messageID == "one"
            }
            let delivery = try #require(back)
            #expect(.now - start > .milliseconds(950))
            #expect(delivery.messageID == "one" && delivery.body == message.body && delivery.headers["attempt"] == 1)
            #expect(delivery.properties.isPersistent)
            try await channel.acknowledge(delivery)
            #expect(try await channel.get(from: "canteen.ledger") == nil)
            #expect(try await channel.purge("retry.l2") == 1)
            await canteen.close()
        }

        @Test("What is dead lies under its queue's name, and comes back by replay")
        func dead() async throws {
            let node = try await PrivateNode.shared.value
            let channel = BrokerChannel(try node.configuration(of: "canteen"))
            let canteen = Publisher(try node.configuration(of: "canteen"), logger: logger)
            while let old = try await channel.get(from: "dead.canteen.ledger") { try await channel.acknowledge(old) }
            try await canteen.publish([
                BrokerMessage(exchange: "school.dead", routingKey: "canteen.ledger", body: [1], messageID: "parked")
            ])
            let parked = try #require(try await channel.get(from: Topology.deadQueue(of: "canteen.ledger")))
            try await canteen.publish([
                BrokerMessage(parked, exchange: "school.requeue", routingKey: Topology.replayKey(queue: "canteen.ledger"))
            ])
            try await channel.acknowledge(parked)
            let back = try #require(try await channel.get(from: "canteen.ledger"))
            #expect(back.messageID == "parked")
            // Rejected instead of acknowledged, the broker itself parks it.
            try await channel.reject(back, requeue: false)
            try await eventually("it is parked again") {
                guard let again = try await channel.get(from: "dead.canteen.ledger") else { return false }
                try await channel.acknowledge(again)
                return again.messageID == "parked"
            }
            await canteen.close()
        }
    }
}
