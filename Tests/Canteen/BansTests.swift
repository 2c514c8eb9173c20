import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Synchronization
import Testing

@testable import Canteen

@Suite("Bans", .database(CanteenService.migrations)) struct BansTests {
    let canteen = CanteenOfTests()

    private static let tea = Ban(scope: .product, name: "Чай")
    private static let drinks = Ban(scope: .group, name: "Напитки")
    private static let bun = Ban(scope: .product, name: "Булочка")

    @discardableResult
    private func change(_ change: ChangeBans.Change, for child: UUID? = nil) async throws -> Bool {
        let wish = ChangeBans(child: child ?? canteen.masha, change: change, by: canteen.mother)
        return try await canteen.database.transaction { [canteen] in try wish.run(in: $0, canteen.outbox, at: canteen.now) }
    }

    private func lift(_ ban: Ban) async throws { try await change(.lift(ban.id(of: canteen.masha))) }

    private func told() async throws -> [BansChanged] {
        try await canteen.database.rows(
            "select convert_from(body, 'UTF8')::jsonb->'data' from outbox where type = \(BansChanged.name) order by seq",
            as: JSON<BansChanged>.self
        ).map(\.value)
    }

    @Test("BY-05: a product is banned by its name or its group's and by nothing else, as a child would look it up", arguments: UInt64(1)...40)
    func rule(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let words = ["Чай", "чай ", "Сок", "сок  яблочный", "Сок яблочный", "Напитки", " НАПИТКИ", ""]
        for _ in 1...50 {
            let bans = (0..<dice.below(4)).map { _ in Ban(scope: dice.chance(50) ? .product : .group, name: words[dice.below(words.count - 1)]) }
            let product = Product(
                id: dice.uuid(), name: words[dice.below(words.count - 1)], group: words[dice.below(words.count)], price: Money(kopecks: 100))
            func same(_ one: String, _ other: String) -> Bool {
                one.lowercased().split(separator: " ") == other.lowercased().split(separator: " ")
            }
            let byItself = bans.contains { $0.scope == .product && same($0.name, product.name) }
            let byGroup = !product.group.isEmpty && bans.contains { $0.scope == .group && same($0.name, product.group) }
            let expected = byItself ? BannedGood(item: product.id, name: product.name) : BannedGood(item: product.id, name: product.name, group: product.group)
            #expect(Bans(bans).ban(on: product) == (byItself || byGroup ? expected : nil), "\(bans) \(product)")
        }
    }

    @Test("BY-05: a basket with something banned is refused before any money is asked for, and the rest is sold")
    func refused() async throws {
        try await canteen.open()
        try await change(.set(Self.tea))
        let (both, rest) = (UUID.v7(), UUID.v7())
        let sale = try await canteen.sell(both, of: [(canteen.tea, 2), (canteen.bun, 1)])
        #expect(sale.state == .refused && sale.reason == .banned)
        #expect(sale.banned == [BannedGood(item: canteen.tea, name: "Чай")])
        #expect(try await canteen.sale(both) == sale)
        #expect(try await canteen.said(both) == ["canteen.sale.refused.v1"])
        #expect(try await canteen.attempt(both) == nil)
        #expect(try await canteen.sell(rest, of: [(canteen.bun, 1)]).state == .pending)
        // Another family's child buys what he likes.
        let other = canteen.selling(.v7(), of: [(canteen.tea, 1)], to: canteen.timur)
        let free = try await canteen.database.transaction { [canteen] in try other.run(now: canteen.now, in: $0, outbox: canteen.outbox) }
        #expect(free.state == .pending)
    }

    @Test("BY-05: the same sale again is the same refusal, also when the ban is lifted; another one under its id is refused")
    func repeated() async throws {
        try await canteen.open()
        let id = UUID.v7()
        try await change(.set(Self.tea))
        let first = try await canteen.sell(id)
        for _ in 1...2 { #expect(try await canteen.sell(id) == first) }
        await #expect(throws: SellGoods.Refused.differs) { try await canteen.sell(id, of: [(canteen.bun, 1)]) }
        await #expect(throws: SellGoods.Refused.differs) { try await canteen.sell(id, of: [(canteen.tea, 2)]) }
        try await lift(Self.tea)
        #expect(try await canteen.sell(id) == first)
        #expect(try await canteen.said(id) == ["canteen.sale.refused.v1"])
        #expect(try await canteen.sell(.v7()).state == .pending)
    }

    @Test("BY-05, BY-01: what was sold before the ban stays sold, however often the till says it again")
    func soldBefore() async throws {
        try await canteen.open()
        let (done, waiting) = (UUID.v7(), UUID.v7())
        try await canteen.sell(done)
        try await canteen.accept(done)
        try await canteen.sell(waiting)
        try await change(.set(Self.drinks))
        #expect(try await canteen.sell(done).state == .completed)
        #expect(try await canteen.sell(waiting).state == .pending)
        try await canteen.accept(waiting)
        #expect(try await canteen.sale(waiting)?.state == .completed)
        #expect(try await canteen.said(done) == ["ledger.charge.v1", "canteen.sale.completed.v1"])
    }

    @Test("BY-05: a ban of a group takes in what comes into it later, and lets go what leaves it")
    func later() async throws {
        try await canteen.open()
        try await change(.set(Self.drinks))
        func put(_ name: String, _ group: String) async throws -> UUID {
            try await canteen.database.transaction { [canteen] in
                _ = try Product.put(name, group: group, price: Money(kopecks: 6_000), school: canteen.school, in: $0)
            }
            return .derived(from: canteen.school, "product \(name)")
        }
        let cola = try await put("Кола", "напитки")
        #expect(try await canteen.sell(.v7(), of: [(cola, 1)]).banned == [BannedGood(item: cola, name: "Кола", group: "напитки")])
        _ = try await put("Кола", "Разное")
        #expect(try await canteen.sell(.v7(), of: [(cola, 1)]).state == .pending)
        // Off sale and back again it is the same product, and as banned as before.
        try await canteen.database.transaction { [canteen] in try Product.end(canteen.tea, school: canteen.school, in: $0) }
        _ = try await put("Чай", "Напитки")
        #expect(try await canteen.sell(.v7()).reason == .banned)
    }

    @Test("BY-05: meals of the menu are no goods of the buffet: the class's lunch is never banned")
    func meals() async throws {
        try await canteen.open()
        let menu = ImportMenu(
            CSVTable("ration,shift,date,meal,dish,yield_g,kcal,price_rub\nНапитки,,\(canteen.today),Обед,Чай,250,120,30.50"), school: canteen.school)
        let served = try await canteen.database.transaction { [canteen] tx in
            _ = try menu.run(in: tx, outbox: canteen.outbox)
            return try MenuOfDay.served(school: canteen.school, day: canteen.today, in: tx)
        }
        for ban in [Self.tea, Self.drinks, Ban(scope: .product, name: "Обед"), Ban(scope: .group, name: "lunch")] { try await change(.set(ban)) }
        let lunch = try #require(served.first?.id)
        #expect(try await canteen.sell(.v7(), of: [(lunch, 1)]).state == .pending)
        #expect(try await canteen.sell(.v7(), of: [(lunch, 1), (canteen.tea, 1)]).banned.map(\.item) == [canteen.tea])
    }

    @Test("SC-01, BY-05: bans go with the child to another school, whose goods have other ids")
    func transferred() async throws {
        try await canteen.open()
        try await change(.set(Self.tea))
        let elsewhere = UUID.v7()
        try await canteen.database.transaction { tx in _ = try Product.put("чай", group: "", price: Money(kopecks: 2_000), school: elsewhere, in: tx) }
        let goods = try await canteen.database.read { try Product.all(of: elsewhere, in: $0) }
        let bans = try await canteen.database.read { [canteen] in try Bans.of(canteen.masha, in: $0) }
        #expect(goods.map { bans.ban(on: $0) != nil } == [true])
    }

    @Test("BY-05: the whole list is told with every change and only then, newest versions last, and again to whoever asks")
    func telling() async throws {
        try await canteen.open()
        #expect(try await change(.set(Self.tea)))
        #expect(try await !change(.set(Ban(scope: .product, name: " чай"))))
        #expect(try await change(.set(Self.drinks)))
        #expect(try await change(.lift(Self.tea.id(of: canteen.masha))))
        #expect(try await !change(.lift(Self.tea.id(of: canteen.masha))))
        // A ban is lifted by the family of its child alone.
        #expect(try await !change(.lift(Self.drinks.id(of: canteen.masha)), for: canteen.timur))
        let said = try await told()
        #expect(said.map(\.version) == [1, 2, 3] && said.allSatisfy { $0.personID == canteen.masha && !$0.ended })
        #expect(said.map { $0.bans.map(\.name) } == [["Чай"], ["Напитки", "Чай"], ["Напитки"]])
        let again = try await canteen.database.read { try ChangeBans.published(after: nil, limit: 10, in: $0) }
        #expect(again == [try #require(said.last)])
        let rest = try await canteen.database.read { [canteen] in try ChangeBans.published(after: canteen.masha, limit: 10, in: $0) }
        #expect(rest == [])
    }

    @Test("BY-05: a list has an end, and what stands in it already may be set again")
    func tooMany() async throws {
        try await canteen.open()
        for number in 1...ChangeBans.most { try await change(.set(Ban(scope: .product, name: "\(number)"))) }
        await #expect(throws: ChangeBans.Refused.tooMany) { try await change(.set(Self.tea)) }
        #expect(try await !change(.set(Ban(scope: .product, name: "1"))))
    }

    @Test("A child who is forgotten leaves no bans, and everyone who heard of them is told")
    func forgotten() async throws {
        try await canteen.open()
        for child in [canteen.masha, canteen.timur] { try await change(.set(Self.tea), for: child) }
        for _ in 1...2 {
            try await canteen.database.transaction { [canteen] tx in
                try ChangeBans.forget(canteen.masha, in: tx, canteen.outbox)
                try WhatIsKept.book.forget(canteen.masha, in: tx)
            }
        }
        #expect(try await canteen.database.rows("select person_id from ban", as: UUID.self) == [canteen.timur])
        #expect(try await canteen.database.rows("select person_id from child_bans", as: UUID.self) == [canteen.timur])
        let ends = try await told().filter(\.ended)
        #expect(ends == [BansChanged(personID: canteen.masha, version: 2, bans: [], ended: true)])
    }

    // MARK: At once

    /// One thing that was done, from before it was asked to after it was answered, by a count that everybody shares.
    private struct Done: Sendable {
        enum What: Sendable {
            case set(Ban)
            case lift(Ban)
            case sold(UUID, items: [UUID], Sale.State)
        }

        let what: What
        let began: Int
        let ended: Int
    }

    private final class Count: Sendable {
        private let count = Mutex(0)
        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }

    /// What can be said of a ban during a time, from when its changes were asked and answered.
    private static func stands(_ ban: Ban, _ history: [Done], from began: Int, to ended: Int) -> (surely: Bool, maybe: Bool) {
        var sets: [Done] = []
        var lifts: [Done] = []
        for done in history {
            switch done.what {
            case .set(ban): sets.append(done)
            case .lift(ban): lifts.append(done)
            default: continue
            }
        }
        let surely = sets.contains { set in
            set.ended < began && lifts.allSatisfy { $0.ended < set.began || $0.began > ended }
        }
        let surelyNot =
            sets.allSatisfy { $0.began > ended }
            || lifts.contains { lift in lift.ended < began && sets.allSatisfy { $0.ended < lift.began || $0.began > ended } }
        return (surely, !surelyNot)
    }

    @Test(
        "BY-05: bans race with sales: what was answered to the parents holds for every sale that begins later, and no money moves for what is refused",
        arguments: UInt64(1)...6)
    func races(seed: UInt64) async throws {
        try await canteen.open()
        let count = Count()
        let covers: [(ban: Ban, item: UUID)] = [(Self.tea, canteen.tea), (Self.drinks, canteen.tea), (Self.bun, canteen.bun)]
        let history = try await withThrowingTaskGroup(of: [Done].self) { group in
            for parent in 0..<2 as Range<UInt64> {
                group.addTask { [self] in
                    var dice = SeededGenerator(seed: seed * 10 + parent)
                    var done: [Done] = []
                    for _ in 1...15 {
                        let ban = [Self.tea, Self.drinks, Self.bun][dice.below(3)]
                        let isSet = dice.chance(50)
                        let began = count.next()
                        try await change(isSet ? .set(ban) : .lift(ban.id(of: canteen.masha)))
                        done.append(Done(what: isSet ? .set(ban) : .lift(ban), began: began, ended: count.next()))
                    }
                    return done
                }
            }
            for till in 2..<5 as Range<UInt64> {
                group.addTask { [self] in
                    var dice = SeededGenerator(seed: seed * 10 + till)
                    var done: [Done] = []
                    for _ in 1...20 {
                        let items = [[canteen.tea], [canteen.bun], [canteen.tea, canteen.bun]][dice.below(3)]
                        let id = UUID.v7()
                        let began = count.next()
                        let sale = try await canteen.sell(id, of: items.map { ($0, 1) })
                        done.append(Done(what: .sold(id, items: items, sale.state), began: began, ended: count.next()))
                    }
                    return done
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        for done in history {
            guard case .sold(let id, let items, let state) = done.what else { continue }
            let bans = covers.filter { items.contains($0.item) }
                .map { Self.stands($0.ban, history, from: done.began, to: done.ended) }
            switch state {
            case .refused:
                #expect(bans.contains { $0.maybe }, "refused, and nothing was banned: \(items)")
                #expect(try await canteen.said(id) == ["canteen.sale.refused.v1"])
                #expect(try await canteen.attempt(id) == nil)
            case .pending:
                #expect(!bans.contains { $0.surely }, "sold, and it was banned before: \(items)")
                #expect(try await canteen.said(id) == ["ledger.charge.v1"])
            case .completed: Issue.record("nobody has paid")
            }
        }
        // The bans as they stand are the ones that were told last.
        let said = try await told()
        #expect(said.map(\.version) == (0..<said.count).map { Int64($0) + 1 })
        let standing = try await canteen.database.read { [canteen] in try ChangeBans.told([canteen.masha], in: $0) }
        #expect(standing.last?.bans == (said.last?.bans ?? []))
    }
}
