import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Logging
import Messaging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Ledger

/// Somebody with a browser and a token of Identity.
struct Reader: Sendable {
    let client: any TestClientProtocol
    let token: String?

    struct Seen: Sendable {
        let status: HTTPResponse.Status
        let body: String
        let location: String?
        let type: String?
    }

    func get(_ path: String, accept: String = "text/html") async throws -> Seen { try await send(.get, path, "", accept, origin: nil) }

    func bytes(_ path: String) async throws -> Data {
        var headers: HTTPFields = [.accept: "*/*"]
        if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
        let response = try await client.executeRequest(uri: path, method: .get, headers: headers, body: nil)
        return Data(response.body.readableBytesView)
    }

    func post(_ path: String, _ form: [String: String], accept: String = "text/html") async throws -> Seen {
        let body = form.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
        return try await send(.post, path, body.joined(separator: "&"), accept, origin: "https://localhost")
    }

    /// A form with a file, as a browser sends it.
    func post(_ path: String, _ form: [String: String], file: String, named name: String, _ content: Data) async throws -> Seen {
        var body = ByteBuffer()
        for (field, value) in form {
            body.writeString("--form-of-a-browser\r\nContent-Disposition: form-data; name=\"\(field)\"\r\n\r\n\(value)\r\n")
        }
        body.writeString(
            "--form-of-a-browser\r\nContent-Disposition: form-data; name=\"\(file)\"; filename=\"\(name)\"\r\nContent-Type: text/csv\r\n\r\n")
        body.writeBytes(content)
        body.writeString("\r\n--form-of-a-browser--\r\n")
        return try await send(
            .post, path, body, "text/html", origin: "https://localhost", type: "multipart/form-data; boundary=form-of-a-browser")
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String, _ accept: String, origin: String?
    ) async throws -> Seen {
        try await send(method, path, ByteBuffer(string: body), accept, origin: origin, type: "application/x-www-form-urlencoded")
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: ByteBuffer, _ accept: String, origin: String?, type: String
    ) async throws -> Seen {
        var headers: HTTPFields = [.accept: accept, .contentType: type]
        headers[.origin] = origin
        if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
        let response = try await client.executeRequest(uri: path, method: method, headers: headers, body: body)
        return Seen(
            status: response.status, body: String(buffer: response.body), location: response.headers[.location],
            type: response.headers[.contentType])
    }
}

/// The pages over the real routes, with everybody who may knock.
struct Cabinet: Sendable {
    let school: SchoolOfTests
    let client: any TestClientProtocol
    let key: ES256PrivateKey
    let keyID: UUID

    let otherMother = UUID.v7()
    let classTeacher = UUID.v7()
    let otherAccountant = UUID.v7()

    /// Opens school and cabinet and tells a story in it.
    static func story(
        _ school: SchoolOfTests, settings: [String: String] = [:], _ tell: @escaping @Sendable (Cabinet) async throws -> Void
    ) async throws {
        try await school.open()
        let parts = try await LedgerService.parts(database: school.database, settings: settings)
        let router = Router()
        WebHost(
            pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: Logger(label: "test"),
            clock: { SchoolOfTests.noon }
        ).register(LedgerService.routes(parts), on: router)
        try await Application(router: router).test(.router) { client in
            let cabinet = Cabinet(school: school, client: client, key: ES256PrivateKey(), keyID: .v7())
            try await cabinet.introduceEverybody()
            try await tell(cabinet)
        }
    }

    private func introduceEverybody() async throws {
        let pupils = [school.masha, school.egor, school.timur].enumerated().map { Told(school.pupil($1, number: $0 + 1)) }
        let key = SigningKeyChanged(
            keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation,
            validFrom: Date(timeIntervalSince1970: 0), validUntil: .distantFuture, ended: false)
        func children(_ person: UUID, _ ids: [UUID], _ topics: [Topic]) -> Told<RightsChanged> {
            Told(
                RightsChanged(
                    personID: person, version: 1, roles: [],
                    children: ids.map { Guardianship(childID: $0, topics: topics, isPrimary: true, until: nil) }, ended: false))
        }
        func role(_ person: UUID, _ role: Role, _ at: UUID, _ schoolClass: UUID? = nil) -> Told<RightsChanged> {
            Told(
                RightsChanged(
                    personID: person, version: 1, roles: [RoleHeld(schoolID: at, role: role, classID: schoolClass)], children: [],
                    ended: false))
        }
        let rights = [
            children(school.mother, [school.masha, school.egor], Topic.allCases),
            children(otherMother, [school.timur], Topic.allCases), role(school.accountant, .accountant, school.school),
            role(otherAccountant, .accountant, .v7()), role(classTeacher, .classTeacher, school.school, .v7()),
            children(school.masha, [], []),
        ]
        try await school.database.transaction { tx in
            try Directory.apply(pupils, in: tx)
            try Directory.apply([Told(key)], in: tx)
            try Directory.apply(rights, in: tx)
        }
    }

