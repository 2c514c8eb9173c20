import Events
import Foundation
import Kernel
import Postgres
import RabbitMQ
import Support
import Testing

@testable import Messaging

/// Which messages wait, which are parked, and which must never be given up.
@Suite(.database(.messaging, School.table)) struct WaitingTests {
    /// A bell of version 404 is not yet known, one of 500 meets tables the program does not know, one of 666 is against a
    /// rule; a note in `writer` heals the first two.
    private static func hearing(neverSkip: Bool) -> Hearing {
        Hearing(queue: "school.bells", [
            .each(BellRang.self, neverSkip: neverSkip) { bell, tx, _ in
                let isHealed = try tx.first("select count(*) from writer", as: Int.self) ?? 0 > 0
                switch bell.event.version {
                case 404 where !isHealed: throw NotYet("no such bell yet")
                case 500 where !isHealed: _ = try tx.first("select 'text'", as: Int.self)
                case 666: throw Unacceptable("against the rule")
                default: break
                }
                try tx.execute("insert into heard (bell, version) values (\(bell.event.bell), \(bell.event.version))")
            }
        ])
    }

    @Test("what may heal waits at four levels, and is parked with its reason when none of them was enough") func levels() async throws {
        let school = try School()
        let hearing = Self.hearing(neverSkip: false)
        try await school.run([hearing], retryDelay: .milliseconds(50)) {
            try await school.say([BellRang(bell: .v7(), version: 404)])
            try await eventually { try await school.dead().list().count == 1 }
            #expect(try await school.levels() == ["l1", "l2", "l3", "l4"])
            let letter = try #require(try await school.dead().list().first)
            #expect(letter.reason == "no such bell yet")
            #expect(letter.attempts == 5 && letter.key == BellRang.name && !letter.failedAt.isEmpty)
            // A replay has all its levels before it, and is handled when its time has come.
            try await school.database.execute("insert into writer values (\(UUID.v7()), 1)")
            #expect(try await school.dead().replay() == 1)
            try await eventually { try await school.count("select count(*) from heard where version = 404") == 1 }
            #expect(try await school.dead().list().isEmpty)
        }
    }

    @Test("ID-33: a message about rights is never given up, neither when it comes too early nor when the program is at fault")
    func neverSkipped() async throws {
        let school = try School()
        let hearing = Self.hearing(neverSkip: true)
        try await school.run([hearing], retryDelay: .milliseconds(50)) {
            try await school.say([BellRang(bell: .v7(), version: 404), BellRang(bell: .v7(), version: 500)])
            var levels: [String] = []
            // Round and round at the last level, where others would have been parked long ago.
            try await eventually {
                levels += try await school.levels()
                return levels.count { $0 == "l4" } >= 8
            }
            #expect(try await school.dead().list().isEmpty)
            try await school.database.execute("insert into writer values (\(UUID.v7()), 1)")
            try await eventually { try await school.count("select count(*) from heard") == 2 }
            #expect(try await school.dead().list().isEmpty)
        }
    }

    @Test("one about rights that ends its process waits at the last level, at one attempt each time") func deadlyRights() async throws {
        let school = try School()
        let hearing = Self.hearing(neverSkip: true)
        try await school.declare([hearing])
        let loop = school.loop(hearing)
        let delivery = try Delivery.bell(BellRang(bell: .v7(), version: 1), isRedelivered: true)
        let id = try #require(delivery.messageID.flatMap(UUID.init(uuidString:)))
        try await school.database.execute("insert into attempted values ('school.bells', \(id), 7)")
        await loop.handle(loop.taken([delivery]))
        await loop.handle(loop.taken([delivery]))
        #expect(try await school.levels() == ["l4", "l4"])
        #expect(try await school.count("select count(*) from heard") == 0)
        #expect(try await school.dead().list().isEmpty)
        try await school.clean([hearing])
    }

    @Test("what nobody can ever handle is parked at once, also about rights: waiting would only hide it") func unacceptable() async throws {
        let school = try School()
        let hearing = Self.hearing(neverSkip: true)
        try await school.run([hearing]) {
            try await school.say([BellRang(bell: .v7(), version: 666)])
            try await eventually { try await school.dead().list().map(\.reason) == ["against the rule"] }
            #expect(try await school.levels() == [])
        }
    }

    @Test("an attempt that came to an end is not held against the message") func counted() async throws {
        let school = try School()
        try await school.declare([bells()])
        let loop = school.loop(bells())
        let delivery = try Delivery.bell(BellRang(bell: .v7(), version: 1), isRedelivered: true)
        let id = try #require(delivery.messageID.flatMap(UUID.init(uuidString:)))
        try await school.database.execute("insert into attempted values ('school.bells', \(id), 6)")
        await loop.handle(loop.taken([delivery]))
        #expect(try await school.count("select count(*) from heard") == 1)
        #expect(try await school.count("select count(*) from attempted") == 0)
        // It failed, but it was not what ended the process.
        await loop.handle(loop.taken([try Delivery.bell(BellRang(bell: .v7(), version: 666), isRedelivered: true)]))
        #expect(try await school.count("select count(*) from attempted") == 0)
        try await school.clean([bells()])
    }

    @Test("what the broker has delivered often without its fault comes again as new, before the broker gives it up") func revived() async throws {
        let school = try School()
        try await school.declare([bells()], retryDelay: .milliseconds(50))
        try await school.say([BellRang(bell: .v7(), version: 1)])
        let channel = BrokerChannel(school.broker)
        for _ in 0..<HearingLoop.mostDeliveries {
            try await eventually {
                guard let delivery = try await channel.get(from: school.prefix + "school.bells") else { return false }
                try await channel.reject(delivery, requeue: true)
                return true
            }
        }
        await channel.close()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let loop = school.loop(bells())
            group.addTask { try await loop.run() }
            try await eventually { try await school.count("select count(*) from heard") == 1 }
            group.cancelAll()
        }
        #expect(try await school.levels() == ["l1"])
        #expect(try await school.dead().list().isEmpty)
        try await school.clean([bells()])
    }
}
