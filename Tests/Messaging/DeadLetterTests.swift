import Foundation
import Logging
import Messaging
import RabbitMQ
import Support
import Testing

/// What an operator does with parked messages.
@Suite(.database(.messaging, School.table)) struct DeadLetterTests {
    @Test("two parked copies of one message hide no other, and one replay of them is enough") func twins() async throws {
        let school = try School()
        try await school.declare([bells()])
        let publisher = Publisher(school.broker, logger: school.logger)
        let twin = UUID().uuidString
        let other = UUID().uuidString
        for id in [twin, twin, other] {
            try await publisher.publish([
                BrokerMessage(
                    exchange: school.prefix + "school.dead", routingKey: school.prefix + "school.bells", body: Array("{}".utf8),
                    messageID: id, type: "x")
            ])
        }
        let dead = DeadLetters(queue: "school.bells", prefix: school.prefix, broker: school.broker)
        #expect(try await Set(dead.list().map(\.id)) == [twin, other])
        #expect(try await dead.drop(other) == 1)
        #expect(try await dead.replay(twin) == 1)
        let channel = BrokerChannel(school.broker)
        #expect(try await channel.get(from: school.prefix + "school.bells")?.messageID == twin)
        #expect(try await channel.get(from: school.prefix + "school.bells") == nil)
        await channel.close()
        await publisher.close()
        try await school.clean([bells()])
    }
}
