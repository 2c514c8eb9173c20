import Foundation
import Logging
import Support
import Testing

@testable import RabbitMQ

extension PrivateNodeTests {
    /// What the broker does wrong, one after another on a node of their own.
    @Suite("Faults of the broker")
    struct FaultTests {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

        @Test("TLS: the right host name and authority connect, publish and consume")
        func rightHostName() async throws {
            let node = try await PrivateNode.shared.value
            let configuration = try BrokerConfiguration(
                url: "amqps://admin:admin-password@localhost:\(node.tlsPort)", name: "tls", trustedAuthority: node.authority)
            let publisher = Publisher(configuration, logger: logger)
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                // Sizes around the borders of frames and TLS records: what OpenSSL holds back the socket does not show.
                let sizes = [1, 16_383, 16_384, 16_385, 131_064, 131_065, 300_000]
                let messages = (0..<105).map { number in
                    BrokerMessage(
                        exchange: exchange, routingKey: "k", body: [UInt8](repeating: UInt8(number), count: sizes[number % 7]),
                        messageID: "\(number)")
                }
                try await publisher.publish(messages)
                let consumer = Consumer(configuration, queue: queue, prefetch: 20, logger: logger)
                try await consuming(consumer) {
                    var bodies: [[UInt8]] = []
                    for await batch in consumer.deliveries {
                        bodies += batch.map(\.body)
                        await consumer.acknowledge(batch)
                        if bodies.count == messages.count { break }
                    }
                    #expect(bodies == messages.map(\.body))
                }
            }
            await publisher.close()
        }

