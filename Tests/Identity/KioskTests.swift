import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Identity

@Suite("PINs") struct PinTests {
    @Test("ID-31: a PIN is four digits, and not one that is tried first")
    func rule() {
        for text in ["", "123", "12345", "12a4", "١٢٣٤", "12 4"] { #expect(Pin(text) == nil, "\(text)") }
        for text in ["0000", "9999", "1234", "0123", "9876", "3210", "2580", "1212"] { #expect(Pin(text)?.isTrivial == true, "\(text)") }
        for text in ["0427", "1235", "9071", "1357"] { #expect(Pin(text)?.isTrivial == false, "\(text)") }
        #expect(Pin("0270")?.isPart(of: "0270390000") == true && Pin("0000")?.isPart(of: "0270390000") == true)
        #expect(Pin("2703")?.isPart(of: "0270390000") == false)
    }

    @Test("ID-31: a printed PIN is never trivial and never in the account number")
    func random() {
        var generator = SystemRandomNumberGenerator()
        var seen: Set<String> = []
        for _ in 0..<3000 {
            let pin = Pin.random(notIn: "0270390482", using: &generator)
            #expect(pin.digits.count == 4 && !pin.isTrivial && !pin.isPart(of: "0270390482"))
            seen.insert(pin.digits)
        }
        #expect(seen.count > 1800)
        #expect(seen.contains { $0.hasPrefix("0") })
    }
}

@Suite("The terminal", .database(School.migrations)) struct KioskTests {
    let school = School(database: TestDatabase.current.database)

    private func story(_ tell: @escaping @Sendable (any TestClientProtocol, School) async throws -> Void) async throws {
        try await school.open()
        for (number, login) in [("G1", "olga"), ("G2", "misha"), ("G3", "irina"), ("S1", "savina"), ("P1", "anna")] {
            try await school.give(number, login: login)
        }
        let school = school
        try await school.withPages { client in try await tell(client, school) }
    }

    private func browser(_ client: any TestClientProtocol, _ login: String) async throws -> Browser {
        let browser = Browser(client)
        _ = try await browser.post("/identity/sign-in", ["login": login, "password": "gz7mtk4q"])
        return browser
    }

    /// A terminal that an administrator has registered and set up.
    private func terminal(_ client: any TestClientProtocol, by curator: Browser) async throws -> Browser {
        let shown = try await curator.post("/identity/terminals", ["name": "Холл"])
        let code = String(try #require(shown.body.firstMatch(of: /code-shown">([A-Z0-9-]{14})</)).output.1)
        let terminal = Browser(client)
        #expect(try await terminal.get("/identity/kiosk").body.contains("Терминал ещё не настроен"))
        let done = try await terminal.post("/identity/kiosk/setup", ["code": code.lowercased()])
        #expect(done.location == "/identity/kiosk")
        // The code is good once.
        #expect(try await Browser(client).post("/identity/kiosk/setup", ["code": code]).status == .unprocessableContent)
        return terminal
    }

    private func number(_ school: School, _ child: String) async throws -> (account: String, code: String) {
        let id = try await school.id(child)
        let found = try await school.database.read {
            try $0.first("select account_number, pupil_code from pupil where person_id = \(id)", as: String.self, String.self)
        }
        let (account, code) = try #require(found)
        return (account, code)
    }

    @Test("ID-31 to ID-33, AC-19: contract, signature, PIN, terminal: from the paper to the cabinet without a name")
    func journey() async throws {
        try await story { client, school in
            let child = try await school.id("P1")
            let curator = try await browser(client, "savina")
            let path = "/identity/children/\(child.text)/contract"
            #expect(try await curator.get("/identity/people/\(child.text)").body.contains(path))
            let page = try await curator.get(path)
            for text in ["не подписан", "Ветрова Ольга Игоревна", "Отметить подписание"] { #expect(page.body.contains(text), "\(text)") }
            let mother = try await school.id("G2")
            let paper = try await curator.get("\(path)/print?guardian=\(mother.text)")
            // ID-32: the parent's name, the child's name, the class; payer and payment agent.
            for text in ["Ветров Михаил", "Ветрова Анна Михайловна", "7\u{a0}«Б»", "Платёжный агент", "Плательщик"] { #expect(paper.body.contains(text), "\(text)") }
            let wrong = try await curator.post(path, ["guardian": UUID.v7().text, "signed": "2020-01-01"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("Выберите, кто подписал."))
            let future = try await curator.post(path, ["guardian": mother.text, "signed": "2099-01-01"])
            #expect(future.status == .unprocessableContent && future.body.contains("будущим днём"))
            try await school.database.execute("delete from login where person_id = \(mother)")
            let signed = try await curator.post(path, ["guardian": mother.text, "signed": SchoolZone.moscow.day(of: Date()).iso])
            #expect(signed.status == .ok)
            let shown = signed.body.matches(of: /class="sheet-number">([^<]+)</).map { String($0.output.1) }
            let (account, code) = try await number(school, "P1")
            #expect(shown.count == 4)
            #expect(shown.first?.filter(\.isNumber) == account && shown[2] == code)
            #expect(InvitationCode(shown[3]) != nil)
            let pin = shown[1]
            #expect(Pin(pin) != nil)
            // Never shown again.
            let again = try await curator.get(path)
            #expect(again.body.contains("Подписан: Ветров Михаил") && !again.body.contains(">\(pin)<"))
            #expect(try await school.database.rows("select hash from pin", as: String.self).allSatisfy { $0.hasPrefix("$argon2id$") })

            let terminal = try await terminal(client, by: curator)
            let start = try await terminal.get("/identity/kiosk")
            for text in ["Лицевой счёт", "PIN", "data-keypad"] { #expect(start.body.contains(text), "\(text)") }
            let no = try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": "0001"])
            #expect(no.status == .unprocessableContent && no.body.contains("не подошли"))
            let yes = try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": pin])
            #expect(yes.location == "/identity/kiosk/cabinet")
            let cabinet = try await terminal.get("/identity/kiosk/cabinet")
            for text in ["Добрый день, кабинет ученика:", code, "Режим «Родитель»", "Выход", "/ledger/kiosk", "/canteen/kiosk", "/journal/kiosk"] {
                #expect(cabinet.body.contains(text), "\(text)")
            }
            for name in ["Ветров", "Анна", "Ольга", "Михаил", "7\u{a0}«Б»"] { #expect(!cabinet.body.contains(name), "ID-33: \(name)") }
            let key = try await terminal.get("/identity/kiosk/renewal?to=/ledger/kiosk")
            #expect(key.location == "/ledger/kiosk")
            #expect(try await terminal.get("/identity/kiosk/renewal?to=/identity/people").location == "/identity/kiosk/cabinet")
            let out = try await terminal.post("/identity/kiosk/exit")
            #expect(out.location == "/identity/kiosk?why=out")
            #expect(try await terminal.get("/identity/kiosk/cabinet").location == "/identity/kiosk")
        }
    }

    @Test("ID-31: only a registered terminal; taken out of service it opens nothing, and a new PIN ends what the old one opened")
    func registered() async throws {
        try await story { client, school in
            let (account, _) = try await number(school, "P1")
            let child = try await school.id("P1")
            let mother = try await browser(client, "olga")
            let path = "/identity/children/\(child.text)/pin"
            #expect(try await mother.get("/identity/profile").body.lowercased().contains(path))
            for (pin, repeated, text) in [
                ("123", "123", "Нужны четыре цифры."), ("1234", "1234", "пробуют первым"), ("4827", "4828", "введён по-разному"),
                (String(account.suffix(4)), String(account.suffix(4)), "Выберите друг"),
            ] {
                let refused = try await mother.post(path, ["pin": pin, "repeated": repeated])
                #expect(refused.status == .unprocessableContent && refused.body.contains(text), "\(pin)")
            }
            let pin = ["4827", "9053", "6148"].first { Pin($0)?.isPart(of: account) == false } ?? ""
            #expect(try await mother.post(path, ["pin": pin, "repeated": pin]).location == path + "?done=1")
            // A browser that is no terminal cannot even ask.
            let stranger = Browser(client)
            let asked = try await stranger.post("/identity/kiosk/sign-in", ["account": account, "pin": pin])
            #expect(asked.status == .forbidden && asked.body.contains("Терминал ещё не настроен"))
            await stranger.keep(Terminal.cookie, "invented")
            #expect(try await stranger.post("/identity/kiosk/sign-in", ["account": account, "pin": pin]).status == .forbidden)

            let curator = try await browser(client, "savina")
            let terminal = try await terminal(client, by: curator)
            _ = try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": pin])
            #expect(try await terminal.get("/identity/kiosk/renewal").location == "/identity/kiosk/cabinet")
            // Another PIN: the visit is over at the next touch.
            let other = ["7306", "5192", "8461"].first { Pin($0)?.isPart(of: account) == false } ?? ""
            _ = try await mother.post(path, ["pin": other, "repeated": other])
            #expect(try await terminal.get("/identity/kiosk/renewal").location == "/identity/kiosk")
            #expect(try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": pin]).status == .unprocessableContent)
            _ = try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": other])
            let list = try await curator.get("/identity/terminals")
            #expect(list.body.contains("Холл") && list.body.contains("последний вход"))
            let id = try #require(list.body.firstMatch(of: /terminals\/([0-9a-f-]{36})\/end/)).output.1
            #expect(try await curator.post("/identity/terminals/\(id)/end").location == "/identity/terminals")
            #expect(try await terminal.get("/identity/kiosk/renewal").location == "/identity/kiosk")
            #expect(try await terminal.get("/identity/kiosk").body.contains("Терминал ещё не настроен"))
            #expect(try await curator.post("/identity/terminals/\(id)/code").status == .notFound)
        }
    }

    @Test("ID-31: a PIN is guessed nowhere: wrong ones close the account for a quarter of an hour at every terminal, and others go on")
    func throttled() async throws {
        try await story { client, school in
            let curator = try await browser(client, "savina")
            let terminal = try await terminal(client, by: curator)
            let (account, _) = try await number(school, "P1")
            let (other, _) = try await number(school, "P3")
            let child = try await school.id("P3")
            let by = try await school.id("G3")
            let pin = try #require(Pin(["4827", "9053"].first { Pin($0)?.isPart(of: other) == false } ?? ""))
            try await SetPin(childID: child, pin: pin, by: by, now: Date()).run(school.database, school.bench)
            for _ in 0..<5 {
                #expect(try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": "0001"]).status == .unprocessableContent)
            }
            let closed = try await terminal.post("/identity/kiosk/sign-in", ["account": account, "pin": "0002"])
            #expect(closed.status == .tooManyRequests && closed.body.contains("Слишком много попыток"))
            for _ in 0..<8 {
                let right = try await terminal.post("/identity/kiosk/sign-in", ["account": other, "pin": pin.digits])
                #expect(right.location == "/identity/kiosk/cabinet")
            }
        }
    }

    @Test("ID-31: the day's limit of wrong PINs holds over its quarters of an hour, and right ones are not counted")
    func day() async throws {
        try await school.open()
        let start = school.now
        var allowed = 0
        for quarter in 0..<12 {
            for attempt in 0..<6 {
                let now = start.addingTimeInterval(Double(quarter) * 1000 + Double(attempt))
                let verdict = try await school.database.transaction {
                    try Guessing.countPin(account: "0270390482", terminal: "t\(quarter)", now: now, in: $0)
                }
                if case .allowed = verdict { allowed += 1 }
            }
        }
        #expect(allowed == 20)
        for _ in 0..<100 {
            let verdict = try await school.database.transaction { transaction in
                let verdict = try Guessing.countPin(account: "0270390490", terminal: "one", now: start, in: transaction)
                try Guessing.forgivePin(account: "0270390490", terminal: "one", in: transaction)
                return verdict
            }
            #expect(verdict == .allowed(left: 0))
        }
    }

    @Test("ID-33: without a touch the cabinet closes after a minute and a half, and after ten minutes in any case")
    func idle() async throws {
        try await school.open()
        let (child, curator) = (try await school.id("P1"), try await school.id("S1"))
        let start = school.now
        let ids = (visit: UUID.v7(), terminal: UUID.v7())
        try await school.database.transaction { transaction in
            let place = try transaction.first("select school_id from pupil where person_id = \(child)", as: UUID.self)
            _ = try RegisterTerminal(id: ids.terminal, schoolID: place ?? child, name: "Холл", by: curator, now: start).run(in: transaction)
            try transaction.execute(
                "insert into terminal_visit (id, terminal_id, child_id, started_at, touched_at) values (\(ids.visit), \(ids.terminal), \(child), \(start), \(start))")
        }
        func touch(_ seconds: Double) async throws -> Bool {
            try await school.database.transaction { try TouchVisit(session: ids.visit, now: start.addingTimeInterval(seconds)).run(in: $0) }
        }
        for seconds in stride(from: 80.0, through: 560, by: 80) { #expect(try await touch(seconds), "\(seconds)") }
        #expect(try await !touch(640))
        try await school.database.execute("update terminal_visit set started_at = \(start.addingTimeInterval(500))")
        #expect(try await touch(640))
        #expect(try await !touch(640 + 92))
    }

    @Test("ID-31, ID-33: who may not set a PIN, print a contract or register a terminal finds nothing")
    func strangers() async throws {
        try await story { client, school in
            let child = try await school.id("P1")
            for login in ["irina", "anna"] {
                let stranger = try await browser(client, login)
                for path in ["pin", "contract", "contract/print"] {
                    #expect(try await stranger.get("/identity/children/\(child.text)/\(path)").status == .notFound, "\(login) \(path)")
                }
                #expect(try await stranger.post("/identity/children/\(child.text)/pin", ["pin": "4827", "repeated": "4827"]).status == .notFound)
                #expect(try await stranger.post("/identity/children/\(child.text)/contract/pin").status == .notFound)
                #expect(try await stranger.get("/identity/terminals").status == .notFound)
            }
            let mother = try await browser(client, "olga")
            #expect(try await mother.post("/identity/children/\(child.text)/contract/pin").status == .notFound)
            #expect(try await school.database.rows("select child_id from pin", as: UUID.self).isEmpty)
        }
    }
}
