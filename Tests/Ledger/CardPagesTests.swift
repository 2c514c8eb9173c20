import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import NIOCore
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// The pages and the adapter against the acquirer's emulator, which keeps its protocol.
@Suite("Card pages", .database(LedgerService.migrations)) struct CardPagesTests {
    let school = SchoolOfTests()

    private func story(_ tell: @escaping @Sendable (Cabinet, Emulator) async throws -> Void) async throws {
        let emulator = try await Emulator()
        try await Cabinet.story(
            school,
            settings: ["acquirer.shop": Emulator.shop, "acquirer.secret": Emulator.secret, "acquirer.address": emulator.address + "/v3"]
        ) { try await tell($0, emulator) }
    }

    private static func form(_ amount: String, fee: Int64 = 0) -> [String: String] {
        ["id": UUID.v7().text, "amount": amount, "fee": "\(fee)"]
    }

    /// What the acquirer tells us, as it would.
    private static func notify(_ cabinet: Cabinet, _ payment: CardPayment, event: String = "payment.succeeded") async throws -> HTTPResponse.Status {
        let body = """
            {"type":"notification","event":"\(event)","object":{"id":"\(payment.acquirerID ?? "unknown")","status":"succeeded","metadata":{"order":"\(payment.id.text)"}}}
            """
        return try await cabinet.client.executeRequest(
            uri: "/ledger/acquiring/notifications", method: .post, headers: [.contentType: "application/json"], body: ByteBuffer(string: body)
        ).status
    }

    private static func kept(_ cabinet: Cabinet, _ id: String) async throws -> CardPayment {
        try #require(
            try await cabinet.school.database.read { tx in try UUID(uuidString: id).flatMap { try tx.cardPayment(.id($0)) } })
    }

    @Test("AC-02, BY-03: a mother sees what she pays, pays at the bank, comes back, and the money is there")
    func wholeWay() async throws {
        try await story { cabinet, emulator in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/top-up"
            #expect(try await mother.get("/ledger/money").body.contains(path))
            let empty = try await mother.get(path)
            #expect(empty.status == .ok && empty.body.contains("Без комиссии") && empty.body.contains("amount=500"))
            #expect(!empty.body.contains("[[") && !empty.body.contains("{{"))
            let wrong = try await mother.get(path + "?amount=5")
            #expect(wrong.body.contains("Напишите сумму от 10\u{a0}₽ до") && wrong.body.contains("aria-invalid"))
            try await school.database.transaction { try $0.set(CardTerms(fee: 150), of: school.school, at: school.now) }
            let chosen = try await mother.get(path + "?amount=500")
            for text in ["К оплате", "507,50\u{a0}₽", "7,50\u{a0}₽", "Оплатить 507,50\u{a0}₽ картой", "1,5\u{a0}%"] { #expect(chosen.body.contains(text), "\(text)") }
            let stale = try await mother.post(path, Self.form("500"))
            #expect(stale.status == .unprocessableContent && stale.body.contains("Комиссия изменилась"))
            let form = Self.form("500", fee: 750)
            let sent = try await mother.post(path, form)
            #expect(sent.status == .seeOther)
            let page = try #require(sent.location)
            let payment = try await Self.kept(cabinet, try #require(form["id"]))
            #expect(payment.state == .open && payment.payAt?.hasPrefix(emulator.address) == true)
            let waiting = try await mother.get(page)
            let payAt = try #require(payment.payAt)
            #expect(waiting.body.contains("Ждём банк") && waiting.body.contains(payAt))
            let back = try await emulator.payer(try #require(payment.payAt), says: "pay")
            #expect(back == "https://localhost" + payment.path)
            try await school.database.execute("update card_payment set asked_at = made_at - interval '5 s'")
            let done = try await mother.get(payment.path)
            #expect(done.body.contains("500\u{a0}₽ на счёте") && done.body.contains("500<small>,00"))
            #expect(try await school.account(school.masha)?.balance == .roubles(500))
            #expect(try await mother.get(payment.path + ".json").body.contains(#""state":"credited""#))
            let statement = try await mother.get("/ledger/children/\(school.masha.text)/statement")
            #expect(statement.body.contains("Пополнение банковской картой") && statement.body.contains("···· 4477"))
            #expect(try await mother.post(path, form).location == payment.path + "?go=1")
            #expect(try await school.firstDifference() == nil)
            // Another family's child has no such payment, and neither has a brother.
            #expect(try await mother.get("/ledger/children/\(school.egor.text)/payments/\(payment.id.text)").status == .notFound)
            let stranger = try await cabinet.reader(cabinet.otherMother)
            #expect(try await stranger.get(payment.path).status == .notFound)
            #expect(try await stranger.get(path).status == .notFound)
        }
    }

    @Test("AC-02: a notification is believed nothing; repeated, early or lost, the money is credited once")
    func notifications() async throws {
        try await story { cabinet, emulator in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/top-up"
            func ask() async throws { try await school.database.execute("update card_payment set asked_at = made_at - interval '5 s' where ended_at is null") }
            let form = Self.form("100")
            _ = try await mother.post(path, form)
            var payment = try await Self.kept(cabinet, try #require(form["id"]))
            // It says "succeeded" before anybody paid.
            try await ask()
            #expect(try await Self.notify(cabinet, payment) == .ok)
            #expect(try await school.account(school.masha)?.balance == .zero)
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            for _ in 1...3 {
                try await ask()
                #expect(try await Self.notify(cabinet, payment) == .ok)
            }
            #expect(try await Self.notify(cabinet, payment, event: "payment.waiting_for_capture") == .ok)
            #expect(try await school.account(school.masha)?.balance == .roubles(100))
            // Two creations are made and never answered: the third answer is of the same payment.
            try await emulator.trouble(#"{"drop": 2}"#)
            let second = Self.form("200")
            let sent = try await mother.post(path, second)
            let unheard = try await mother.get(try #require(sent.location))
            #expect(unheard.body.contains("Банк ещё не ответил"))
            payment = try await Self.kept(cabinet, try #require(second["id"]))
            #expect(payment.state == .asked)
            for _ in 1...2 {
                // The notification comes before we know the payment's number.
                try await ask()
                #expect(try await Self.notify(cabinet, payment) == .ok)
            }
            payment = try await Self.kept(cabinet, try #require(second["id"]))
            #expect(payment.state == .open)
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            // Nobody says anything: the loop asks by itself.
            let parts = try await LedgerService.parts(
                database: school.database,
                settings: ["acquirer.shop": Emulator.shop, "acquirer.secret": Emulator.secret, "acquirer.address": emulator.address + "/v3"])
            let loop = AskAboutPayments(settle: try #require(LedgerService.settle(parts)), logger: Logger(label: "test"))
            try await loop.round(at: school.now + 3600)
            #expect(try await school.account(school.masha)?.balance == .roubles(300))
            #expect(try await Self.notify(cabinet, CardPayment.unknown) == .ok)
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("AC-02: who refuses at the bank is told that nothing was paid; who pays for a closed account gets it back")
    func otherEnds() async throws {
        try await story { cabinet, emulator in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let parts = try await LedgerService.parts(
                database: school.database,
                settings: ["acquirer.shop": Emulator.shop, "acquirer.secret": Emulator.secret, "acquirer.address": emulator.address + "/v3"])
            let settle = try #require(LedgerService.settle(parts))
            let path = "/ledger/children/\(school.masha.text)/top-up"
            let form = Self.form("100")
            _ = try await mother.post(path, form)
            var payment = try await Self.kept(cabinet, try #require(form["id"]))
            try await emulator.payer(try #require(payment.payAt), says: "refuse")
            try await settle.run(payment.id, at: school.now)
            #expect(try await mother.get(payment.path).body.contains("Оплаты не было"))

            let late = Self.form("300")
            _ = try await mother.post(path, late)
            payment = try await Self.kept(cabinet, try #require(late["id"]))
            let gone = school.pupil(school.masha, number: 1, version: 2, ended: true)
            try await school.database.transaction { try WhenPupilAppears(pupil: gone, version: 2).react(in: $0, school.outbox, at: school.now) }
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            // The refund is done and its answer lost: the same key asks again.
            try await emulator.trouble(#"{"fail": 1}"#)
            #expect(try await settle.run(payment.id, at: school.now)?.state == .returning)
            #expect(try await settle.run(payment.id, at: school.now)?.state == .returned)
            #expect(try await mother.get(payment.path).body.contains("Деньги вернулись на карту"))
            #expect(try await school.account(school.masha)?.balance == .zero)
        }
    }

    @Test("AC-02: who begins and begins is told so beside the sum, and finds what was begun")
    func openPayments() async throws {
        try await story { cabinet, emulator in
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(cabinet.school.masha.text)/top-up"
            let empty = try await mother.get(path)
            #expect(!empty.body.contains("Начато и не завершено"))
            var last = ""
            for _ in 1...CardRules.mostOpen { last = try #require(try await mother.post(path, Self.form("100")).location) }
            let refused = try await mother.post(path, Self.form("100"))
            #expect(refused.status == .unprocessableContent && refused.body.contains("уже ждут 5 платежей") && refused.body.contains("amount-wrong"))
            #expect(!refused.body.contains("[[") && !refused.body.contains("{{"))
            let begun = try await mother.get(path)
            #expect(begun.body.contains("Начато и не завершено") && begun.body.contains(last.replacing("?go=1", with: "")))
        }
    }

    @Test("AC-02: an accountant's form with an id that was used before is told so, and a repeat is the same return")
    func usedRefundID() async throws {
        try await story { cabinet, emulator in
            let school = cabinet.school
            let told = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { try Directory.apply([Told(told)], in: $0) }
            let mother = try await cabinet.mother()
            let form = Self.form("100")
            _ = try await mother.post("/ledger/children/\(school.masha.text)/top-up", form)
            let payment = try await Self.kept(cabinet, try #require(form["id"]))
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            try await school.database.execute("update card_payment set asked_at = made_at - interval '5 s'")
            _ = try await mother.get(payment.path)
            let accountant = try await cabinet.accountant()
            let desk = UUID.v7()
            _ = try await accountant.post("/ledger/children/\(school.egor.text)/top-ups", ["id": desk.text, "amount": "50", "receipt": "A-1"])
            let page = "/ledger/schools/\(school.school.text)/card-payments/\(payment.id.text)"
            func giveBack(_ id: UUID, _ amount: String) async throws -> Reader.Seen {
                try await accountant.post(page + "/refunds", ["id": id.text, "amount": amount, "reason": "Ошиблись суммой"])
            }
            let taken = try await giveBack(payment.id, "10")
            #expect(taken.status == .unprocessableContent && taken.body.contains("уже отправлена с другими данными"))
            // The form that is shown again has an id of its own.
            #expect(taken.body.contains(#"name="id""#) && !taken.body.contains(#"value="\#(payment.id.text)""#))
            // By the id of a receipt of the desk: another thing, so it is given back, once.
            for _ in 1...3 { #expect(try await giveBack(desk, "10").status == .seeOther) }
            let other = try await giveBack(desk, "11")
            #expect(other.status == .unprocessableContent && other.body.contains("уже отправлена с другими данными"))
            #expect(try await accountant.get(page).body.contains("возвращено на карту"))
            #expect(try await school.account(school.masha)?.balance == .roubles(90))
            #expect(try await school.account(school.egor)?.balance == .roubles(50))
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("AC-02: receipts by 54-ФЗ are a switch of the school: with it an address is asked for, sent with the payment, and forgotten")
    func receipts() async throws {
        try await story { cabinet, emulator in
            let school = cabinet.school
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/top-up"
            try await school.database.transaction { try $0.set(CardTerms(receipts: true, taxSystem: 2, vat: 1), of: school.school, at: school.now) }
            #expect(try await mother.get(path + "?amount=100").body.contains("Почта для чека"))
            for wrong in ["", "нет", "a@b", "a b@example.ru"] {
                let again = try await mother.post(path, Self.form("100").merging(["email": wrong]) { $1 })
                #expect(again.status == .unprocessableContent && again.body.contains("Напишите адрес почты"), "\(wrong)")
            }
            let form = Self.form("100").merging(["email": "olga@example.ru"]) { $1 }
            _ = try await mother.post(path, form)
            let payment = try await Self.kept(cabinet, try #require(form["id"]))
            // The emulator refuses a receipt that is not whole.
            #expect(payment.state == .open && payment.receipt?.email == "olga@example.ru")
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            try await school.database.execute("update card_payment set asked_at = made_at - interval '5 s'")
            _ = try await mother.get(payment.path)
            let after = try await Self.kept(cabinet, payment.id.text)
            #expect(after.state == .credited && after.receipt == nil)
        }
    }

    @Test("AC-02: held money is captured, or let go when the account was closed")
    func twoSteps() async throws {
        try await school.open()
        let emulator = try await Emulator()
        let settle = SettleCardPayment(
            database: school.database, outbox: school.outbox, acquirer: emulator.client(capturesAtOnce: false), publicAddress: "https://localhost",
            logger: Logger(label: "test"))
        func begin() async throws -> CardPayment {
            let start = StartCardPayment(id: .v7(), child: school.masha, amount: .roubles(100), fee: .zero, email: nil, by: school.mother)
            let id = try await school.database.transaction { [now = school.now] in try start.run(in: $0, at: now).id }
            let payment = try #require(try await settle.run(id, at: school.now))
            try await emulator.payer(try #require(payment.payAt), says: "pay")
            return payment
        }
        let first = try await begin()
        #expect(try await settle.run(first.id, at: school.now)?.state == .credited)
        let second = try await begin()
        let gone = school.pupil(school.masha, number: 1, version: 2, ended: true)
        try await school.database.transaction { [school] in try WhenPupilAppears(pupil: gone, version: 2).react(in: $0, school.outbox, at: school.now) }
        #expect(try await settle.run(second.id, at: school.now)?.state == .cancelled)
        #expect(try await school.account(school.masha)?.balance == .roubles(100))
    }

    @Test("AC-02: the adapter takes 500 and silence for «not known», everything else of four hundred for «no»")
    func answers() async throws {
        let emulator = try await Emulator()
        let order = CardOrder(id: .v7(), total: .roubles(100), description: "Пополнение", returnAddress: "https://localhost/", receipt: nil)
        try await emulator.trouble(#"{"fail": 1}"#)
        await #expect(throws: AcquirerFailure.unknown("the acquirer answers 500")) { _ = try await emulator.client().create(order) }
        let made = try await emulator.client().create(order)
        #expect(try await emulator.client().create(order) == made)
        let other = CardOrder(id: order.id, total: .roubles(101), description: "Пополнение", returnAddress: "https://localhost/", receipt: nil)
        func refusal(_ ask: () async throws -> Void) async -> String? {
            do {
                try await ask()
                return nil
            } catch AcquirerFailure.refused(let code, _) { return code } catch { return "\(error)" }
        }
        #expect(await refusal { _ = try await emulator.client().create(other) } == "invalid_request")
        await #expect(throws: AcquirerFailure.notTrusted("invalid_credentials")) { _ = try await emulator.client(secret: "other").create(order) }
        #expect(await refusal { _ = try await emulator.client().capture(made.id, amount: .roubles(100), key: .v7()) } == "invalid_request")
        await #expect(throws: AcquirerFailure.notFound) { _ = try await emulator.client().payment("none") }
        let nobody = YooKassa(address: "http://127.0.0.1:1/v3", shop: "1", secret: "2", timeout: .seconds(2))
        do {
            _ = try await nobody.create(order)
            Issue.record("nobody answered, and it was taken for an answer")
        } catch {
            if case .unknown = error {} else { Issue.record("\(error)") }
        }
    }

    @Test("The emulator speaks the acquirer's protocol: its official client library says so")
    func emulatorIsHonest() async throws {
        let emulator = try await Emulator()
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("acquirer_check.py").path
        let (end, said) = try await ChildProcess.outcome(
            try TestServers.python, [script, emulator.address, Emulator.shop, Emulator.secret])
        #expect(end == .exited(0), "\(said)")
        #expect(said.split(separator: "\n").count >= 20, "\(said)")
    }
}

extension CardPayment {
    /// One that nobody made.
    static let unknown = CardPayment(
        id: .v7(), accountID: .v7(), child: .v7(), schoolID: .v7(), by: .v7(), amount: .zero, fee: .zero, receipt: nil, state: .open,
        acquirerID: "unknown", payAt: nil, card: nil, asks: 0, askedAt: nil, madeAt: Date())
}
