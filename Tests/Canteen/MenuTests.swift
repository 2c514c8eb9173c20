import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Canteen

@Suite("Menus", .database(CanteenService.migrations)) struct MenuTests {
    let canteen = CanteenOfTests()

    private static func kaspiysk() throws -> CSVTable {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return CSVTable(
            try String(
                contentsOf: root.appendingPathComponent("deploy/demo/data/menu-kaspiysk-2026-04/menu.csv"), encoding: .utf8))
    }

    private func bring(_ table: CSVTable, movedBy days: Int = 0) async throws -> ImportMenu.Report {
        let menu = ImportMenu(table, school: canteen.school, movedBy: days)
        return try await canteen.database.transaction { [canteen] in try menu.run(in: $0, outbox: canteen.outbox) }
    }

    private func announced() async throws -> Int {
        try await canteen.database.rows("select count(*) from outbox where type = 'canteen.menu.published.v1'", as: Int.self).first ?? 0
    }

    @Test("CA-01: the real menu of a town comes in whole, sums as its kitchens added them, and a second time changes nothing")
    func realMenu() async throws {
        let first = try await bring(try Self.kaspiysk())
        #expect(first.dishes == 342)
        #expect(first.bad.isEmpty)
        let sums = try await canteen.database.read { [canteen] tx in
            try ["2026-04-01", "2026-04-02"].map { text -> Money? in
                guard let day = Day(text) else { return nil }
                return try MenuOfDay.meals(school: canteen.school, day: day, in: tx).first?.price
            }
        }
        #expect(sums == [Money(kopecks: 7_747), Money(kopecks: 9_295)])
        #expect(try await announced() == first.days)
        let second = try await bring(try Self.kaspiysk())
        #expect(second.days == 0)
        #expect(second.unchangedDays == first.days)
        #expect(try await announced() == first.days)
    }

    @Test("A menu of last spring is served again on other days")
    func moved() async throws {
        _ = try await bring(try Self.kaspiysk(), movedBy: 233)
        let served = try await canteen.database.read { [canteen] in
            try MenuOfDay.served(school: canteen.school, day: canteen.today, in: $0)
        }
        #expect(!served.isEmpty)
    }

    @Test("Bad lines are named and the rest comes in")
    func badLines() async throws {
        let report = try await bring(
            CSVTable(
                """
                ration,shift,date,meal,dish,yield_g,price_rub
                1-4 классы,первая смена,2026-04-01,Обед,Борщ,250,"34,36"
                1-4 классы,первая смена,1 апреля,Обед,Хлеб,30,2
                1-4 классы,первая смена,2026-04-01,Ужин,Каша,200,20
                1-4 классы,первая смена,2026-04-01,Обед,Чай,200,дорого
                1-4 классы,первая смена,2026-04-01,Обед,,200,5
                """))
        #expect(report.bad.map(\.line) == [3, 4, 5, 6])
        #expect(report.dishes == 1)
        #expect(try await bring(CSVTable("a,b\n1,2\n")).bad.count == 1)
    }

    @Test("A changed day is announced again with a higher version, and republishing tells the newest")
    func changed() async throws {
        func table(_ price: Int) -> CSVTable {
            CSVTable("ration,shift,date,meal,dish,yield_g,price_rub\nвсе,,2026-04-01,Обед,Борщ,250,\(price)\n")
        }
        _ = try await bring(table(30))
        _ = try await bring(table(31))
        let published = try await canteen.database.read { try MenuOfDay.published(after: nil, limit: 10, in: $0) }
        #expect(published.map(\.version) == [2])
        #expect(published.first?.meals.map(\.price) == [Money(kopecks: 3_100)])
        #expect(try await announced() == 2)
        let last = published.first?.menuID
        #expect(try await canteen.database.read { try MenuOfDay.published(after: last, limit: 10, in: $0) }.isEmpty)
    }

    @Test("CA-03: a meal is sold as one bundle that unfolds into its dishes")
    func bundle() async throws {
        try await canteen.open()
        _ = try await bring(
            CSVTable(
                """
                ration,shift,date,meal,dish,yield_g,price_rub
                все,,\(canteen.today),Обед,Борщ,250,30.50
                все,,\(canteen.today),Обед,Чай,200,10
                """))
        let meal = try await canteen.database.read { [canteen] in
            try MenuOfDay.served(school: canteen.school, day: canteen.today, in: $0).first?.id
        }
        let sale = try await canteen.sell(.v7(), of: [(try #require(meal), 1)])
        #expect(sale.amount == Money(kopecks: 4_050))
        #expect(sale.meal == "lunch")
        #expect(sale.items.first?.parts.map(\.name) == ["Борщ", "Чай"])
    }
}
