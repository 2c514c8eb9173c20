import Foundation
import Support
import Testing

@testable import RabbitMQ

@Suite("Publishing")
struct PublisherTests {
    @Test("A batch is in the queue, whole and in order, when publish returns")
    func batch() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<500, to: exchange))
            #expect(try await broker.channel.state(ofQueue: queue).messages == 500)
            for number in 0..<3 {
                let delivery = try #require(try await broker.channel.get(from: queue))
                #expect(delivery.number == number)
                try await broker.channel.acknowledge(delivery)
            }
            #expect(publisher.status == .connected)
            await publisher.close()
            #expect(publisher.status == .closed)
        }
    }

    @Test("Everything a message says arrives unchanged, also bodies of several frames")
    func properties() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            for size in [0, 1, 131_063, 131_064, 131_065, 400_000] {
                let sent = BrokerMessage(
                    exchange: exchange, routingKey: "journal.mark.changed.v1",
                    body: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }, messageID: UUID().uuidString,
                    type: "journal.mark.changed.v1", contentType: "application/cloudevents+json",
                    correlationID: "причина", appID: "journal",
                    headers: ["attempt": 3, "error-class": "NotYet", "republished": true, "имя": "значение"],
                    timestamp: Date(timeIntervalSince1970: 1_790_000_000))
                try await publisher.publish([sent])
                let delivery = try #require(try await broker.channel.get(from: queue))
                #expect(BrokerMessage(delivery, exchange: exchange, routingKey: delivery.routingKey) == sent)
                #expect(delivery.properties.isPersistent)
                try await broker.channel.acknowledge(delivery)
            }
            await publisher.close()
        }
    }

    @Test("A message no queue takes is an error that names it; the rest of the batch is taken over")
    func returned() async throws {
        let broker = try TestBroker()
        try await broker.withQueue(key: "known.#") { exchange, queue in
            let publisher = broker.publisher()
            var messages = numbered(0..<20, to: exchange, key: "known.thing.done.v1")
            messages[3].routingKey = "stranger.thing.done.v1"
            messages[17].routingKey = "stranger.thing.done.v1"
            messages[17].messageID = nil
            let failure = await #expect(throws: PublishFailure.self) { try await publisher.publish(messages) }
            guard case .returned(let back) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            #expect(back.map(\.index) == [3, 17])
            #expect(back.map(\.messageID) == ["message-3", nil])
            #expect(back.allSatisfy { $0.code == 312 && $0.exchange == exchange })
            #expect(failure?.isRetryable == false)
            #expect(try await broker.channel.state(ofQueue: queue).messages == 18)
            try await publisher.publish(numbered(0..<1, to: exchange, key: "known.again"))
            await publisher.close()
        }
    }

    @Test("A message the broker will not keep is an error that names its position")
    func nacked() async throws {
        let broker = try TestBroker()
        try await broker.withQueue(["x-max-length": 5, "x-overflow": "reject-publish", "x-queue-type": "classic"]) { exchange, queue in
            let publisher = broker.publisher()
            let failure = await #expect(throws: PublishFailure.self) {
                for start in stride(from: 0, to: 100, by: 10) {
                    try await publisher.publish(numbered(start..<(start + 10), to: exchange))
                }
            }
            guard case .nacked(let positions, let returned) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            #expect(!positions.isEmpty && returned.isEmpty && positions.allSatisfy { (0..<10).contains($0) })
            #expect(failure?.isRetryable == true)
            #expect(publisher.status == .connected)
            await publisher.close()
        }
    }

    @Test("An unknown exchange closes the channel; the next batch goes over a new one")
    func channelClosed() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            let failure = await #expect(throws: PublishFailure.self) {
                try await publisher.publish(numbered(0..<10, to: "no-such-exchange"))
            }
            guard case .refused(let error) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            #expect(error.kind == .notFound && error.message.contains("no-such-exchange"))
            try await publisher.publish(numbered(0..<10, to: exchange))
            #expect(try await broker.channel.state(ofQueue: queue).messages == 10)
            await publisher.close()
        }
    }

    @Test("Many tasks may publish at once; each batch stays together")
    func manyTasks() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for start in stride(from: 0, to: 400, by: 50) {
                    group.addTask { try await publisher.publish(numbered(start..<(start + 50), to: exchange)) }
                }
                try await group.waitForAll()
            }
            let consumer = broker.consumer(of: queue, prefetch: 400)
            let numbers = try await consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                return await take(400, from: &iterator).map(\.number)
            }
            #expect(Set(numbers) == Set(0..<400))
            for start in stride(from: 0, to: 400, by: 50) {
                let first = numbers[start]
                #expect(Array(numbers[start..<(start + 50)]) == Array(first..<(first + 50)))
            }
            await publisher.close()
        }
    }

    @Test("A text longer than the protocol allows is refused before anything is sent")
    func tooLong() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            var messages = numbered(0..<3, to: exchange)
            messages[2].messageID = String(repeating: "я", count: 128)
            await #expect(throws: PublishFailure.unacceptable(index: 2, "a text of more than 255 bytes")) {
                try await publisher.publish(messages)
            }
            let messagesKept = try await broker.channel.state(ofQueue: queue).messages
            #expect(messagesKept == 0)
        }
    }

    @Test("A broker that is not there is an error that says so, and the wait before the next attempt grows")
    func unreachable() async throws {
        var configuration = try BrokerConfiguration(url: "amqp://127.0.0.1:1", name: "test")
        configuration.recovery.firstDelay = .milliseconds(10)
        let publisher = Publisher(configuration, logger: try TestBroker().logger)
        for attempt in 1...3 {
            let failure = await #expect(throws: PublishFailure.self) {
                try await publisher.publish(numbered(0..<1, to: "x"))
            }
            guard case .lost(let error) = failure, case .recovering(attempt, error) = publisher.status else {
                Issue.record("\(String(describing: failure)) \(publisher.status)")
                return
            }
            #expect(error.kind == .unreachable && error.isRetryable)
        }
    }

    @Test("A wrong password is refused, not tried as a lost connection")
    func wrongPassword() async throws {
        var configuration = try TestBroker().configuration
        configuration.password = "wrong"
        let failure = await #expect(throws: BrokerError.self) {
            _ = try await BrokerChannel(configuration).state(ofQueue: "x")
        }
        #expect(failure?.kind == .refused && failure?.isRetryable == false)
    }

    @Test("Heartbeats are served while nothing is published")
    func idle() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            var configuration = broker.configuration
            configuration.heartbeatSeconds = 1
            let publisher = Publisher(configuration, logger: broker.logger)
            try await publisher.publish(numbered(0..<1, to: exchange))
            let start = ContinuousClock.now
            // The broker ends a connection that is silent for two heartbeats.
            try await eventually("five seconds have passed") { .now - start > .seconds(5) }
            #expect(publisher.status == .connected)
            try await publisher.publish(numbered(1..<2, to: exchange))
            await publisher.close()
        }
    }
}
