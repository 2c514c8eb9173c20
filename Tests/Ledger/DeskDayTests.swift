import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Service
import Support
import Testing
import Web

@testable import Ledger

@Suite("Days of the desk", .database(LedgerService.migrations)) struct DeskDayTests {
    let school = SchoolOfTests()

    private func close(_ day: Day? = nil) async throws -> Bool {
        let close = CloseDeskDay(schoolID: school.school, day: day ?? school.today, by: school.accountant)
        return try await school.database.transaction { [now = school.now] in try close.run(in: $0, at: now) }
    }

    @Test("AC-04: a closed day takes nothing more at the desk, in the books themselves; terminals and the next day go on")
    func closed() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100, receipt: "1")
        for _ in 1...2 { #expect(try await close()) }
        await #expect(throws: TopUpRefused.dayClosed) { try await school.topUp(school.masha, 100, receipt: "2") }
        let refusal = await #expect(throws: PostgresError.self) {
            try await school.database.execute(
                """
                insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method, receipt)
                values (gen_random_uuid(), 'topUp', \(Account.id(of: school.masha)), now(), \(school.today), 100, '', 'cashDesk', '3')
                """)
        }
        #expect(refusal?.constraint == "desk_day_closed")
        await #expect(throws: PostgresError.self) { try await school.database.execute("delete from desk_day") }
        try await school.topUp(school.masha, 50, receipt: "4", at: school.now + 86_400)
        let take = TakePartnerPayment(
            partner: TerminalOfTests.partner(.osmp),
            payment: PartnerPay(number: "1", account: "0270000001", amount: .roubles(30), dated: "", day: school.today))
        try await school.database.transaction { [school] tx in
            try tx.keep(take.partner, at: school.now)
            _ = try take.run(in: tx, school.outbox, at: school.now)
        }
        #expect(try await school.account(school.masha)?.balance == .roubles(180))
        #expect(try await close(school.today + 1) == false)
    }

    @Test("AC-04: closing races with taking: what the sheet counts is what was taken, and not one more")
    func race() async throws {
        try await school.open()
        let taken = try await withThrowingTaskGroup(of: Int.self) { group in
            for receipt in 1...24 {
                group.addTask {
                    if receipt == 12 { _ = try await close() }
                    do {
                        try await school.topUp(school.children[receipt % 3], 10, receipt: "\(receipt)")
                        return 1
                    } catch TopUpRefused.dayClosed { return 0 }
                }
            }
            return try await group.reduce(0, +)
        }
        let sheet = try await school.database.read { [school] in try $0.deskDay(school.today, of: school.school) }
        #expect(sheet.sums.map(\.count).reduce(0, +) == taken && sheet.sums.map(\.amount).total == .roubles(Int64(taken * 10)))
        #expect(sheet.closedAt != nil && taken < 24)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-04: the sheet says totals by way and by who took it, asks before it closes, and is not for strangers")
    func sheet() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let told = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { try Directory.apply([Told(told)], in: $0) }
            let accountant = try await cabinet.accountant()
            let path = "/ledger/children/\(school.masha.text)/top-ups"
            #expect(try await accountant.post(path, ["id": UUID.v7().text, "amount": "150", "receipt": "A-1"]).status == .seeOther)
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            _ = try await terminal.pay("5", "0270000002", "70.00")
            #expect(try await accountant.get("/ledger/desk").body.contains("/ledger/desk/day"))
            let page = try await accountant.get("/ledger/desk/day")
            #expect(!page.body.contains("[[") && !page.body.contains("{{"))
            for text in ["150,00", "70,00", "220,00", "Ольга Сергеевна, № 1", "в терминале", "Закрыть день?", "150\u{a0}₽"] {
                #expect(page.body.contains(text), "\(text)")
            }
            let close = "/ledger/desk/day/\(school.school.text)/2026-11-20"
            for stranger in [try await cabinet.mother(), try await cabinet.reader(cabinet.otherAccountant)] {
                #expect(try await stranger.post(close, [:]).status == .notFound)
            }
            #expect(try await accountant.post(close, [:]).status == .seeOther)
            let closed = try await accountant.get("/ledger/desk/day")
            #expect(closed.body.contains("Закрыт сегодня") && !closed.body.contains("Закрыть день?"))
            let again = try await accountant.post(path, ["id": UUID.v7().text, "amount": "150", "receipt": "A-2"])
            #expect(again.status == .unprocessableContent && again.body.contains("День этой кассы уже закрыт"))
            #expect(try await accountant.get("/ledger/desk/day.json").body.contains(#""total":22000"#))
        }
    }
}