    func reader(
        _ person: UUID, kids: [SessionToken.Kid] = [], isPupil: Bool = false, sections: [String] = [], language: String = "ru"
    ) async throws -> Reader {
        let token = SessionToken(
            person: person, session: .v7(), rights: 1, name: "Ольга Сергеевна", kids: kids, language: language, isPupil: isPupil,
            sections: sections)
        let keys = await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        return Reader(client: client, token: try await keys.sign(token, kid: JWKIdentifier(string: keyID.text)))
    }

    func mother(language: String = "ru") async throws -> Reader {
        try await reader(
            school.mother,
            kids: [.init(id: school.masha, name: "Маша", accent: "sea"), .init(id: school.egor, name: "Егор", accent: "plum")],
            language: language)
    }

    func accountant() async throws -> Reader { try await reader(school.accountant, sections: ["desk"]) }
}

@Suite("Pages", .database(LedgerService.migrations)) struct PagesTests {
    let school = SchoolOfTests()

    private static func isWhole(_ seen: Reader.Seen) {
        #expect(seen.status == .ok)
        #expect(!seen.body.contains("[["))
        #expect(!seen.body.contains("{{"))
        #expect(!seen.body.contains(" style="))
    }

    @Test("AC-07, AC-17: the mother sees all her children, what each has and what is left today")
    func purses() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 500)
            try await school.limit(school.masha, 150)
            try await school.decide([school.charge(school.masha, 45)])
            let page = try await cabinet.mother().get("/ledger/money")
            Self.isWhole(page)
            for text in ["Маша", "Егор", "455<small>,00\u{a0}₽</small>", "105\u{a0}₽", "Предел на день не задан.", "0270\u{a0}000\u{a0}001"] {
                #expect(page.body.contains(text), "\(text)")
            }
            let json = try await cabinet.mother().get("/ledger/money.json")
            #expect(json.type?.hasPrefix("application/json") == true)
            #expect(json.body.contains(#""balance":45500"#))
        }
    }

    @Test("AC-05, BY-05: the statement says when, how and by whom, with the balance after each line; refusals stand in it")
    func statement() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300, receipt: "ПКО-118", at: school.now - 90_000)
            let lunch = school.charge(school.masha, 128, .collective, what: "Обед № 2")
            let bun = school.charge(school.masha, 45, what: "Булочка <с маком>")
            try await school.decide([lunch, bun, school.charge(school.masha, 400, what: "Торт")])
            try await school.withdraw([bun])
            let path = "/ledger/children/\(school.masha.text)/statement"
            let page = try await cabinet.mother().get(path)
            Self.isWhole(page)
            for text in [
                "Пополнение в кассе", "чек № ПКО-118; бухгалтер", "+300,00", "Обед № 2", "по заявке класса", "−128,00", "172,00",
                "Булочка &lt;с маком&gt;", "Возврат:", "Отказ: Торт, 400\u{a0}₽", "не хватило денег", "отказ", "12:47",
                "Пятница, 20\u{a0}ноября", "Четверг, 19\u{a0}ноября", "<svg role=\"img\"", "Хватит на 1 обед.",
            ] {
                #expect(page.body.contains(text), "\(text)")
            }
            let onlyTopUps = try await cabinet.mother().get(path + "?kind=top-ups")
            #expect(onlyTopUps.body.contains("+300,00"))
            #expect(!onlyTopUps.body.contains("−128,00"))
            let october = try await cabinet.mother().get(path + "?month=2026-10")
            Self.isWhole(october)
            #expect(october.body.contains("За это время на счёте ничего не происходило."))
            let english = try await cabinet.mother(language: "en").get(path)
            #expect(english.body.contains("Top-up at the cash desk"))
            let json = try await cabinet.mother().get(path + ".json")
            #expect(json.body.contains(#""saleID":""# + lunch.saleID.uuidString) || json.body.contains(lunch.saleID.text))
        }
    }

    @Test("AC-07: the form sets the limit, says what is wrong with a wrong sum, and an empty field lifts it")
    func limitForm() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/limit"
            Self.isWhole(try await mother.get(path))
            let set = try await mother.post(path, ["limit": "150,50"])
            #expect(set.status == .seeOther)
            #expect(try await school.account(school.masha)?.dailyLimit == Money(kopecks: 15_050))
            for wrong in ["-5", "много", "100000000"] {
                let again = try await mother.post(path, ["limit": wrong])
                #expect(again.status == .unprocessableContent)
                #expect(again.body.contains("Напишите сумму в рублях от 0 до"))
                #expect(again.body.contains("value=\"\(wrong)\""))
            }
            #expect(try await mother.post(path, ["limit": ""]).status == .seeOther)
            #expect(try await school.account(school.masha)?.dailyLimit == nil)
            #expect(try await school.said().filter { $0 == "ledger.account.changed.v1" }.count == 5)
        }
    }

    @Test("BY-05: the page of limits shows the bans that Canteen told last, whatever the order, and leads to where they are set")
    func bans() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/limit"
            let none = try await mother.get(path)
            #expect(none.body.contains("Ничего не запрещено.") && none.body.contains("href=\"/canteen/children/\(school.masha.text)/bans\""))
            func told(_ version: Int64, _ bans: [GoodsBan], ended: Bool = false) -> Received<BansChanged> {
                Received(BansChanged(personID: school.masha, version: version, bans: bans, ended: ended))
            }
            let sweets = GoodsBan(scope: .group, name: "сладости")
            let batches = [
                [told(2, [sweets, GoodsBan(scope: .product, name: "Лимонад <0,5>")]), told(1, [GoodsBan(scope: .product, name: "Чай")])],
                [told(1, [GoodsBan(scope: .product, name: "Чай")])],
            ]
            for batch in batches { try await school.database.transaction { try KnownBans.remember(batch, in: $0) } }
            let page = try await mother.get(path)
            Self.isWhole(page)
            #expect(page.body.contains("Вся группа «сладости»") && page.body.contains("Лимонад &lt;0,5&gt;") && !page.body.contains("Чай"))
            // The child is forgotten; what comes late brings nothing back.
            for last in [told(3, [sweets], ended: true), told(2, [sweets])] {
                try await school.database.transaction { try KnownBans.remember([last], in: $0) }
            }
            #expect(try await mother.get(path).body.contains("Ничего не запрещено."))
        }
    }

    @Test("AC-04, D-05: the accountant finds an account by number or ИДН, takes cash once, and reads no name")
    func desk() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let accountant = try await cabinet.accountant()
            Self.isWhole(try await accountant.get("/ledger/desk"))
            for code in ["0270000001", "0270%20000%20001", "I44F2EUE1"] {
                let found = try await accountant.get("/ledger/desk?code=\(code)")
                Self.isWhole(found)
                #expect(found.body.contains("Принять наличные"))
                #expect(found.body.contains("I44F2EUE1"))
                #expect(!found.body.contains("Маша"))
            }
            #expect(try await accountant.get("/ledger/desk?code=1").body.contains("Сверьте цифры с договором."))
            let path = "/ledger/children/\(school.masha.text)/top-ups"
            let form = ["id": UUID.v7().text, "amount": "500", "receipt": "ПКО-118"]
            for _ in 1...2 {
                let taken = try await accountant.post(path, form)
                #expect(taken.status == .seeOther)
                let after = try await accountant.get(taken.location ?? "")
                #expect(after.body.contains("500\u{a0}₽ зачислено на счёт 0270\u{a0}000\u{a0}001, чек № ПКО-118."))
            }
            #expect(try await school.account(school.masha)?.balance == .roubles(500))
            let used = try await accountant.post(path, ["id": UUID.v7().text, "amount": "5", "receipt": "ПКО-118"])
            #expect(used.body.contains("Эта касса уже выдала чек с таким номером."))
            let changed = try await accountant.post(path, form.merging(["amount": "600"]) { $1 })
            #expect(changed.body.contains("Второй раз ничего не зачислено."))
            let wrong = try await accountant.post(path, ["amount": "0", "receipt": ""])
            #expect(wrong.body.contains("Напишите сумму больше нуля"))
            #expect(wrong.body.contains("Напишите номер выданного чека."))
            #expect(try await school.account(school.masha)?.balance == .roubles(500))
        }
    }

    @Test("AC-17: the balance is a piece of a page and a number for a program")
    func balance() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 500)
            let path = "/ledger/children/\(school.masha.text)/balance"
            let piece = try await cabinet.mother().get(path)
            Self.isWhole(piece)
            #expect(!piece.body.contains("<html"))
            #expect(piece.body.contains("500\u{a0}₽"))
            #expect(try await cabinet.mother().get(path, accept: "application/json").body.contains(#""balance":50000"#))
        }
    }

    @Test("AC-06, ID-01 and the one decision: every stranger is refused every page, and cannot tell a child from nothing")
    func strangers() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let strangers = [
                try await cabinet.reader(cabinet.otherMother), try await cabinet.reader(cabinet.classTeacher),
                try await cabinet.reader(cabinet.otherAccountant), try await cabinet.reader(school.masha, isPupil: true),
            ]
            let parts = try await LedgerService.parts(database: school.database)
            let routes = LedgerService.routes(parts).routes.filter { $0.path.contains("{child}") }
            #expect(routes.count >= 17)
            for route in routes {
                let thing = "00000000-0000-7000-8000-000000000000"
                let path = route.path.replacing("{child}", with: school.masha.text).replacing(/\{\w+\}/, with: thing)
                let nothing = route.path.replacing("{child}", with: UUID.v7().text).replacing(/\{\w+\}/, with: thing)
                for stranger in strangers {
                    let seen = route.method == .get ? try await stranger.get(path) : try await stranger.post(path, [:])
                    let blank = route.method == .get ? try await stranger.get(nothing) : try await stranger.post(nothing, [:])
                    #expect(seen.status == .notFound, "\(route.method) \(route.path)")
                    #expect(seen.body == blank.body, "\(route.method) \(route.path)")
                }
                let anonymous = Reader(client: cabinet.client, token: nil)
                let seen = route.method == .get ? try await anonymous.get(path) : try await anonymous.post(path, [:])
                #expect(seen.status == .seeOther && seen.location?.hasPrefix("/identity/sign-in") == true)
            }
            for reader in [strangers[0], strangers[1], strangers[3]] {
                #expect(try await reader.get("/ledger/desk").status == .notFound)
                #expect(try await reader.get("/ledger/cash-outs").status == .notFound)
                #expect(try await reader.get("/ledger/refunds").status == .notFound)
            }
            #expect(try await strangers[3].get("/ledger/money").status == .notFound)
            let elsewhere = try await strangers[2].get("/ledger/desk?code=0270000001")
            #expect(!elsewhere.body.contains("I44F2EUE1"))
        }
    }
}

@Suite("Texts") struct TextsTests {
    @Test("Every text of the pages and of the code has its Russian")
    func catalogueIsComplete() throws {
        let pages = try LedgerService.testPages()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Services/Ledger")
        let files = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        var count = 0
        for file in files {
            let path = root.appendingPathComponent(file)
            if file.hasSuffix(".mustache") {
                for match in try String(contentsOf: path, encoding: .utf8).matches(of: /\[\[(.+?)\]\]/) {
                    #expect(pages.catalogue.hasText(String(match.1)), "\(file): \(match.1)")
                    count += 1
                }
            } else if file.hasSuffix(".swift") {
                let text = try String(contentsOf: path, encoding: .utf8)
                for match in text.matches(of: /\btr\(\s*"([^"]+)"/) {
                    #expect(pages.catalogue.hasText(String(match.1)), "\(file): \(match.1)")
                    count += 1
                }
                for match in text.matches(of: /\btrn\(\w+, "([^"]+)"/) {
                    #expect(pages.catalogue.hasPlural(String(match.1)), "\(file): \(match.1)")
                    count += 1
                }
            }
        }
        #expect(count > 80)
    }
}

extension LedgerService {
    static func testPages() throws -> Pages { try Pages(bundle, prefix: "/ledger") }
}