        @Test("Trap: TLS refuses a certificate that does not name the host, one of a stranger, and an authority that is missing")
        func wrongHostName() async throws {
            let node = try await PrivateNode.shared.value
            for (host, authority) in [
                ("127.0.0.1", node.authority), ("localhost", node.otherAuthority), ("localhost", "/no/such/file.pem"),
                ("localhost", nil),
            ] {
                let configuration = try BrokerConfiguration(
                    url: "amqps://admin:admin-password@\(host):\(node.tlsPort)", name: "tls", trustedAuthority: authority)
                let error = await #expect(throws: BrokerError.self, "\(host) with \(authority ?? "the system's")") {
                    _ = try await BrokerChannel(configuration).state(ofQueue: "unrouted")
                }
                #expect(error?.kind == .untrusted && error?.isRetryable == false, "\(error?.description ?? "")")
            }
        }

        @Test("A broker killed while batches are published and consumed loses nothing that was confirmed, and both ends come back")
        func killed() async throws {
            let node = try await PrivateNode.shared.value
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                let publisher = Publisher(try node.configuration(), logger: logger)
                let consumer = Consumer(try node.configuration(), queue: queue, logger: logger)
                let confirmed = try await consuming(consumer) {
                    let publishing = Task {
                        var confirmed = 0
                        while !Task.isCancelled, confirmed < 100_000 {
                            do {
                                try await publisher.publish(numbered(confirmed..<(confirmed + 50), to: exchange))
                                confirmed += 50
                            } catch is PublishFailure {}
                        }
                        return confirmed
                    }
                    let seen = Seen()
                    let reading = Task {
                        for await batch in consumer.deliveries {
                            await seen.add(batch.map(\.number))
                            if let last = batch.last { await consumer.acknowledge(upTo: last) }
                        }
                    }
                    // RabbitMQ 3.10.8 writes the name of a new quorum queue to disk half a second late; killed
                    // before that, it comes back with a queue that never elects a leader.
                    let start = ContinuousClock.now
                    try await eventually("some have come") { await seen.count > 200 && .now - start > .seconds(2) }
                    try await node.kill9()
                    try await eventually("both ends notice") {
                        if case .recovering = publisher.status, case .recovering = consumer.status { true } else { false }
                    }
                    try await node.start()
                    let before = await seen.count
                    try await eventually(within: .seconds(60), "more have come after the restart") { await seen.count > before + 200 }
                    publishing.cancel()
                    let confirmed = try await publishing.value
                    try await eventually(within: .seconds(60), "everything confirmed has come") {
                        await seen.hasAll(below: confirmed)
                    }
                    reading.cancel()
                    return confirmed
                }
                #expect(confirmed > 400)
                await publisher.close()
            }
        }

        @Test("Trap: a broker that falls silent is noticed within two heartbeats, by publisher and consumer, and nobody blocks for ever")
        func silent() async throws {
            let node = try await PrivateNode.shared.value
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                var configuration = try node.configuration()
                configuration.heartbeatSeconds = 1
                configuration.connectTimeout = .seconds(1)
                let publisher = Publisher(configuration, logger: logger)
                let log = NotedLog()
                let consumer = Consumer(configuration, queue: queue, logger: log.logger)
                try await publisher.publish(numbered(0..<1, to: exchange))
                try await consuming(consumer) {
                    try await eventually("it consumes") { consumer.status == .connected }
                    try await node.freeze()
                    let start = ContinuousClock.now
                    // More than every buffer between here and there holds.
                    let large = (0..<400).map { number in
                        BrokerMessage(exchange: exchange, routingKey: "k", body: [UInt8](repeating: 7, count: 100_000), messageID: "\(number)")
                    }
                    let failure = await #expect(throws: PublishFailure.self) { try await publisher.publish(large) }
                    // Not by a timeout of the network, which is ten times as long: that says something else.
                    if case .lost(let error) = failure, error.message.contains("heartbeat") {} else { Issue.record("\(String(describing: failure))") }
                    try await eventually(within: .seconds(5), "the consumer notices") {
                        if case .recovering = consumer.status { true } else { false }
                    }
                    #expect(ContinuousClock.now - start < .seconds(6))
                    #expect(log.errors(with: "The consumer has no connection to the broker.").first?.contains("heartbeat") == true)
                    try await node.thaw()
                    try await eventually("the consumer is back") { consumer.status == .connected }
                    try await eventually("the publisher is back") {
                        (try? await publisher.publish(numbered(1..<2, to: exchange))) != nil
                    }
                }
                await publisher.close()
            }
        }

        @Test("Trap: one message larger than every buffer, to a broker that takes no bytes, gives up when the socket does")
        func stuckInOneMessage() async throws {
            let node = try await PrivateNode.shared.value
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                var configuration = try node.configuration()
                configuration.sendTimeout = .seconds(2)
                let publisher = Publisher(configuration, logger: logger)
                try await publisher.publish(numbered(0..<1, to: exchange))
                try await node.freeze()
                let start = ContinuousClock.now
                let huge = BrokerMessage(exchange: exchange, routingKey: "k", body: [UInt8](repeating: 7, count: 30_000_000))
                let failure = await #expect(throws: PublishFailure.self) { try await publisher.publish([huge]) }
                let took = ContinuousClock.now - start
                try await node.thaw()
                // By the socket's own limit, long before a heartbeat is missed.
                if case .lost(let error) = failure, error.message.contains("a socket error") {} else {
                    Issue.record("\(String(describing: failure))")
                }
                #expect(took < .seconds(10))
                await publisher.close()
            }
        }

        @Test("A broker without memory blocks publishers: the batch waits, its state says why, and it goes on by itself")
        func blocked() async throws {
            let node = try await PrivateNode.shared.value
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                var configuration = try node.configuration()
                configuration.confirmTimeout = .seconds(2)
                let publisher = Publisher(configuration, logger: logger)
                let consumer = Consumer(configuration, queue: queue, logger: logger)
                try await publisher.publish(numbered(0..<10, to: exchange))
                try await node.control("set_vm_memory_high_watermark", "absolute", "1MB")
                let waiting = Task { try await publisher.publish(numbered(10..<20, to: exchange)) }
                try await eventually("the publisher is blocked") { if case .blocked = publisher.status { true } else { false } }
                let given = Task { try await publisher.publish(numbered(20..<30, to: exchange)) }

                // Consumers are not held up, and the wait is longer than a confirm may take.
                try await consuming(consumer) {
                    var iterator = consumer.deliveries.makeAsyncIterator()
                    let first = await take(10, from: &iterator)
                    await consumer.acknowledge(first)
                    let start = ContinuousClock.now
                    try await eventually("three seconds have passed") { .now - start > .seconds(3) }
                    if case .blocked(let reason) = publisher.status {
                        #expect(reason.contains("memory"))
                    } else {
                        Issue.record("\(publisher.status)")
                    }
                    try await node.control("set_vm_memory_high_watermark", "absolute", "1GB")
                    try await waiting.value
                    try await given.value
                    let rest = await take(20, from: &iterator)
                    #expect(Set(rest.map(\.number)) == Set(10..<30))
                    await consumer.acknowledge(rest)
                }
                #expect(publisher.status == .connected)
                await publisher.close()
            }
        }

        @Test("A blocked batch can be given up: by cancelling the task, and by closing the publisher")
        func givenUp() async throws {
            let node = try await PrivateNode.shared.value
            let broker = try TestBroker(url: node.url)
            try await broker.withQueue { exchange, queue in
                let publisher = Publisher(try node.configuration(), logger: logger)
                try await publisher.publish(numbered(0..<1, to: exchange))
                try await node.control("set_vm_memory_high_watermark", "absolute", "1MB")
                let first = Task { try await publisher.publish(numbered(1..<2, to: exchange)) }
                try await eventually("the publisher is blocked") { if case .blocked = publisher.status { true } else { false } }
                first.cancel()
                await #expect(throws: CancellationError.self) { try await first.value }
                let second = Task { try await publisher.publish(numbered(2..<3, to: exchange)) }
                try await eventually("the publisher is blocked again") { if case .blocked = publisher.status { true } else { false } }
                await publisher.close()
                let failure = await #expect(throws: PublishFailure.self) { try await second.value }
                if case .lost(let error) = failure { #expect(error.kind == .closed) } else { Issue.record("\(String(describing: failure))") }
                try await node.control("set_vm_memory_high_watermark", "absolute", "1GB")
            }
        }
    }
}

/// The numbers a consumer has seen.
private actor Seen {
    private var numbers: Set<Int> = []
    var count: Int { numbers.count }
    func add(_ more: [Int]) { numbers.formUnion(more) }
    func hasAll(below limit: Int) -> Bool { numbers.isSuperset(of: 0..<limit) }
}