@Suite("Numbers at the desk", .database(LedgerService.migrations)) struct DeskNumberTests {
    let school = SchoolOfTests()

    private func take(_ by: UUID, _ receipt: String) async throws {
        let take = TopUpAtDesk(id: .v7(), child: school.children[receipt.utf8.count % 3], amount: .roubles(10), receipt: receipt, by: by)
        try await school.database.transaction { [outbox = school.outbox, now = school.now] in _ = try take.run(in: $0, outbox, at: now) }
    }

    @Test("AC-04, D-05: the sheet names nobody but its reader; the others are numbers of this desk, which nobody can change")
    func sheet() async throws {
        try await Cabinet.story(school) { cabinet in
            let (school, other) = (cabinet.school, UUID.v7())
            let told = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { try Directory.apply([Told(told)], in: $0) }
            try await take(other, "1")
            let accountant = try await cabinet.accountant()
            let path = "/ledger/children/\(school.masha.text)/top-ups"
            #expect(try await accountant.post(path, ["id": UUID.v7().text, "amount": "150", "receipt": "A-1"]).status == .seeOther)
            try await take(other, "22")
            let page = try await accountant.get("/ledger/desk/day")
            #expect(page.body.contains("бухгалтер № 1") && page.body.contains("Ольга Сергеевна, № 2"))
            let sums = try await school.database.read { try $0.deskDay(school.today, of: school.school).sums }
            #expect(sums.map(\.number) == [1, 2] && sums.map(\.count) == [2, 1])
            await #expect(throws: PostgresError.self) { try await school.database.execute("update desk_keeper set number = 7") }
            // Whoever pays out of the drawer has his number too.
            let (payer, request) = (UUID.v7(), UUID.v7())
            try await school.database.transaction { tx in
                try AskCashOut(id: request, child: school.masha, amount: .roubles(5), way: .cashDesk, details: "", by: school.mother)
                    .run(in: tx, school.outbox, at: school.now)
                try EndCashOut(id: request, end: .paid(paper: "РКО 1"), by: payer, school: school.school).run(in: tx, school.outbox, at: school.now)
            }
            #expect(try await accountant.get("/ledger/desk/day").body.contains("бухгалтер № 3"))
        }
    }

    @Test("AC-04: many come to a desk for the first time at once: each gets one number, and none is left out")
    func race() async throws {
        try await school.open()
        let people = (0..<6).map { _ in UUID.v7() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for turn in 0..<24 { group.addTask { try await take(people[turn % 6], String(repeating: "x", count: turn + 1)) } }
            try await group.waitForAll()
        }
        let numbers = try await school.database.read { try $0.rows("select number, person_id from desk_keeper order by 1", as: Int.self, UUID.self) }
        #expect(numbers.map(\.0) == Array(1...6) && Set(numbers.map(\.1)) == Set(people))
    }

    @Test("D-05: no table of Ledger has room for a person's name")
    func noNames() async throws {
        let columns = try await school.database.read { tx in
            try tx.rows(
                """
                select c.table_name || '.' || c.column_name from information_schema.columns c
                where c.table_schema = current_schema() and c.column_name ~ '(^|_)name$|given|surname|patronymic'
                """, as: String.self)
        }
        #expect(columns.filter { $0.hasPrefix("desk_") } == [])
    }
}

