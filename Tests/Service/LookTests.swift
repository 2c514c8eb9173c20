import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import ServiceLifecycle
import Support
import Testing
import Web

@testable import Service

/// Looks at children on their way from a page to the access log.
@Suite("Looks", .database(.messaging)) struct LookTests {
    private let database = TestDatabase.current.database
    private let outbox = Outbox(service: "bell")
    private let anna = UUID.v7()
    private let pyotr = UUID.v7()
    private let teacher = UUID.v7()

    private func look(_ child: UUID, at moment: TimeInterval = 1_795_000_000, _ permission: String = "seeDiary") -> WebHost.Look {
        WebHost.Look(viewer: teacher, child: child, permission: permission, at: Date(timeIntervalSince1970: moment), asGuardian: false)
    }

    private func told() async throws -> [ChildLook] {
        struct Envelope: Decodable { let data: RecordLooks }
        return try await database.rows("select body from outbox where routing_key = \(RecordLooks.name) order by seq", as: Data.self)
            .flatMap { try EventCoding.decoder.decode(Envelope.self, from: $0).data.looks }
    }

    @Test("BY-10: the same look is one line that counts; nothing is said twice, and nothing without looks")
    func gathered() async throws {
        let book = LookBook()
        try await book.carry(into: outbox, database)
        #expect(try await told().isEmpty)
        for second in 0..<5 { book.note(look(anna, at: 1_795_000_000 + Double(second))) }
        book.note(look(anna, "seeMoney"))
        book.note(look(pyotr))
        #expect(book.count == 3)
        try await book.carry(into: outbox, database)
        try await book.carry(into: outbox, database)
        let told = try await told()
        #expect(told.count == 3 && book.count == 0)
        let often = try #require(told.first { $0.childID == anna && $0.permission == "seeDiary" })
        #expect(often.times == 5 && often.lastAt.timeIntervalSince(often.firstAt) == 4 && often.viewerID == teacher)
    }

    @Test("BY-10: who is new at a child in an hour is news at once; that he looks again is none, in the next hour it is")
    func news() async throws {
        let book = LookBook()
        #expect(!book.hasNews)
        book.note(look(anna))
        #expect(book.hasNews)
        try await book.carry(into: outbox, database)
        book.note(look(anna, at: 1_795_000_001))
        #expect(!book.hasNews && book.count == 1)
        book.note(look(pyotr))
        #expect(book.hasNews)
        try await book.carry(into: outbox, database)
        book.note(look(anna, at: 1_795_003_600))
        #expect(book.hasNews)
        #expect(try await told().map(\.times).reduce(0, +) == 3)
    }

    @Test("BY-10: a process that is killed a moment later has told of the look already")
    func beforeAKill() async throws {
        let book = LookBook()
        let carrier = LookCarrier(
            book, database: database, outbox: outbox, logger: Logger(label: "test"), pause: .seconds(3600), glance: .milliseconds(20))
        let running = Task { try await carrier.run() }
        book.note(look(anna))
        try await eventually { try await told().count == 1 }
        running.cancel()
        _ = try? await running.value
    }

    @Test("BY-10: what cannot be written goes on waiting")
    func kept() async throws {
        let book = LookBook()
        book.note(look(anna))
        let away = Database(.init(conninfo: "host=127.0.0.1 port=1 dbname=nobody connect_timeout=1"), logger: Logger(label: "test"))
        await #expect(throws: (any Error).self) { try await book.carry(into: outbox, away) }
        await away.close()
        book.note(look(anna))
        try await book.carry(into: outbox, database)
        #expect(try await told().map(\.times) == [2])
    }

    @Test("BY-10: a process that is asked to leave carries its looks off first")
    func cleanStop() async throws {
        let book = LookBook()
        let group = ServiceGroup(
            configuration: .init(
                services: [LookCarrier(book, database: database, outbox: outbox, logger: Logger(label: "test"), pause: .seconds(3600))],
                logger: Logger(label: "test")))
        async let running: Void = group.run()
        book.note(look(anna))
        await group.triggerGracefulShutdown()
        try await running
        #expect(try await told().count == 1)
    }
}
