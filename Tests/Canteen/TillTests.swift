import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Canteen

/// What tills are called is told to whoever says it in a statement (AC-05).
@Suite("Tills", .database(CanteenService.migrations)) struct TillTests {
    let canteen = CanteenOfTests()

    /// Everything said of tills, in its order.
    private func said() async throws -> [TillChanged] {
        try await canteen.database.rows(
            "select (convert_from(body, 'UTF8')::jsonb->'data')::text from outbox where type = 'canteen.till.changed.v1' order by seq", as: String.self
        ).map { try EventCoding.decoder.decode(TillChanged.self, from: Data($0.utf8)) }
    }

    @Test("AC-05: whatever becomes of tills, each change is told once with its number, and told again it is the same", arguments: UInt64(1)...12)
    func changesAreTold(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let names = ["Касса 1", " Касса 2 ", "Буфет", "", String(repeating: "я", count: 61)]
        var tills: [UUID: TillChanged] = [:]
        var count = 0
        for _ in 0..<40 {
            let name = names[dice.below(names.count)]
            let fits = name.trimmingCharacters(in: .whitespaces)
            let working = tills.values.filter { !$0.ended }
            let till = tills.keys.sorted { $0.text < $1.text }.randomElement(using: &dice) ?? .v7()
            func refusal(but own: UUID? = nil) -> TillRefused? {
                if fits.isEmpty || fits.count > 60 { return .unfitName }
                return working.contains { $0.name == fits && $0.tillID != own } ? .nameTaken : nil
            }
            let expected: TillRefused?
            var refused: TillRefused?
            do {
                switch dice.below(3) {
                case 0:
                    expected = refusal()
                    let register = RegisterTill(school: canteen.school, name: name)
                    let key = try await canteen.database.transaction { [outbox = canteen.outbox] in try register.run(in: $0, outbox: outbox) }
                    tills[key.tillID] = TillChanged(tillID: key.tillID, version: 1, schoolID: canteen.school, name: fits)
                    count += 1
                case 1:
                    expected = tills[till]?.ended == false ? refusal(but: till) : .noTill
                    let rename = RenameTill(till: till, name: name)
                    try await canteen.database.transaction { [outbox = canteen.outbox] in try rename.run(in: $0, outbox: outbox) }
                    if let before = tills[till], before.name != fits {
                        tills[till] = TillChanged(tillID: till, version: before.version + 1, schoolID: canteen.school, name: fits)
                        count += 1
                    }
                default:
                    expected = tills[till]?.ended == false ? nil : .noTill
                    try await canteen.database.transaction { [outbox = canteen.outbox] in try EndTill(till: till).run(in: $0, outbox: outbox) }
                    if let before = tills[till] {
                        tills[till] = TillChanged(
                            tillID: till, version: before.version + 1, schoolID: canteen.school, name: before.name, ended: true)
                        count += 1
                    }
                }
            } catch let error as TillRefused { refused = error }
            #expect(refused == expected, "seed \(seed)")
        }
        let said = try await said()
        #expect(said.count == count, "seed \(seed)")
        for (till, changes) in Dictionary(grouping: said, by: \.tillID) {
            #expect(changes.map(\.version) == Array(1...Int64(changes.count)) && changes.last == tills[till], "seed \(seed)")
        }
        let again = try await canteen.database.read { try Till.told(after: nil, limit: 500, in: $0) }
        #expect(Dictionary(uniqueKeysWithValues: again.map { ($0.tillID, $0) }) == tills, "seed \(seed)")
        let pages = try await canteen.database.read { tx in
            var pages: [TillChanged] = []
            while true {
                let page = try Till.told(after: pages.last?.tillID, limit: 2, in: tx)
                guard !page.isEmpty else { return pages }
                pages += page
            }
        }
        #expect(pages == again, "seed \(seed)")
        let told = try await Republication.run(
            CanteenService.republications, to: "ledger.tills", outbox: canteen.outbox, database: canteen.database)
        #expect(told.first { $0.name == TillChanged.name }?.count == tills.count)
    }

    @Test("A till that has ended sells nothing by its key, and its name may be another's")
    func ended() async throws {
        let register = RegisterTill(school: canteen.school, name: "Касса 1")
        let first = try await canteen.database.transaction { [outbox = canteen.outbox] in try register.run(in: $0, outbox: outbox) }
        #expect(try await canteen.database.read { try Till.presenting(first.key, in: $0)?.id } == first.tillID)
        try await canteen.database.transaction { [outbox = canteen.outbox] in try EndTill(till: first.tillID).run(in: $0, outbox: outbox) }
        #expect(try await canteen.database.read { try Till.presenting(first.key, in: $0) } == nil)
        let second = try await canteen.database.transaction { [outbox = canteen.outbox] in try register.run(in: $0, outbox: outbox) }
        let working = try await canteen.database.read { [school = canteen.school] in try Till.all(of: school, in: $0).map(\.id) }
        #expect(working == [second.tillID])
    }

    @Test("Of operators who give one name to tills at the same moment one alone succeeds", arguments: UInt64(1)...6)
    func namesakes(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let (database, outbox, school) = (canteen.database, canteen.outbox, canteen.school)
        let tills = try await database.transaction { tx in
            try (0..<4).map { try RegisterTill(school: school, name: "Касса \($0)").run(in: tx, outbox: outbox).tillID }
        }
        let renames = (0..<8).map { _ in dice.below(2) == 0 }
        let given = await withTaskGroup(of: Bool.self) { group in
            for (number, isRename) in renames.enumerated() {
                group.addTask {
                    (try? await database.transaction { tx in
                        if isRename {
                            try RenameTill(till: tills[number % tills.count], name: "Буфет").run(in: tx, outbox: outbox)
                        } else {
                            _ = try RegisterTill(school: school, name: "Буфет").run(in: tx, outbox: outbox)
                        }
                    }) != nil
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        let named = try await database.read { tx in try Till.all(of: school, in: tx).filter { $0.name == "Буфет" } }
        #expect(named.count == 1, "seed \(seed)")
        #expect(given >= 1, "seed \(seed)")
        let said = try await said().filter { $0.name == "Буфет" && !$0.ended }
        #expect(said.map(\.tillID) == named.map(\.id), "seed \(seed)")
    }
}