@Suite("Registers", .database(LedgerService.migrations)) struct RegisterTests {
    let school = SchoolOfTests()

    @Test("AC-03: a register is read whole or not at all")
    func reading() {
        let good = PartnerRegister("txn_id;date;account;sum\n1;20.11.2026 10:00;0270000001;10,50\n2;2026-11-20T10:00;0270000002;1\n3;20261120100000;x;1\n")
        #expect(good.damage.isEmpty && good.lines.map(\.amount.kopecks) == [1050, 100, 100])
        #expect(good.lines.allSatisfy { $0.day == Day("2026-11-20") })
        let bad = PartnerRegister("txn_id,date,account,sum\nx,2026-11-20,1,1\n1,вчера,1,1\n2,2026-11-20,1,-1\n3,2026-11-20,1,1\n3,2026-11-20,1,1\n")
        #expect(bad.damage.count == 4)
        #expect(PartnerRegister("a,b\n1,2\n").damage.count == 1)
    }

    @Test("AC-03, AC-04: a file is brought in as banks' programs write it, in UTF-8 or windows-1251; what is no text is told so beside the field")
    func files() async throws {
        let all = String(String.UnicodeScalarView((0x80...0xFF).filter { $0 != 0x98 }.compactMap { RegisterText.windows1251(Data([$0]))?.unicodeScalars.first }))
        #expect(all.count == 127 && all.hasPrefix("ЂЃ‚ѓ") && all.hasSuffix("эюя") && all.contains("ё№"))
        #expect(RegisterText.windows1251(Data([0x98])) == nil)
        #expect(RegisterText.read(Data([0xCF, 0xF0, 0xE8, 0xE2, 0xE5, 0xF2])) == "Привет" && RegisterText.read(Data("Привет".utf8)) == "Привет")
        for foreign in [[0x50, 0x4B, 3, 4], [0xFF, 0xFE, 0x31, 0], [0x25, 0x50, 0x44, 0x46, 0x98]] as [[UInt8]] {
            #expect(RegisterText.read(Data(foreign)) == nil)
        }
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            _ = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let told = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { try Directory.apply([Told(told)], in: $0) }
            let accountant = try await cabinet.accountant()
            let path = "/ledger/desk/registers"
            let page = try await accountant.get(path)
            #expect(page.body.contains(#"enctype="multipart/form-data""#) && page.body.contains(#"type="file""#))
            func bring(_ content: Data, text: String = "", day: String = "", name: String = "Реестр 20.11.csv") async throws -> Reader.Seen {
                try await accountant.post(path, ["partner": "osmp", "text": text, "day": day], file: "file", named: name, content)
            }
            let header = "txn_id;date;account;sum;payer\r\n"
            // «Иванов» in windows-1251: no bytes of UTF-8.
            let old = Data((header + "1;20.11.2026 10:00;0270000001;10,50;").utf8) + Data([0xC8, 0xE2, 0xE0, 0xED, 0xEE, 0xE2, 13, 10, 0x1A])
            #expect(try await bring(old).location == path + "?lines=1")
            #expect(try await bring(Data(("\u{feff}" + header + "1;20.11.2026;0270000001;11;Иванов\r\n2;20.11.2026;0270000001;1;\r\n").utf8)).location == path + "?lines=2")
            #expect(try await accountant.get(path).body.contains("Реестр 20.11.csv"))
            #expect(try await bring(Data(), text: "", day: "2026-11-19", name: "").location == path + "?lines=0")
            for (answer, words) in [
                (try await bring(Data([0x50, 0x4B, 3, 4])), "Это не текст"), (try await bring(Data((header + "1;вчера;1;1;\n").utf8)), "Ничего не загружено"),
                (try await bring(old, text: header), "вставлен текст"), (try await bring(Data(header.utf8)), "В нём нет платежей"),
                (try await bring(Data(), name: ""), "Выберите файл или вставьте"),
            ] {
                #expect(answer.status == .unprocessableContent && answer.body.contains(words), "\(words)")
            }
            // Too large to be read: the same form, what was typed before the file, and the words beside the file's field.
            let large = try await bring(Data(repeating: 0x20, count: 2 << 20), day: "2026-11-18")
            #expect(large.status == .contentTooLarge && large.type?.hasPrefix("text/html") == true)
            #expect(large.body.contains("Файл слишком большой: вместе с ним в форме 2,1\u{a0}МБ, а отправить можно не больше 1\u{a0}МБ.</span>"))
            #expect(large.body.contains(#"aria-invalid="true""#) && large.body.contains(#"value="2026-11-18""#))
            let lines = try await school.database.read { try $0.rows("select number, amount from register_line order by 1", as: String.self, Money.self) }
            #expect(lines.map(\.0) == ["1", "2"] && lines.map(\.1) == [.roubles(11), .roubles(1)])
        }
    }

    @Test("AC-03: only ours, only theirs, another sum, another account: all are shown, and a register sent again replaces its days")
    func differences() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let partner = TerminalOfTests.partner(.osmp)
            let terminal = try await cabinet.terminal(partner)
            for (number, account) in [("1", "0270000001"), ("2", "0270000001"), ("3", "0270000002"), ("4", "0270000003")] {
                _ = try await terminal.pay(number, account, "10.00")
            }
            func bring(_ lines: String, days: [Day] = []) async throws {
                let register = PartnerRegister("txn_id,date,account,sum\n" + lines)
                try await school.database.transaction { try register.bring(of: partner, file: "r.csv", days: days, in: $0, at: school.now) }
            }
            func found() async throws -> [String] {
                try await school.database.read { try $0.registerDifferences(schools: [school.school]) }.map {
                    "\($0.number) \($0.ours?.description ?? "-") \($0.theirs?.description ?? "-")"
                }
            }
            #expect(try await found() == [])
            try await bring("1,2026-11-20,0270000001,10.00\n3,2026-11-20,0270000002,11.00\n4,2026-11-20,0270000001,10.00\n9,2026-11-20,0279999999,5.00\n")
            #expect(try await found() == ["2 10.00 -", "3 10.00 11.00", "4 10.00 10.00", "9 - 5.00"])
            let accountant = try await cabinet.accountant()
            #expect(try await accountant.get("/ledger/desk").body.contains("/ledger/desk/registers"))
            let page = try await accountant.get("/ledger/desk/registers")
            #expect(!page.body.contains("[[") && !page.body.contains("{{"))
            for text in ["только у нас", "другая сумма", "другой счёт", "только в реестре", "≠"] { #expect(page.body.contains(text), "\(text)") }
            #expect(try await cabinet.mother().get("/ledger/desk/registers").status == .notFound)
            // Another school's accountant sees nothing of this school's accounts.
            let other = try await cabinet.reader(cabinet.otherAccountant).get("/ledger/desk/registers")
            #expect(!other.body.contains("0270\u{a0}000\u{a0}001") && other.body.contains("0279\u{a0}999\u{a0}999"))
            try await bring("", days: [school.today])
            #expect(try await found() == ["1 10.00 -", "2 10.00 -", "3 10.00 -", "4 10.00 -"])
        }
    }
}
