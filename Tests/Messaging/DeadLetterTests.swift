import Foundation
import Kernel
import Postgres
import RabbitMQ
import Support
import Testing

@testable import Messaging

/// What an operator does with parked messages.
@Suite(.database(.messaging, School.table)) struct DeadLetterTests {
    @Test("two parked copies of one message hide no other, and one replay of them is enough") func twins() async throws {
        let school = try School()
        try await school.declare([bells()])
        let twin = UUID().uuidString
        let other = UUID().uuidString
        for id in [twin, twin, other] {
            try await school.say([
                BrokerMessage(
                    exchange: school.prefix + "school.dead", routingKey: school.prefix + "school.bells", body: Array("{}".utf8),
                    messageID: id, type: "x")
            ])
        }
        let dead = school.dead()
        #expect(try await Set(dead.list().map(\.id)) == [twin, other])
        #expect(try await dead.drop(other) == 1)
        #expect(try await dead.replay(twin) == 1)
        let channel = BrokerChannel(school.broker)
        #expect(try await channel.get(from: school.prefix + "school.bells")?.messageID == twin)
        #expect(try await channel.get(from: school.prefix + "school.bells") == nil)
        await channel.close()
        try await school.clean([bells()])
    }

    @Test("what the broker itself gave up keeps the key under which it came, and is replayed under it") func givenUp() async throws {
        let school = try School()
        let edge = readings(order: .competing)
        try await school.declare([edge])
        try await school.say([
            BrokerMessage(exchange: school.prefix + "school.edge", routingKey: "device.gate-7.reading", body: Array("71".utf8))
        ])
        let channel = BrokerChannel(school.broker)
        try await eventually("the broker gives it up") {
            guard let delivery = try await channel.get(from: school.prefix + "school.edge") else {
                return try await !school.dead("school.edge").list().isEmpty
            }
            try await channel.reject(delivery, requeue: true)
            return false
        }
        await channel.close()
        let letter = try #require(try await school.dead("school.edge").list().first)
        #expect(letter.key == "device.gate-7.reading")
        #expect(letter.reason.contains("the broker gave it up"))
        // Under a name that stays the same however often one looks.
        #expect(try await school.dead("school.edge").show(letter.id) == letter)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let loop = school.loop(edge)
            group.addTask { try await loop.run() }
            #expect(try await school.dead("school.edge").replay(letter.id) == 1)
            try await eventually {
                try await school.count("select count(*) from reading where key = 'device.gate-7.reading' and body = '71'") == 1
            }
            group.cancelAll()
        }
        try await school.clean([edge])
    }
}
