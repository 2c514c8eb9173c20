import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Support
import Testing
import Web

@testable import Canteen

// Of the suite of pages, which reads its catalogues one at a time.
extension PagesTests {
    @Test("BY-05: a parent bans a product and a group and lifts them; what is wrong is told beside it; others read or find nothing")
    func bans() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let mother = try await counter.mother()
            let path = "/canteen/children/\(canteen.masha.text)/bans"
            for page in ["/canteen/meals", "/canteen/children/\(canteen.masha.text)/purchases"] {
                #expect(try await mother.get(page).body.contains("href=\"\(path)\""), "\(page)")
            }
            let empty = try await mother.get(path)
            Self.isWhole(empty)
            for text in ["Ничего не запрещено", "Чай", "15\u{a0}₽", "Запретить всю группу", "name=\"group\" value=\"Выпечка\""] {
                #expect(empty.body.contains(text), "\(text)")
            }
            #expect(try await mother.post(path, ["product": canteen.tea.text]).location == path)
            #expect(try await mother.post(path, ["group": "выпечка"]).location == path)
            let page = try await mother.get(path)
            Self.isWhole(page)
            for text in ["Вся группа «Выпечка»", "с 20\u{a0}ноября", "запрещено с группой", "Снять запрет"] {
                #expect(page.body.contains(text), "\(text)")
            }
            let json = try await mother.get(path + ".json")
            #expect(json.body.contains(#""scope":"group""#) && json.body.contains(#""mayChange":true"#))
            for (wrong, words) in [
                (["product": UUID.v7().text], "Буфет этого больше не продаёт"), (["product": "чай"], "Буфет этого больше не продаёт"),
                (["group": "Сладости"], "В буфете нет такой группы"), (["group": " "], "Выберите товар или группу"), ([:], "Выберите товар или группу"),
            ] {
                let again = try await mother.post(path, wrong)
                #expect(again.status == .unprocessableContent && again.body.contains(words), "\(wrong)")
            }
            let tea = Ban(scope: .product, name: "Чай").id(of: canteen.masha)
            for _ in 1...2 { #expect(try await mother.post(path + "/\(tea.text)/end", [:]).location == path) }
            let lifted = try await mother.get(path)
            #expect(!lifted.body.contains(tea.text) && lifted.body.contains("Вся группа «Выпечка»"))
            for stranger in [
                try await counter.reader(canteen.otherMother), try await counter.reader(canteen.masha, isPupil: true),
                try await counter.reader(canteen.cashier),
            ] {
                #expect(try await stranger.get(path).status == .notFound)
                #expect(try await stranger.post(path, ["product": canteen.tea.text]).status == .notFound)
                #expect(try await stranger.post(path + "/\(tea.text)/end", [:]).status == .notFound)
            }
        }
    }

    @Test("BY-05, ID-30: an adult whom a parent let in to the meals reads the bans and changes none")
    func letIn() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let grandmother = UUID.v7()
            let rights = RightsChanged(
                personID: grandmother, version: 1, roles: [],
                children: [Guardianship(childID: canteen.masha, topics: [.meals], isPrimary: false, until: nil, isLegal: false)])
            try await canteen.database.transaction { tx in
                try Directory.apply([Told(rights)], in: tx)
                try ChangeBans(child: canteen.masha, change: .set(Ban(scope: .product, name: "Чай")), by: canteen.mother)
                    .run(in: tx, canteen.outbox, at: canteen.now)
            }
            let reader = try await counter.reader(grandmother, kids: [.init(id: canteen.masha, name: "Маша", accent: "sea")])
            let path = "/canteen/children/\(canteen.masha.text)/bans"
            let page = try await reader.get(path)
            Self.isWhole(page)
            #expect(page.body.contains("Чай") && !page.body.contains("<form method=\"post\" action=\"\(path)") && !page.body.contains("Снять запрет"))
            #expect(try await reader.post(path, ["product": canteen.bun.text]).status == .notFound)
        }
    }

    @Test("BY-05: the cashier sees what is banned, reads why, sells the rest; the till's program is told the same; the parent sees it")
    func bannedAtTheTill() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            for ban in [Ban(scope: .product, name: "Чай"), Ban(scope: .group, name: "Сладости")] {
                try await canteen.database.transaction { [canteen] in
                    _ = try ChangeBans(child: canteen.masha, change: .set(ban), by: canteen.mother).run(in: $0, canteen.outbox, at: canteen.now)
                }
            }
            try await canteen.database.transaction { [canteen] in
                _ = try Product.put("Мармелад", group: "Сладости", price: Money(kopecks: 4_000), school: canteen.school, in: $0)
            }
            let sweet = UUID.derived(from: canteen.school, "product Мармелад")
            let cashier = try await counter.reader(canteen.cashier, sections: ["till"])
            let page = try await cashier.get("/canteen/till?card=\(CanteenOfTests.mashasCard)")
            Self.isWhole(page)
            #expect(page.body.components(separatedBy: "запретили родители").count == 3)
            let (sale, rest) = (UUID.v7(), UUID.v7())
            let basket = ["card": CanteenOfTests.mashasCard, "item-\(canteen.tea.text)": "1", "item-\(sweet.text)": "1", "item-\(canteen.bun.text)": "2"]
            let refused = try await cashier.post("/canteen/till/sales", basket.merging(["sale": sale.text]) { $1 })
            #expect(refused.status == .conflict)
            #expect(refused.body.contains("Запретили родители: Мармелад (вся группа «Сладости»), Чай. Остальное можно продать."))
            // What may be sold stays on the bill.
            #expect(refused.body.contains("name=\"item-\(canteen.bun.text)\" type=\"number\" min=\"0\" max=\"20\" inputmode=\"numeric\" value=\"2\""))
            #expect(refused.body.contains("name=\"item-\(canteen.tea.text)\" type=\"number\" min=\"0\" max=\"20\" inputmode=\"numeric\" value=\"\""))
            async let answered: Void = counter.accepting(rest)
            let paid = try await cashier.post(
                "/canteen/till/sales", ["card": CanteenOfTests.mashasCard, "item-\(canteen.bun.text)": "2", "sale": rest.text])
            try await answered
            #expect(paid.status == .ok)
            let till = try await counter.till()
            let buyer = try await till.get("/canteen/tills/self/buyers?card=\(CanteenOfTests.mashasCard)")
            #expect(buyer.body.lowercased().contains(canteen.tea.text) && !buyer.body.lowercased().contains(canteen.bun.text))
            let body = #"{"saleID":"\#(UUID.v7().text)","card":"\#(CanteenOfTests.mashasCard)","items":[{"item":"\#(canteen.tea.text)","quantity":1}],"soldAt":"2026-11-20T06:00:00Z"}"#
            let said = try await till.postJSON("/canteen/tills/self/sales", body)
            #expect(said.body.contains(#""state":"refused""#) && said.body.contains(#""reason":"banned""#) && said.body.contains("Запретили родители: Чай."))
            #expect(try await till.postJSON("/canteen/tills/self/sales", body).body == said.body)
            let purchases = try await counter.mother().get("/canteen/children/\(canteen.masha.text)/purchases")
            Self.isWhole(purchases)
            #expect(purchases.body.contains("Запретили родители: Мармелад (вся группа «Сладости»), Чай.") && !purchases.body.contains("Остальное можно"))
            #expect(try await canteen.said(sale) == ["canteen.sale.refused.v1"])
        }
    }
}
