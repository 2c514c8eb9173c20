import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Canteen

/// Somebody with a browser and a token of Identity, or a till with its key.
struct Reader: Sendable {
    let client: any TestClientProtocol
    var token: String?
    var key: String?
    /// The till that the browser was said to be.
    var till: UUID?

    struct Seen: Sendable {
        let status: HTTPResponse.Status
        let body: String
        let location: String?
    }

    func get(_ path: String, accept: String = "text/html") async throws -> Seen { try await send(.get, path, "", accept) }

    func post(_ path: String, _ form: [String: String]) async throws -> Seen {
        let body = form.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
        return try await send(.post, path, body.joined(separator: "&"), "text/html")
    }

    func postJSON(_ path: String, _ body: String) async throws -> Seen {
        try await send(.post, path, body, "application/json", type: "application/json")
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String, _ accept: String,
        type: String = "application/x-www-form-urlencoded"
    ) async throws -> Seen {
        var headers: HTTPFields = [.accept: accept, .contentType: type]
        if method == .post { headers[.origin] = "https://localhost" }
        if let token {
            headers[.cookie] = "\(SessionToken.cookie)=\(token)" + (till.map { "; \(TillPage.cookie)=\($0.text)" } ?? "")
        }
        if let key { headers[.authorization] = "Bearer \(key)" }
        let response = try await client.executeRequest(uri: path, method: method, headers: headers, body: ByteBuffer(string: body))
        return Seen(status: response.status, body: String(buffer: response.body), location: response.headers[.location])
    }
}

/// The pages over the real routes, with everybody who may knock.
struct Counter: Sendable {
    let canteen: CanteenOfTests
    let client: any TestClientProtocol
    let key: ES256PrivateKey
    let keyID: UUID

    static func story(_ canteen: CanteenOfTests, _ tell: @escaping @Sendable (Counter) async throws -> Void) async throws {
        try await canteen.open()
        let parts = try await CanteenService.parts(database: canteen.database)
        let router = Router()
        WebHost(
            pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: Logger(label: "test"),
            clock: { CanteenOfTests.noon }
        ).register(CanteenService.routes(parts), on: router)
        let (key, keyID) = (ES256PrivateKey(), UUID.v7())
        let signing = SigningKeyChanged(
            keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation,
            validFrom: Date(timeIntervalSince1970: 0), validUntil: .distantFuture, ended: false)
        try await canteen.database.transaction { try Directory.apply([Told(signing)], in: $0) }
        try await Application(router: router).test(.router) { client in
            try await tell(Counter(canteen: canteen, client: client, key: key, keyID: keyID))
        }
    }

    func reader(_ person: UUID, kids: [SessionToken.Kid] = [], isPupil: Bool = false, sections: [String] = []) async throws -> Reader {
        let token = SessionToken(
            person: person, session: .v7(), rights: 1, name: "Ольга Сергеевна", kids: kids, language: "ru", isPupil: isPupil,
            sections: sections)
        let keys = await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        return Reader(client: client, token: try await keys.sign(token, kid: JWKIdentifier(string: keyID.text)))
    }

    func mother() async throws -> Reader {
        try await reader(canteen.mother, kids: [.init(id: canteen.masha, name: "Маша", accent: "sea")])
    }

    func till() async throws -> Reader {
        let key = try await canteen.database.transaction { [canteen] in
            try RegisterTill(school: canteen.school, name: "Касса 1").run(in: $0, outbox: canteen.outbox)
        }
        return Reader(client: client, key: key.key)
    }

    /// Answers the charge of a sale as Ledger would, as soon as it is asked for.
    func accepting(_ sale: UUID) async throws {
        try await eventually { try await canteen.sale(sale) != nil }
        try await canteen.accept(sale)
        _ = CanteenService.salesEnded.sayEnded()
    }
}

