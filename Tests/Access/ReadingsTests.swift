import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Access

@Suite(.database(AccessService.migrations)) struct ReadingsTests {
    let database = TestDatabase.current.database
    let outbox = Outbox(service: "access")
    let school = UUID.v7()

    private func number(_ value: Int) -> String { "\(1_000_000 + value * 977)".leftPadded(10) }

    /// A school with a gate and pupils with cards.
    private func prepare(_ pupils: Int) async throws -> [UUID] {
        let people = (0..<pupils).map { _ in UUID.v7() }
        let (school, outbox) = (school, outbox)
        let numbers = (0..<pupils).map { number($0) }
        try await database.transaction { tx in
            _ = try RegisterDevice(school: school, name: "gate-1", place: "Главный вход", direction: nil).run(in: tx, outbox: outbox)
            for (person, number) in zip(people, numbers) {
                try AssignCard(person: person, number: CardNumber(number), kind: .serviceCard).run(in: tx, outbox: outbox)
            }
        }
        return people
    }

    private func message(_ boot: Int, _ seq: Int, _ card: String, at: Date, way: String? = nil, name: String = "gate-1") -> RawMessage {
        let direction = way.map { ",\"direction\":\"\($0)\"" } ?? ""
        return RawMessage(
            routingKey: "device.\(name).reading",
            body: Array("{\"boot\":\(boot),\"seq\":\(seq),\"at\":\"\(at.iso8601)\",\"card\":\"\(card)\"\(direction)}".utf8), receivedAt: at)
    }

    private func react(_ messages: [RawMessage]) async throws {
        let outbox = outbox
        try await database.transaction { try WhenReadingArrives.react(to: messages, in: $0, outbox: outbox) }
    }

    @Test("BY-09: whatever is repeated, reordered and cut into batches, each touch is one passage and presence is the last one's") func repeats() async throws {
        let people = try await prepare(20)
        let start = Date().addingTimeInterval(-100)
        var messages: [RawMessage] = []
        for (index, _) in people.enumerated() {
            messages.append(message(1, index * 2, number(index), at: start + Double(index) / 10, way: "in"))
            if index.isMultiple(of: 2) { messages.append(message(1, index * 2 + 1, number(index), at: start + 70 + Double(index) / 10, way: "out")) }
        }
        var rest = (messages + messages.shuffled() + messages.shuffled().prefix(10))[...]
        // The first delivery keeps its order, as one device's does; the repeats come in any.
        while !rest.isEmpty {
            let size = Int.random(in: 1...7)
            try await react(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(try await database.rows("select count(*) from passage", as: Int.self) == [30])
        #expect(try await database.rows("select count(*) from presence where is_inside", as: Int.self) == [10])
        #expect(try await database.rows("select count(*) from outbox where type = 'access.passage.recorded.v1'", as: Int.self) == [30])
        #expect(try await database.rows("select count(*) from raw_reading", as: Int.self)[0] == messages.count * 2 + 10)
    }

    @Test("unknown cards, unknown devices and nonsense are kept and hold up nobody") func unknown() async throws {
        _ = try await prepare(1)
        let now = Date()
        try await react([
            message(1, 1, "4123456789", at: now), message(1, 1, number(0), at: now, name: "stranger"),
            RawMessage(routingKey: "device.gate-1.reading", body: Array("oops".utf8), receivedAt: now),
            message(1, 2, number(0), at: now),
        ])
        #expect(try await database.rows("select count(*) from passage", as: Int.self) == [1])
        #expect(try await database.rows("select outcome from reading order by outcome", as: String.self) == ["passage", "unknownCard"])
        #expect(try await database.rows("select outcome from raw_reading where outcome <> 'readings'", as: String.self) == ["not readable as JSON"])
    }

    @Test("a card list is repeatable, reports bad lines and keeps those whose person has not come") func cardList() async throws {
        let (school, outbox) = (school, outbox)
        let table = CSVTable("person_number,kind,number\nP1,serviceCard,0012345678\nP2,serviceCard,\"188,24911\"\nP1,spoon,1\nP3,fob,12x\n")
        func run() async throws -> ImportCards.Report {
            try await database.transaction { try ImportCards(table, school: school).run(in: $0, outbox: outbox) }
        }
        let person = PersonChanged(
            personID: .v7(), version: 1, name: PersonName(surname: "Ёлкина", given: "Маша"), gender: .female, accent: .sea, rosterNumber: "P1",
            schoolID: school, classID: nil, isPupil: true, ended: false)
        var report = try await run()
        #expect(report.waiting == 2 && report.bad.map(\.line) == [4, 5])
        try await database.transaction { tx in
            try Directory.apply([Told(person)], in: tx)
            try ImportCards.applyWaiting(for: ["P1"], in: tx, outbox: outbox)
        }
        #expect(try await database.rows("select person_id from card", as: UUID.self) == [person.personID])
        report = try await run()
        #expect(report.unchanged == 1 && report.assigned == 0)
        #expect(try await database.rows("select count(*) from outbox", as: Int.self) == [1])
    }

    @Test("a card that cannot be told from another's at a 26-bit reader is refused") func collision() async throws {
        let people = try await prepare(1)
        let outbox = outbox
        let same = try CardNumber(number(0))
        let longer = CardNumber(value: same.value | 0xAB << 32, mask: 0xFF_FFFF_FFFF)
        await #expect(throws: AssignCard.Refused.belongsToSomebodyElse) {
            try await database.transaction { try AssignCard(person: .v7(), number: longer, kind: .fob).run(in: $0, outbox: outbox) }
        }
        let own = try await database.transaction { try AssignCard(person: people[0], number: longer, kind: .serviceCard).run(in: $0, outbox: outbox) }
        #expect(own != .unchanged(people[0]))
        #expect(try await database.rows("select count(*) from card", as: Int.self) == [1])
    }
}

extension String {
    fileprivate func leftPadded(_ length: Int) -> String { String(repeating: "0", count: max(0, length - count)) + self }
}
