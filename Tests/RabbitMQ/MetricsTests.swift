import CoreMetrics
import Foundation
import Support
import Testing

@testable import RabbitMQ

/// What an operator sees of the way to the broker and back.
@Suite("Measuring")
struct MetricsTests {
    @Test("What the broker took over, did not take over, and has not answered is counted")
    func publishing() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, _ in
            let noted = NotedMetrics()
            let publisher = withMetricsFactory(noted) { broker.publisher() }
            try await publisher.publish(numbered(0..<300, to: exchange))
            await #expect(throws: PublishFailure.self) {
                try await publisher.publish(numbered(0..<2, to: exchange) + numbered(2..<3, to: ""))
            }
            #expect(noted.sum("zvonok_broker_published_total{connection=test}") == 302)
            #expect(noted.sum("zvonok_broker_not_published_total{connection=test}") == 1)
            let unconfirmed = noted.values("zvonok_broker_unconfirmed{connection=test}")
            #expect(unconfirmed.max() == 300 && unconfirmed.last == 0)
            await publisher.close()
        }
    }

    @Test("What came is counted, and every connection that was lost")
    func consuming() async throws {
        let broker = try TestBroker()
        try await broker.withQueue { exchange, queue in
            let publisher = broker.publisher()
            try await publisher.publish(numbered(0..<300, to: exchange))
            await publisher.close()
            let noted = NotedMetrics()
            let consumer = withMetricsFactory(noted) { broker.consumer(of: queue) }
            try await RabbitMQTests.consuming(consumer) {
                var iterator = consumer.deliveries.makeAsyncIterator()
                let first = await take(300, from: &iterator)
                #expect(noted.sum("zvonok_broker_delivered_total{queue=\(queue)}") == 300)
                await consumer.acknowledge(first)
                // The queue goes, and with it the consumer's connection.
                try await broker.channel.delete(queues: [queue])
                try await eventually { noted.sum("zvonok_broker_connections_lost_total{connection=test \(queue)}") >= 1 }
            }
        }
    }
}