// One at a time: the library that reads catalogues keeps state of its own and bears one reader only.
@Suite("Pages", .serialized, .database(CanteenService.migrations)) struct PagesTests {
    let canteen = CanteenOfTests()

    static func isWhole(_ seen: Reader.Seen) {
        #expect(seen.status == .ok)
        #expect(!seen.body.contains("[["))
        #expect(!seen.body.contains("{{"))
        #expect(!seen.body.contains(" style="))
    }

    private func serve() async throws {
        let menu = ImportMenu(
            CSVTable(
                """
                ration,shift,date,meal,dish,yield_g,kcal,price_rub
                все,,\(canteen.today),Обед,Борщ <красный>,250,120,30.50
                все,,\(canteen.today),Обед,Компот,200,80,10
                все,,\(canteen.today - 1),Завтрак,Каша,200,220,20
                """), school: canteen.school)
        _ = try await canteen.database.transaction { [canteen] in try menu.run(in: $0, outbox: canteen.outbox) }
    }

    private var meal: UUID {
        get async throws {
            let served = try await canteen.database.read { [canteen] in
                try MenuOfDay.served(school: canteen.school, day: canteen.today, in: $0)
            }
            return try #require(served.first?.id)
        }
    }

    @Test("CA-01: a family reads the menu of any date, with the days around it")
    func menu() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            for reader in [try await counter.mother(), try await counter.reader(canteen.masha, isPupil: true)] {
                for path in ["/canteen/meals", "/canteen/children/\(canteen.masha.text)/menu", "/canteen/schools/\(canteen.school.text)/menu"] {
                    let page = try await reader.get(path)
                    Self.isWhole(page)
                    for text in ["Обед", "Борщ &lt;красный&gt;", "40,50\u{a0}₽", "?day=\(canteen.today - 1)"] {
                        #expect(page.body.contains(text), "\(path): \(text)")
                    }
                    let before = try await reader.get("\(path)?day=\(canteen.today - 1)")
                    Self.isWhole(before)
                    #expect(before.body.contains("Каша"))
                    #expect(before.body.contains("?day=\(canteen.today)"))
                }
                #expect(try await reader.get("/canteen/meals.json").body.contains("Компот"))
            }
            Self.isWhole(try await counter.mother().get("/canteen/meals?day=2026-01-01"))
            // Whoever works at the school reads the same, under the same name.
            let cashier = try await counter.reader(canteen.cashier, sections: ["till", "meals"])
            let page = try await cashier.get("/canteen/meals")
            Self.isWhole(page)
            #expect(page.body.contains("Борщ &lt;красный&gt;") && !page.body.contains("/purchases"))
        }
    }

    @Test("CA-02 to CA-05: purchases with time, kind, cost and quantity, bundles that unfold, day sums, and refusals")
    func purchases() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let (lunch, tea, torte) = (UUID.v7(), UUID.v7(), UUID.v7())
            try await canteen.sell(lunch, of: [(try await meal, 1)])
            try await canteen.accept(lunch)
            try await canteen.sell(tea, of: [(canteen.tea, 2)])
            try await canteen.accept(tea)
            try await canteen.sell(torte, of: [(canteen.bun, 10)])
            try await canteen.decline(torte)
            let path = "/canteen/children/\(canteen.masha.text)/purchases"
            let page = try await counter.mother().get(path)
            Self.isWhole(page)
            for text in [
                "12:47", "личная покупка", "Обед, все", "<details>", "Борщ &lt;красный&gt;", "Компот", "Чай", "× 2", "30\u{a0}₽",
                "70,50\u{a0}₽", "325\u{a0}₽", "7\u{a0}₽", "Пятница, 20\u{a0}ноября",
            ] {
                #expect(page.body.contains(text), "\(text)")
            }
            let october = try await counter.mother().get(path + "?month=2026-10")
            Self.isWhole(october)
            #expect(!october.body.contains("Чай"))
            #expect(try await counter.mother().get(path + ".json").body.contains("Борщ"))
        }
    }

    @Test("The till's key opens the goods, the buyer and the sale; a repeat of the sale gives the same end")
    func till() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let till = try await counter.till()
            #expect(try await till.get("/canteen/tills/self/goods").body.contains("Булочка"))
            let hint = canteen.account(version: 1)
            try await canteen.database.transaction { try WhenLedgerAnswers.remember([hint], in: $0) }
            let buyer = try await till.get("/canteen/tills/self/buyers?card=\(CanteenOfTests.mashasCard)")
            #expect(buyer.body.contains(#""balance":28600"#))
            #expect(try await till.get("/canteen/tills/self/buyers?card=04FFFFFFFF").status == .notFound)
            let sale = UUID.v7()
            func body(_ quantity: Int, card: String = CanteenOfTests.mashasCard) -> String {
                #"{"saleID":"\#(sale.text)","sequence":1,"card":"\#(card)","items":[{"item":"\#(canteen.tea.text)","quantity":\#(quantity)}]}"#
            }
            async let answered: Void = counter.accepting(sale)
            let sold = try await till.postJSON("/canteen/tills/self/sales", body(1))
            try await answered
            #expect(sold.status == .ok)
            #expect(sold.body.contains(#""state":"completed""#))
            #expect(try await till.postJSON("/canteen/tills/self/sales", body(1)).body == sold.body)
            #expect(try await till.get("/canteen/tills/self/sales/\(sale.text)").body == sold.body)
            #expect(try await till.postJSON("/canteen/tills/self/sales", body(2)).status == .conflict)
            #expect(try await till.postJSON("/canteen/tills/self/sales", body(1, card: "04FFFFFFFF")).status == .notFound)
            #expect(try await canteen.said(sale) == ["ledger.charge.v1", "canteen.sale.completed.v1"])
            let stranger = Reader(client: counter.client, key: "nobody's")
            #expect(try await stranger.get("/canteen/tills/self/goods").status == .unauthorized)
        }
    }

    @Test("No answer within a second is told as not paid, in words")
    func tillHearsNothing() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let till = try await counter.till()
            let sold = try await till.postJSON(
                "/canteen/tills/self/sales",
                #"{"saleID":"\#(UUID.v7().text)","person":"\#(canteen.masha.text)","items":[{"item":"\#(canteen.tea.text)","quantity":1}]}"#)
            #expect(sold.status == .ok)
            #expect(sold.body.contains(#""state":"notPaid""#))
        }
    }

    @Test("The cashier holds a card to the reader, counts, pays, and reads why it was refused")
    func cashier() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let cashier = try await counter.reader(canteen.cashier, sections: ["till"])
            Self.isWhole(try await cashier.get("/canteen/till"))
            let page = try await cashier.get("/canteen/till?card=\(CanteenOfTests.mashasCard)")
            Self.isWhole(page)
            #expect(page.body.contains("item-\(canteen.tea.text)"))
            let sale = UUID.v7()
            let form = ["sale": sale.text, "card": CanteenOfTests.mashasCard, "item-\(canteen.tea.text)": "2", "item-\(canteen.bun.text)": ""]
            async let answered: Void = counter.accepting(sale)
            let paid = try await cashier.post("/canteen/till/sales", form)
            try await answered
            #expect(paid.body.contains("30\u{a0}₽"))
            let empty = try await cashier.post("/canteen/till/sales", ["sale": UUID.v7().text, "card": CanteenOfTests.mashasCard])
            #expect(empty.status == .unprocessableContent)
            let refused = UUID.v7()
            try await canteen.sell(refused, of: [(canteen.tea, 1)])
            try await canteen.decline(refused)
            let again = try await cashier.post(
                "/canteen/till/sales", ["sale": refused.text, "card": CanteenOfTests.mashasCard, "item-\(canteen.tea.text)": "1"])
            #expect(again.body.contains("7\u{a0}₽"))
        }
    }

    @Test("The cashier sells under the name of a till: the school's first, or the one that the browser was said to be")
    func nameOfTheTill() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let (first, second) = try await canteen.database.transaction { [canteen] tx in
                (
                    try RegisterTill(school: canteen.school, name: "Касса 1").run(in: tx, outbox: canteen.outbox).tillID,
                    try RegisterTill(school: canteen.school, name: "Касса 2").run(in: tx, outbox: canteen.outbox).tillID
                )
            }
            let elsewhere = try await canteen.database.transaction { try RegisterTill(school: .v7(), name: "Чужая").run(in: $0, outbox: canteen.outbox).tillID }
            var cashier = try await counter.reader(canteen.cashier, sections: ["till"])
            let page = try await cashier.get("/canteen/till")
            Self.isWhole(page)
            #expect(page.body.contains("<h1>Касса 1</h1>") && page.body.contains("Касса 2") && !page.body.contains("Чужая"))
            func sold(_ reader: Reader) async throws -> Sale? {
                let sale = UUID.v7()
                async let answered: Void = counter.accepting(sale)
                let paid = try await reader.post(
                    "/canteen/till/sales", ["sale": sale.text, "card": CanteenOfTests.mashasCard, "item-\(canteen.tea.text)": "1"])
                try await answered
                #expect(paid.status == .ok)
                return try await canteen.sale(sale)
            }
            let plain = try await sold(cashier)
            #expect(plain?.tillName == "Касса 1" && plain?.tillID == first)
            #expect(try await cashier.post("/canteen/till/choice", ["till": elsewhere.text]).status == .notFound)
            #expect(try await cashier.post("/canteen/till/choice", ["till": second.text]).location == "/canteen/till")
            cashier.till = second
            let chosen = try await sold(cashier)
            #expect(chosen?.tillName == "Касса 2" && chosen?.tillID == second)
            // A cookie that names another school's till is nobody's till here.
            cashier.till = elsewhere
            #expect(try await sold(cashier)?.tillName == "Касса 1")
            #expect(try await counter.mother().get("/canteen/children/\(canteen.masha.text)/purchases").body.contains("Касса 2"))
        }
    }

    @Test("A tile says its price and the bill counts in kopecks; what the limit leaves is told")
    func tiles() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let cashier = try await counter.reader(canteen.cashier, sections: ["till"])
            let empty = try await cashier.get("/canteen/till")
            #expect(empty.body.contains("Приложите карту") && !empty.body.contains("data-add"))
            let account = canteen.account(version: 1, limit: 15_000, spent: 6_000)
            try await canteen.database.transaction { try WhenLedgerAnswers.remember([account], in: $0) }
            let page = try await cashier.get("/canteen/till?card=\(CanteenOfTests.mashasCard)")
            Self.isWhole(page)
            for text in [
                "Комплекты", "Выпечка", "data-add=\"i-\(canteen.bun.text)\"", "data-price=\"3250\"", "32,50\u{a0}₽", "data-balance=\"28600\"",
                "286\u{a0}₽", "90\u{a0}₽", "из 150\u{a0}₽ в день",
            ] {
                #expect(page.body.contains(text), "\(text)")
            }
            let stranger = try await cashier.get("/canteen/till?card=04FFFFFFFF")
            #expect(stranger.body.contains("aria-invalid") && stranger.body.contains("04FFFFFFFF"))
        }
    }

    @Test("CA-01: the kitchen turns to any date and says when there is no menu")
    func kitchensDates() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let cook = try await counter.reader(canteen.cook, sections: ["menu"])
            let today = try await cook.get("/canteen/kitchen")
            Self.isWhole(today)
            #expect(today.body.contains("/canteen/kitchen?day=\(canteen.today - 1)") && !today.body.contains("Каша"))
            let before = try await cook.get("/canteen/kitchen?day=\(canteen.today - 1)")
            Self.isWhole(before)
            #expect(before.body.contains("Каша") && before.body.contains("/canteen/kitchen?day=\(canteen.today)"))
            let none = try await cook.get("/canteen/kitchen?day=2026-01-01")
            Self.isWhole(none)
            #expect(none.body.contains("На этот день меню нет"))
        }
    }

    @Test("The kitchen puts a product on sale, changes its price and takes it off")
    func kitchen() async throws {
        try await serve()
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let cook = try await counter.reader(canteen.cook, sections: ["menu"])
            let page = try await cook.get("/canteen/kitchen")
            Self.isWhole(page)
            #expect(page.body.contains("Борщ"))
            #expect(try await cook.post("/canteen/kitchen/products", ["name": "Сок", "group": "Напитки", "price": "30,50"]).status == .seeOther)
            #expect(try await cook.get("/canteen/kitchen").body.contains("30,50\u{a0}₽"))
            let wrong = try await cook.post("/canteen/kitchen/products", ["name": "Сок", "price": "даром"])
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.body.contains("даром"))
            #expect(try await cook.post("/canteen/kitchen/products/\(canteen.tea.text)/end", [:]).status == .seeOther)
            #expect(!(try await cook.get("/canteen/kitchen").body.contains("Чай")))
        }
    }

    @Test("ID-35 and the one decision: strangers cannot tell a child from nothing; a pupil sees the menu and no purchases")
    func strangers() async throws {
        try await Counter.story(canteen) { counter in
            let canteen = counter.canteen
            let other = try await counter.reader(canteen.otherMother)
            let pupil = try await counter.reader(canteen.masha, isPupil: true)
            let cook = try await counter.reader(canteen.cook)
            for path in ["/canteen/children/{child}/purchases", "/canteen/children/{child}/menu"] {
                let seen = try await other.get(path.replacing("{child}", with: canteen.masha.text))
                #expect(seen.status == .notFound)
                #expect(seen.body == (try await other.get(path.replacing("{child}", with: UUID.v7().text))).body)
                let anonymous = try await Reader(client: counter.client).get(path.replacing("{child}", with: canteen.masha.text))
                #expect(anonymous.status == .seeOther)
            }
            #expect(try await pupil.get("/canteen/children/\(canteen.masha.text)/purchases").status == .notFound)
            #expect(try await pupil.get("/canteen/children/\(canteen.masha.text)/menu").status == .ok)
            #expect(try await cook.get("/canteen/children/\(canteen.masha.text)/purchases").status == .notFound)
            for reader in [other, pupil, cook] { #expect(try await reader.get("/canteen/till").status == .notFound) }
            for reader in [other, pupil] { #expect(try await reader.get("/canteen/kitchen").status == .notFound) }
            #expect(try await other.get("/canteen/schools/\(UUID.v7().text)/menu").status == .notFound)
            let refused = try await other.post("/canteen/kitchen/products", ["name": "Сок", "price": "1"])
            #expect(refused.status == .notFound)
        }
    }

    @Test("Every text of the pages and of the code has its Russian")
    func catalogueIsComplete() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        #expect(try CatalogueCheck.missing(in: root.appendingPathComponent("Services/Canteen").path).isEmpty)
    }
}
