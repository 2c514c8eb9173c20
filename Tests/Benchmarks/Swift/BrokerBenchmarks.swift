import ArgumentParser
import Executors
import Kernel
import Foundation
import RabbitMQ

/// The broker and the queue that a benchmark works with; the queue exists already.
struct QueueLoad: ParsableArguments {
    @Option(help: "The broker's address.") var amqp: String
    @Option(help: "A queue of the benchmark's own.") var queue: String
    @Option(help: "How many messages.") var messages = 60_000

    func broker() throws -> BrokerConfiguration { try BrokerConfiguration(url: amqp, name: "benchmark") }
}

struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Publishes batches and waits for the confirms of each.")
    @OptionGroup var load: QueueLoad
    @Option(help: "How many messages are published before their confirms are waited for.") var batch = 200
    @Option(help: "Bytes of a message.") var size = 512

    func run() async throws {
        let publisher = Publisher(try load.broker(), logger: quietLogger())
        let messages = (0..<batch).map { _ in
            BrokerMessage(
                exchange: "", routingKey: load.queue, body: [UInt8](repeating: UInt8(ascii: "x"), count: size),
                messageID: UUID.v7().text, type: "benchmark.message.v1", contentType: "application/octet-stream")
        }
        try await publisher.publish(messages)
        let start = ContinuousClock.now
        var count = 0
        while count < load.messages {
            try await publisher.publish(messages)
            count += batch
        }
        try Measurement(count: count, in: .now - start).show()
        await publisher.close()
    }
}

struct Consume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Takes messages and acknowledges them in batches.")
    @OptionGroup var load: QueueLoad
    @Option(help: "How many messages come before they are acknowledged.") var batch = 100
    @Option(help: "How many messages may be on their way.") var prefetch = 300

    func run() async throws {
        let consumer = Consumer(
            try load.broker(), queue: load.queue, prefetch: prefetch, largestBatch: batch, logger: quietLogger())
        let running = Task(executorPreference: SocketExecutor.shared) { await consumer.run() }
        var start: ContinuousClock.Instant?
        var count = 0
        var acknowledged = 0
        for await deliveries in consumer.deliveries {
            if start == nil { start = .now }
            count += deliveries.count
            if let last = deliveries.last, count - acknowledged >= batch || count >= load.messages {
                await consumer.acknowledge(upTo: last)
                acknowledged = count
            }
            if count >= load.messages { break }
        }
        guard let start, count >= load.messages else { throw Stuck(description: "only \(count) messages came") }
        try Measurement(count: count, in: .now - start).show()
        running.cancel()
        await consumer.close()
    }
}
