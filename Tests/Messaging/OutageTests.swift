import Events
import Foundation
import Kernel
import Logging
import Postgres
import RabbitMQ
import Support
import Synchronization
import Testing

@testable import Messaging

/// What is down, or only slow, is waited for: nothing is used up and nothing is lost.
@Suite(.database(.messaging, School.table)) struct OutageTests {
    @Test("while the database cannot work nothing is used up, for what came again too") func usedUp() async throws {
        let school = try School()
        let database = school.impatient(.milliseconds(100))
        try await school.declare([bells()])
        let loop = HearingLoop(
            bells(), outbox: school.outbox, database: database, broker: school.broker, logger: school.logger)
        let bell = UUID.v7()
        let delivery = try Delivery.bell(BellRang(bell: bell, version: 1), id: bell, isRedelivered: true)
        let held = Mutex(false)
        async let locked: Void = school.database.transaction { tx in
            try tx.execute("lock table heard in access exclusive mode")
            held.withLock { $0 = true }
            // Longer than eight attempts would take, had each been counted.
            for _ in 0..<15 { try tx.execute("select pg_sleep(0.2)") }
        }
        try await eventually { held.withLock { $0 } }
        await loop.handle([delivery])
        try await locked
        let dead = DeadLetters(queue: "school.bells", prefix: school.prefix, broker: school.broker)
        #expect(try await dead.list().map(\.reason) == [])
        #expect(try await school.count("select coalesce(max(times), 0) from attempted") <= 1)
        try await school.clean([bells()])
        await database.close()
    }

    @Test("a message whose statement is always too slow holds up no other") func slowPoison() async throws {
        let school = try School()
        let database = school.impatient(.milliseconds(150))
        let hearing = Hearing(queue: "school.bells", [
            .each(BellRang.self) { bell, tx, _ in
                if bell.event.version == 99 { try tx.execute("select pg_sleep(1)") }
                try tx.execute("insert into heard (bell, version) values (\(bell.event.bell), \(bell.event.version))")
            }
        ])
        try await school.run([hearing], on: database) {
            try await school.database.transaction { tx in
                try school.outbox.publish((90..<110).map { BellRang(bell: .v7(), version: $0) }, in: tx)
            }
            try await eventually { try await school.count("select count(*) from heard") == 19 }
        }
        await database.close()
    }
}
