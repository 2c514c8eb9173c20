import Foundation
import Logging
import Support

@testable import RabbitMQ

/// Queues and exchanges of one test on the shared broker, under a name nobody else has; gone when the test ends.
struct TestBroker {
    let configuration: BrokerConfiguration
    let prefix = "test-\(UUID().uuidString.prefix(8).lowercased())."
    let channel: BrokerChannel
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// The broker that was started for the tests.
    init() throws {
        try self.init(url: TestServers.amqp)
    }

    init(url: String) throws {
        var configuration = try BrokerConfiguration(url: url, heartbeatSeconds: 5, name: "test")
        configuration.recovery.firstDelay = .milliseconds(50)
        self.configuration = configuration
        channel = BrokerChannel(configuration)
    }

    func publisher() -> Publisher { Publisher(configuration, logger: logger) }

    func consumer(of queue: String, prefetch: Int = 300, largestBatch: Int = 500) -> Consumer {
        Consumer(configuration, queue: queue, prefetch: prefetch, largestBatch: largestBatch, logger: logger)
    }

    /// Runs the test with a queue bound to a topic exchange by `#`, and takes both away afterwards.
    func withQueue(
        _ arguments: [String: HeaderValue] = [:], key: String = "#",
        _ test: (_ exchange: String, _ queue: String) async throws -> Void
    ) async throws {
        let exchange = prefix + "events"
        let queue = prefix + "queue"
        try await channel.declare(
            Topology(
                exchanges: [.init(exchange)], queues: [.init(queue, arguments: arguments)],
                bindings: [.init(exchange: exchange, queue: queue, key: key)]))
        let result: Result<Void, any Error>
        do {
            try await test(exchange, queue)
            result = .success(())
        } catch { result = .failure(error) }
        try await channel.delete(queues: [queue], exchanges: [exchange])
        await channel.close()
        try result.get()
    }
}

/// Messages numbered from 0, the number as the body.
func numbered(_ range: Range<Int>, to exchange: String, key: String = "test.thing.done.v1") -> [BrokerMessage] {
    range.map { number in
        BrokerMessage(
            exchange: exchange, routingKey: key, body: Array("\(number)".utf8), messageID: "message-\(number)",
            type: key, contentType: "application/cloudevents+json", appID: "test")
    }
}

extension Delivery {
    /// The number `numbered` wrote.
    var number: Int { Int(String(decoding: body, as: UTF8.self)) ?? -1 }
}

/// Runs the consumer beside the test and ends it with the test.
func consuming<T>(_ consumer: Consumer, _ test: () async throws -> T) async throws -> T {
    let task = Task { await consumer.run() }
    let result: Result<T, any Error>
    do { result = .success(try await test()) } catch { result = .failure(error) }
    task.cancel()
    await task.value
    await consumer.close()
    return try result.get()
}

/// Reads until so many deliveries have come; the iterator stays the test's.
func take(
    _ count: Int, from iterator: inout Gathering<Delivery>.Iterator
) async -> [Delivery] {
    var all: [Delivery] = []
    while all.count < count, let batch = await iterator.next() { all += batch }
    return all
}
