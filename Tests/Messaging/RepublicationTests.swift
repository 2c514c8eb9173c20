import Events
import Foundation
import Kernel
import Postgres
import RabbitMQ
import Support
import Testing

@testable import Messaging

/// Filling a new or restored reader.
@Suite(.database(.messaging, School.table)) struct RepublicationTests {
    @Test("a republication fills one queue, and what it does not name has ended") func republication() async throws {
        let school = try School()
        let named = (0..<1200).map { UUID.v7(at: Date(timeIntervalSince1970: 1_790_000_000 + Double($0))) }
        let states = Republication.of(BellRang.self) { _, after, limit in
            let from = after.flatMap { named.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
            return named[from...].prefix(limit).map { BellRang(bell: $0, version: 7) }
        }
        try await school.run([bells()]) {
            let gone = UUID.v7()
            try await school.database.execute("insert into state values (\(gone), 1, false)")
            let said = try await Republication.run([states], to: school.prefix + "school.bells", outbox: school.outbox, database: school.database)
            #expect(said.first?.count == 1200)
            try await eventually { try await school.count("select count(*) from state where ended") == 1 }
            #expect(try await school.count("select count(*) from state where not ended") == 1200)
            #expect(try await school.count("select count(*) from republished") == 0)
        }
    }

    @Test("copies that share the queue may handle what was named before the opening marker, and lose none of it") func early() async throws {
        let school = try School()
        try await school.declare([bells()])
        let run = UUID.v7()
        let (named, gone) = (UUID.v7(), UUID.v7())
        try await school.database.execute("insert into state values (\(gone), 1, false)")
        let of = Cause(correlationID: run.text)
        let opened = try Delivery.bell(RepublicationOpened(run: run, event: BellRang.name), cause: of)
        let state = try Delivery.bell(BellRang(bell: named, version: 7), cause: of, isRepublished: true)
        let closed = try Delivery.bell(RepublicationClosed(run: run, event: BellRang.name, count: 1), cause: of)
        let (one, two) = (school.loop(bells()), school.loop(bells()))
        await two.handle(two.taken([state]))
        await one.handle(one.taken([opened]))
        await two.handle(two.taken([closed]))
        #expect(try await school.levels() == [])
        #expect(try await school.count("select count(*) from state where ended and bell = \(gone)") == 1)
        #expect(try await school.count("select count(*) from state where not ended and bell = \(named)") == 1)
        #expect(try await school.count("select count(*) from republished") == 0)
        try await school.clean([bells()])
    }

    @Test("the closing marker waits as long as something named has not been handled, and is parked after a day") func late() async throws {
        let school = try School()
        try await school.declare([bells()])
        try await school.database.execute("insert into state values (\(UUID.v7()), 1, false)")
        let loop = school.loop(bells())
        for begun in [Date(), Date(timeIntervalSinceNow: -90_000)] {
            let closed = RepublicationClosed(run: .v7(at: begun), event: BellRang.name, count: 1)
            // Also when it has waited at every level.
            var delivery = try Delivery.bell(closed)
            delivery.properties.headers[HearingLoop.Header.level] = 4
            await loop.handle(loop.taken([delivery]))
        }
        #expect(try await school.levels() == ["l4"])
        #expect(try await school.dead().list().map(\.reason) == [
            "1 of 1 named states have not been handled in a day; see what was parked, then republish again"
        ])
        #expect(try await school.count("select count(*) from state where ended") == 0)
        try await school.clean([bells()])
    }
}
