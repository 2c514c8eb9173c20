import Events
import Foundation
import Testing

@Suite struct GoldenTests {
    private static let folder = Bundle.module.url(forResource: "Golden", withExtension: nil)

    @Test("A message keeps what its golden file promised", arguments: EventCatalogue.all.indices)
    func keepsItsPromise(index: Int) throws {
        let type = EventCatalogue.all[index]
        let folder = try #require(Self.folder)
        let golden = try? String(contentsOf: folder.appending(path: "\(type.name).json"), encoding: .utf8)
        guard let golden else {
            Issue.record("\(type.name) has no golden file. Write it with: swift run Contracts golden --write")
            return
        }
        for complaint in GoldenMessage.complaints(about: type, golden: golden) {
            Issue.record("\(complaint)")
        }
    }

    @Test func noGoldenFileIsLeftBehind() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: try #require(Self.folder).path)
            .filter { $0.hasSuffix(".json") }
        let names = Set(EventCatalogue.all.map { "\($0.name).json" })
        #expect(
            Set(files).subtracting(names).isEmpty,
            "A message was removed or renamed: whoever still hears it breaks. Bring the type back, or delete its golden file once nobody does.")
    }

    @Test func namesAreUniqueAndSayWhoSpeaks() {
        let names = EventCatalogue.all.map { $0.name }
        #expect(Set(names).count == names.count)
        for publisher in EventCatalogue.publishers {
            for fact in publisher.facts { #expect(fact.name.hasPrefix("\(publisher.service).")) }
        }
        for route in EventCatalogue.commands { #expect(route.command.name.hasPrefix("\(route.receiver).")) }
        for name in names { #expect(name.wholeMatch(of: /[a-z-]+(\.[a-z-]+)+\.v[0-9]+/) != nil) }
    }

    @Test func ledgerNeverHearsANameOfAPerson() throws {
        let heard = try #require(EventCatalogue.listeners.first { $0.service == "ledger" }).facts
        for type in heard {
            let text = try GoldenMessage(type).text
            #expect(!text.contains("surname") && !text.contains("Анна"), "D-05: \(type.name) tells Ledger a name")
        }
    }

    @Test func identifiersAreWrittenInLowerCase() throws {
        for message in try GoldenMessage.all() {
            let identifiers = message.text.matches(of: /"([0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27})"/).map { String($0.1) }
            #expect(!identifiers.isEmpty)
            for identifier in identifiers { #expect(identifier == identifier.lowercased()) }
        }
    }
}

/// A message and what somebody might make of it.
@Suite struct BrokenPromiseTests {
    private struct Promised: Event {
        static let name = "test.promise.v1"
        let id: UUID
        let amount: Int
        let note: String?
        var aggregate: UUID { id }
        static var example: Self { Self(id: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), amount: 3, note: "да") }
    }

    private struct Renamed: Event {
        static let name = "test.promise.v1"
        let id: UUID
        let sum: Int
        let note: String?
        var aggregate: UUID { id }
        static var example: Self { Self(id: Promised.example.id, sum: 3, note: "да") }
    }

    private struct Retyped: Event {
        static let name = "test.promise.v1"
        let id: UUID
        let amount: String
        let note: String?
        var aggregate: UUID { id }
        static var example: Self { Self(id: Promised.example.id, amount: "3", note: "да") }
    }

    private struct Shortened: Event {
        static let name = "test.promise.v1"
        let id: UUID
        let amount: Int
        var aggregate: UUID { id }
        static var example: Self { Self(id: Promised.example.id, amount: 3) }
    }

    private struct Demanding: Event {
        static let name = "test.promise.v1"
        let id: UUID
        let amount: Int
        let note: String?
        let more: Int
        var aggregate: UUID { id }
        static var example: Self { Self(id: Promised.example.id, amount: 3, note: "да", more: 1) }
    }

    private func golden() throws -> String { try GoldenMessage(Promised.self).text }

    @Test func aKeptPromiseHasNoComplaint() throws {
        #expect(GoldenMessage.complaints(about: Promised.self, golden: try golden()).isEmpty)
    }

    @Test func everyBrokenPromiseIsExplained() throws {
        let golden = try golden()
        let broken = [
            GoldenMessage.complaints(about: Renamed.self, golden: golden),
            GoldenMessage.complaints(about: Retyped.self, golden: golden),
            GoldenMessage.complaints(about: Shortened.self, golden: golden),
            GoldenMessage.complaints(about: Demanding.self, golden: golden),
        ]
        for complaints in broken {
            #expect(!complaints.isEmpty)
            #expect(complaints.joined().contains("make a new type"))
        }
        #expect(broken[0].joined().contains("“amount” of test.promise.v1 is gone"))
        #expect(broken[1].joined().contains("was a whole number and is text now"))
        #expect(broken[2].joined().contains("“note” of test.promise.v1 is gone"))
        #expect(broken[3].joined().contains("cannot read its golden file"))
    }

    @Test func aCommandToTheFutureIsReadByThePresent() throws {
        let later = #"{"id":"00000000-0000-0000-0000-000000000001","amount":3,"note":"да","unheardOf":{"a":[1]}}"#
        #expect(try EventCoding.decoder.decode(Promised.self, from: Data(later.utf8)) == .example)
    }
}
