import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Ledger

/// The pages on which money moves between people, over the real routes.
@Suite("Pages of moving money", .database(LedgerService.migrations)) struct MoneyPagesTests {
    let school = SchoolOfTests()
    let tutor = UUID.v7()
    let cashier = UUID.v7()
    let friend = UUID.v7()

    private static func isWhole(_ seen: Reader.Seen) {
        #expect(seen.status == .ok)
        #expect(!seen.body.contains("[["))
        #expect(!seen.body.contains("{{"))
        #expect(!seen.body.contains(" style="))
    }

    private func story(_ tell: @escaping @Sendable (Cabinet) async throws -> Void) async throws {
        try await Cabinet.story(school) { [tutor, cashier, friend] cabinet in
            let school = cabinet.school
            let rights = [
                RightsChanged(
                    personID: tutor, version: 1, roles: [RoleHeld(schoolID: school.school, role: .tutor, classID: nil)], children: [],
                    ended: false),
                RightsChanged(
                    personID: cashier, version: 1, roles: [RoleHeld(schoolID: school.school, role: .cashier, classID: nil)],
                    children: [], ended: false),
                // A second adult who sees the money of one child, and of the other all but the money.
                RightsChanged(
                    personID: friend, version: 1, roles: [],
                    children: [
                        Guardianship(childID: school.masha, topics: [.money], isPrimary: false, until: nil),
                        Guardianship(childID: school.egor, topics: [.diary, .meals], isPrimary: false, until: nil),
                    ], ended: false),
            ].map { Told($0) }
            let itself = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа № 7", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { tx in
                try Directory.apply([Told(itself)], in: tx)
                try Directory.apply(rights, in: tx)
            }
            try await tell(cabinet)
        }
    }

    @Test("AC-09: the mother moves money between her children; errors stand beside their fields; both statements link to each other")
    func transfer() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/transfers"
            let page = try await mother.get(path)
            Self.isWhole(page)
            #expect(page.body.contains("Егор") && page.body.contains("До 300"))
            let id = UUID.v7()
            let much = try await mother.post(path, ["id": id.text, "to": school.egor.text, "amount": "301"])
            #expect(much.status == .unprocessableContent)
            #expect(much.body.contains("можно перевести 300") && much.body.contains("value=\"301\"") && much.body.contains(id.text))
            #expect(try await mother.post(path, ["to": school.egor.text, "amount": "много"]).body.contains("Напишите сумму больше нуля"))
            // Another family's child, whatever the form says.
            #expect(try await mother.post(path, ["to": school.timur.text, "amount": "5"]).body.contains("Выберите одного из своих детей."))
            for _ in 1...2 {
                let moved = try await mother.post(path, ["id": id.text, "to": school.egor.text, "amount": "100,50"])
                #expect(moved.status == .seeOther)
            }
            #expect(try await school.account(school.egor)?.balance == Money(kopecks: 10_050))
            let given = try await mother.get("/ledger/children/\(school.masha.text)/statement")
            Self.isWhole(given)
            #expect(given.body.contains("Перевод другому ребёнку: Егор"))
            #expect(given.body.contains("/ledger/children/\(school.egor.text)/statement?month=2026-11#line-\(id.text)"))
            let got = try await mother.get("/ledger/children/\(school.egor.text)/statement?kind=transfers")
            #expect(got.body.contains("Перевод от другого ребёнка: Маша") && got.body.contains("+100,50"))
        }
    }

    @Test("AC-09, BY-10: an adult with the money of one child only can move nothing, take nothing out, and reads no name of the other")
    func grantOfOneChild() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            try await school.move(school.masha, school.egor, 10)
            let friend = try await cabinet.reader(
                friend, kids: [.init(id: school.masha, name: "Маша", accent: "sea"), .init(id: school.egor, name: "Егор", accent: "plum")])
            let path = "/ledger/children/\(school.masha.text)/transfers"
            // ID-30: he sees the money and decides nothing about it.
            #expect(try await friend.get(path).status == .notFound)
            #expect(try await friend.post(path, ["to": school.egor.text, "amount": "5"]).status == .notFound)
            #expect(try await friend.get("/ledger/children/\(school.masha.text)/limit").status == .notFound)
            #expect(try await friend.post("/ledger/children/\(school.masha.text)/limit", ["limit": "5"]).status == .notFound)
            #expect(try await friend.post("/ledger/children/\(school.egor.text)/transfers", ["to": school.masha.text, "amount": "5"]).status == .notFound)
            #expect(try await friend.get("/ledger/children/\(school.masha.text)/cash-outs").status == .notFound)
            let statement = try await friend.get("/ledger/children/\(school.masha.text)/statement")
            #expect(statement.body.contains("Перевод другому ребёнку семьи"))
            #expect(!statement.body.contains("/statement?month=2026-11#line-"))
            #expect(try await school.account(school.egor)?.balance == .roubles(10))
        }
    }

    @Test("AC-12: a guardian asks, the tutor reads and confirms without a name, the statement names both; a cashier asks too")
    func refund() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            let till = UUID.v7()
            let bun = Charge(
                chargeID: .v7(), saleID: .v7(), attempt: 1, personID: school.masha, amount: .roubles(45), kind: .personal, what: "Булочка",
                tillID: till, soldAt: school.now)
            let juice = school.charge(school.masha, 30, what: "Сок")
            try await school.decide([bun, juice])
            let mother = try await cabinet.mother()
            let form = "/ledger/children/\(school.masha.text)/charges/\(juice.chargeID.text)/refund"
            Self.isWhole(try await mother.get(form))
            let wrong = try await mother.post(form, ["amount": "31", "reason": "Не брала"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("можно вернуть только 30"))
            #expect(try await mother.post(form, ["amount": "30", "reason": ""]).body.contains("Скажите одной фразой, что случилось."))
            #expect(try await mother.post(form, ["id": UUID.v7().text, "amount": "30", "reason": "Не брала"]).status == .seeOther)
            #expect(try await mother.get(form).body.contains("ждёт тьютора"))
            #expect(try await mother.post("/ledger/children/\(school.timur.text)/charges/\(juice.chargeID.text)/refund", ["amount": "1", "reason": "x"]).status == .notFound)

            let cashier = try await cabinet.reader(cashier, sections: ["refunds"])
            let sales = try await cashier.get("/ledger/refunds")
            Self.isWhole(sales)
            #expect(sales.body.contains("Булочка") && !sales.body.contains("Маша"))
            let asked = try await cashier.post(
                "/ledger/children/\(school.masha.text)/charges/\(bun.chargeID.text)/refund", ["amount": "45", "reason": "Пробил дважды"])
            #expect(asked.status == .seeOther)

            let tutor = try await cabinet.reader(tutor, sections: ["refunds"])
            let waiting = try await tutor.get("/ledger/refunds")
            Self.isWhole(waiting)
            #expect(waiting.body.contains("Не брала") && waiting.body.contains("Пробил дважды") && waiting.body.contains("кассир"))
            #expect(!waiting.body.contains("Маша"))
            let requests = try await school.database.read { try $0.rows("select id from refund_request order by amount", as: UUID.self) }
            let path = "/ledger/children/\(school.masha.text)/refunds/"
            #expect(try await cashier.post(path + requests[0].text + "/confirmation", [:]).status == .notFound)
            #expect(try await tutor.post(path + requests[0].text + "/confirmation", [:]).status == .seeOther)
            let silent = try await tutor.post(path + requests[1].text + "/refusal", ["answer": " "])
            #expect(silent.status == .unprocessableContent && silent.body.contains("почему деньги не возвращены"))
            #expect(try await tutor.post(path + requests[1].text + "/refusal", ["answer": "Булочка выдана"]).status == .seeOther)
            let statement = try await mother.get("/ledger/children/\(school.masha.text)/statement")
            Self.isWhole(statement)
            for text in ["Возврат ошибки: Сок", "просил: вы; подтвердил: тьютор", "+30,00", "не возвращено", "Булочка выдана", "#sale-\(bun.saleID.text)"] {
                #expect(statement.body.contains(text), "\(text)")
            }
            #expect(try await school.account(school.masha)?.balance == .roubles(255))
        }
    }

    @Test("BY-04: the guardian asks for money, sees state and deadline; the accountant pays; leavers are listed without names")
    func cashOut() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            try await school.topUp(school.egor, 70)
            try await school.leave(school.egor)
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/cash-outs"
            Self.isWhole(try await mother.get(path))
            #expect(try await mother.post(path, ["amount": "301", "way": "cashDesk"]).body.contains("можно вернуть 300"))
            #expect(try await mother.post(path, ["amount": "5", "way": "bank"]).body.contains("куда банк должен перевести"))
            #expect(try await mother.post(path, ["id": UUID.v7().text, "amount": "200", "way": "cashDesk"]).status == .seeOther)
            #expect(try await mother.get(path).body.contains("ответ до 30\u{a0}ноября"))
            let accountant = try await cabinet.accountant()
            let list = try await accountant.get("/ledger/cash-outs")
            Self.isWhole(list)
            #expect(list.body.contains("0270\u{a0}000\u{a0}001") && list.body.contains("70,00") && !list.body.contains("Маша"))
            let id = try #require(try await school.database.read { try $0.first("select id from cash_out", as: UUID.self) })
            let pay = "/ledger/schools/\(school.school.text)/cash-outs/\(id.text)/payment"
            let silent = try await accountant.post(pay, ["paper": ""])
            #expect(silent.status == .unprocessableContent && silent.body.contains("Напишите номер ордера"))
            #expect(try await accountant.post(pay, ["paper": "РКО-7"]).status == .seeOther)
            #expect(try await mother.get(path).body.contains("ордер № РКО-7"))
            let statement = try await mother.get("/ledger/children/\(school.masha.text)/statement")
            #expect(statement.body.contains("Выплачено со счёта") && statement.body.contains("−200,00"))
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("AC-05: the statement shows the days, the kind and the method asked for, and the same in a spreadsheet")
    func filters() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300, receipt: "ПКО-1", at: school.now - 3 * 86_400)
            try await school.decide([school.charge(school.masha, 128, .collective)], at: school.now - 86_400)
            try await school.decide([school.charge(school.masha, 400, what: "Торт <большой>")])
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/statement"
            let days = try await mother.get(path + "?from=2026-11-19&to=2026-11-19")
            Self.isWhole(days)
            #expect(days.body.contains("−128,00") && !days.body.contains("+300,00") && days.body.contains("Остаток на начало 300"))
            let byCard = try await mother.get(path + "?kind=top-ups&method=bankCard")
            #expect(!byCard.body.contains("+300,00"))
            #expect(try await mother.get(path + "?method=cashDesk").body.contains("+300,00"))
            let refusals = try await mother.get(path + "?kind=refused")
            #expect(refusals.body.contains("Торт &lt;большой&gt;") && !refusals.body.contains("−128,00"))
            // What is left out is said, and turning the pages leaves the same out.
            #expect(refusals.body.contains("Показано только: Отказы.") && refusals.body.contains("Остаток здесь всего счёта."))
            for text in ["Показано только: Пополнения, банковской картой.", "Такого за это время не было.", "month=2026-10&amp;kind=top-ups&amp;method=bankCard", "<details class=\"noprint\" open>"] {
                #expect(byCard.body.contains(text), "\(text)")
            }
            let everything = try await mother.get(path)
            #expect(!everything.body.contains("Показано только") && everything.body.contains("<h1>Деньги: Маша</h1>"))
            let json = try await mother.get(path + ".json")
            #expect(json.body.contains(#""openingText""#) && json.body.contains(#""links""#))
            let file = try await mother.get(path + ".xlsx")
            #expect(file.status == .ok && file.type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        }
    }

    @Test("AC-05: what the spreadsheet says is what the page says, read back by another program")
    func sheet() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300, receipt: "ПКО-1", at: school.now - 3 * 86_400)
            try await school.decide([school.charge(school.masha, 128, .collective, till: school.till), school.charge(school.masha, 400, what: "Торт <большой>")])
            let till = TillChanged(tillID: school.till, version: 1, schoolID: school.school, name: "Буфет на 2 этаже")
            try await school.database.transaction { try KnownTill.remember([Received(till)], in: $0) }
            let bytes = try await cabinet.mother().bytes("/ledger/children/\(school.masha.text)/statement.xlsx")
            let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).xlsx")
            defer { try? FileManager.default.removeItem(at: file) }
            try bytes.write(to: file)
            let said = try await ChildProcess.run("/usr/bin/python3", ["-c", Self.reader, file.path])
            for text in [
                "300|300", "-128|172", "отказ|172", "Торт <большой>", "0270\u{a0}000\u{a0}001", "Пополнение в кассе школы|касса школы|чек", "Что|Где|", "Обед № 2|Буфет на 2 этаже|по заявке класса|-128",
            ] {
                #expect(said.contains(text), "\(text) in \(said)")
            }
        }
    }

    @Test("AC-08: staff enters a certificate without a name, errors stand beside their fields; the family sees term, accruals and spendings")
    func subsidy() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            let accountant = try await cabinet.accountant()
            Self.isWhole(try await accountant.get("/ledger/subsidies"))
            let wrong = try await accountant.post(
                "/ledger/subsidies", ["account": "0270000099", "title": "Питание", "from": "2026-12-01", "until": "2026-11-01", "amount": "0"])
            #expect(wrong.status == .unprocessableContent)
            for text in ["Сверьте цифры с договором.", "Заполните это поле.", "Срок кончается раньше", "Напишите сумму больше нуля"] {
                #expect(wrong.body.contains(text), "\(text)")
            }
            let form = [
                "id": UUID.v7().text, "account": "0270 000 001", "title": "Питание многодетных", "certificate": "17/1", "issuer": "УСЗН",
                "from": "2026-11-01", "until": "2027-05-31", "pays_for": "collective", "amount": "100", "every": "schoolDay",
            ]
            for _ in 1...2 { #expect(try await accountant.post("/ledger/subsidies", form).status == .seeOther) }
            let again = try await accountant.post("/ledger/subsidies", form.merging(["id": UUID.v7().text]) { $1 })
            #expect(again.body.contains("По этой справке у ребёнка уже есть дотация."))
            let list = try await accountant.get("/ledger/subsidies")
            #expect(list.body.contains("100\u{a0}₽ каждый учебный день") && !list.body.contains("Маша"))
            try await school.decide([school.charge(school.masha, 128, .collective), school.charge(school.masha, 45)])
            let mother = try await cabinet.mother()
            let page = try await mother.get("/ledger/children/\(school.masha.text)/subsidies")
            Self.isWhole(page)
            for text in ["№ 17/1, УСЗН", "1\u{a0}ноября", "31\u{a0}мая", "+100,00", "−100,00", "действует", "питание с классом"] {
                #expect(page.body.contains(text), "\(text)")
            }
            let statement = try await mother.get("/ledger/children/\(school.masha.text)/statement")
            Self.isWhole(statement)
            for text in ["−28,00", "из них дотацией: 100\u{a0}₽", "−45,00", "/subsidies"] {
                #expect(statement.body.contains(text), "\(text)")
            }
            let id = try #require(try await school.database.read { try $0.first("select id from subsidy", as: UUID.self) })
            let end = "/ledger/schools/\(school.school.text)/subsidies/\(id.text)/end"
            #expect(try await mother.post(end, [:]).status == .notFound)
            #expect(try await accountant.post(end, [:]).status == .seeOther)
            #expect(try await mother.get("/ledger/children/\(school.masha.text)/subsidies").body.contains("прекращена до срока"))
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("AC-15: the guardian names a sum; the purchase that takes the balance under it says so, once")
    func lowBalance() async throws {
        try await story { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/low-balance"
            let wrong = try await mother.post(path, ["below": "много"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("value=\"много\""))
            #expect(try await mother.post(path, ["below": "200"]).status == .seeOther)
            #expect(try await mother.get("/ledger/children/\(school.masha.text)/limit").body.contains("value=\"200\""))
            let charges = [80, 40, 10].map { school.charge(school.masha, $0) }
            try await school.database.transaction { tx in
                try WhenChargeIsAsked(now: school.now).react(to: (charges + charges).map { Received($0) }, in: tx, school.outbox)
            }
            #expect(try await school.said().filter { $0 == BalanceLow.name }.count == 1)
        }
    }

    /// Reads a sheet with nothing but what every Python has: the cells of each row, joined by a bar.
    private static let reader = """
        import sys, zipfile, xml.etree.ElementTree as tree
        n = '{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'
        book = zipfile.ZipFile(sys.argv[1])
        words = [''.join(t.text or '' for t in s.iter(n + 't')) for s in tree.fromstring(book.read('xl/sharedStrings.xml'))]
        for row in tree.fromstring(book.read('xl/worksheets/sheet1.xml')).iter(n + 'row'):
            print('|'.join(words[int(c.find(n + 'v').text)] if c.get('t') == 's' else c.find(n + 'v').text for c in row if c.find(n + 'v') is not None))
        """
}
