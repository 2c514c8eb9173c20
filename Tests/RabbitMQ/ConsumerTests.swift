import Foundation
import Support
import Testing

@testable import RabbitMQ

@Suite("Consuming")
struct ConsumerTests {
    @Test("Deliveries come in batches, in order, and never more than the prefetch count without an acknowledgement")
    func batches() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<1000, to: exchange))
            let consumer = broker.consumer(of: queue, prefetch: 100, largestBatch: 40)
            try await consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                var numbers: [Int] = []
                var open = 0
                while numbers.count < 1000, let batch = await iterator.next(isolation: #isolation) {
                    #expect(batch.count <= 40)
                    open += batch.count
                    #expect(open <= 100)
                    numbers += batch.map(\.number)
                    if open == 100 || numbers.count == 1000, let last = batch.last {
                        await consumer.acknowledge(upTo: last)
                        open = 0
                    }
                }
                #expect(numbers == Array(0..<1000))
            }
            #expect(try await broker.channel.state(ofQueue: queue).messages == 0)
            await publisher.close()
        }
    }

    @Test("What is acknowledged one by one in any order is gone; what is not comes again, marked as redelivered")
    func singles() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<10, to: exchange))
            let first = broker.consumer(of: queue)
            try await consuming(first) {
                var iterator = first.deliveries.makeAsyncIterator()
                let all = await take(10, from: &iterator)
                await first.acknowledge([all[8], all[2], all[5]])
                await first.acknowledge([all[0], all[2]])
            }
            let second = broker.consumer(of: queue)
            try await consuming(second) {
                var iterator = second.deliveries.makeAsyncIterator()
                let rest = await take(6, from: &iterator)
                #expect(rest.map(\.number) == [1, 3, 4, 6, 7, 9])
                #expect(rest.allSatisfy { $0.isRedelivered })
                await second.acknowledge(rest)
            }
            #expect(try await broker.channel.state(ofQueue: queue).messages == 0)
            await publisher.close()
        }
    }

    @Test("A rejected delivery goes back to the queue and comes again, or it is gone")
    func rejects() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<2, to: exchange))
            let consumer = broker.consumer(of: queue)
            try await consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                let both = await take(2, from: &iterator)
                await consumer.reject(both[0], requeue: true)
                let again = await take(1, from: &iterator)
                #expect(again[0].number == 0 && again[0].isRedelivered)
                await consumer.reject(again[0], requeue: false)
                await consumer.acknowledge([both[1]])
            }
            #expect(try await broker.channel.state(ofQueue: queue).messages == 0)
            await publisher.close()
        }
    }

    @Test("Trap: heartbeats are served while a handler works for longer than the broker waits")
    func heartbeats() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            var configuration = broker.configuration
            configuration.heartbeatSeconds = 1
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<1, to: exchange))
            let consumer = Consumer(configuration, queue: queue, logger: broker.logger)
            try await consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                let delivery = await take(1, from: &iterator)
                let start = ContinuousClock.now
                try await eventually("five seconds have passed") { .now - start > .seconds(5) }
                #expect(consumer.status == .connected)
                await consumer.acknowledge(delivery)
                try await publisher.publish(numbered(1..<2, to: exchange))
                let next = await take(1, from: &iterator)
                #expect(next[0].number == 1 && next[0].generation == delivery[0].generation)
                await consumer.acknowledge(next)
            }
            await publisher.close()
        }
    }

    @Test("Trap: a cancelled consumer comes back over a new connection, never on the same channel; a late acknowledgement of the old one does nothing")
    func cancelled() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<1, to: exchange))
            let consumer = broker.consumer(of: queue)
            try await consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                let old = await take(1, from: &iterator)
                try await broker.channel.delete(queues: [queue])
                try await eventually("the consumer notices") { if case .recovering = consumer.status { true } else { false } }
                try await broker.channel.declare(
                    Topology(queues: [.init(queue)], bindings: [.init(exchange: exchange, queue: queue, key: "#")]))
                try await publisher.publish(numbered(7..<8, to: exchange))
                let new = await take(1, from: &iterator)
                #expect(new[0].number == 7 && new[0].generation > old[0].generation)
                #expect(new[0].tag == old[0].tag)
                await consumer.acknowledge(upTo: old[0])
                await consumer.acknowledge(old)
                await consumer.reject(old[0], requeue: false)
                #expect(consumer.status == .connected)
            }
            try await eventually("the message is the queue's again") {
                try await broker.channel.state(ofQueue: queue).messages == 1
            }
            await publisher.close()
        }
    }

    @Test("A queue that does not exist yet is waited for")
    func missingQueue() async throws {
        let broker = try TestBroker()
        let queue = broker.prefix + "later"
        let consumer = broker.consumer(of: queue)
        try await consuming(consumer) {
            try await eventually("the consumer says what is missing") {
                if case .recovering(_, let error) = consumer.status { error.kind == .notFound } else { false }
            }
            try await broker.channel.declare(Topology(queues: [.init(queue)]))
            try await eventually("it consumes") { consumer.status == .connected }
        }
        try await broker.channel.delete(queues: [queue])
    }

    @Test("When the task is cancelled nothing new arrives, and what was handed out can still be acknowledged")
    func stops() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<5, to: exchange))
            let consumer = broker.consumer(of: queue)
            let run = Task { await consumer.run() }
            var iterator = consumer.deliveries.makeAsyncIterator()
            let deliveries = await take(5, from: &iterator)
            run.cancel()
            await run.value
            let none = await iterator.next(isolation: #isolation)
            #expect(none == nil)
            await consumer.acknowledge(deliveries)
            await consumer.close()
            #expect(try await broker.channel.state(ofQueue: queue).messages == 0)
            await publisher.close()
        }
    }

    @Test("Trap: a message that keeps killing its consumer is parked after the delivery limit, which counts lost connections")
    func deliveryLimit() async throws {
        let broker = try TestBroker()
        let dead = broker.prefix + "dead"
        try await broker.channel.declare(Topology(queues: [.init(dead)]))
        try await broker.withQueue([
            "x-delivery-limit": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": .text(dead),
            "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
        ]) { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<1, to: exchange))
            for _ in 0..<3 {
                let consumer = broker.consumer(of: queue)
                try await consuming(consumer) {
                    var iterator = consumer.deliveries.makeAsyncIterator()
                    _ = await take(1, from: &iterator)
                }
            }
            try await eventually("it is parked") { try await broker.channel.state(ofQueue: dead).messages == 1 }
            let parked = try #require(try await broker.channel.get(from: dead))
            #expect(parked.messageID == "message-0" && parked.properties.isPersistent)
            #expect(parked.headers["x-first-death-reason"]?.text == "delivery_limit")
            await publisher.close()
        }
        try await broker.channel.delete(queues: [dead])
    }

    @Test("An empty queue answers with nothing; a purged one says how much it held")
    func tools() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            #expect(try await broker.channel.get(from: queue) == nil)
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<7, to: exchange))
            let one = try #require(try await broker.channel.get(from: queue))
            try await broker.channel.reject(one, requeue: true)
            try await eventually("it is back") { try await broker.channel.state(ofQueue: queue).messages == 7 }
            #expect(try await broker.channel.purge(queue) == 7)
            #expect(try await broker.channel.exists(exchange: exchange))
            #expect(try await !broker.channel.exists(exchange: exchange + "x"))
            await #expect(throws: BrokerError.self) { _ = try await broker.channel.state(ofQueue: queue + "x") }
            await publisher.close()
        }
    }
}
