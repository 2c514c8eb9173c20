import ArgumentParser
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

@Suite("Terminals that cancel and sign", .database(LedgerService.migrations)) struct TerminalDialectTests {
    let school = SchoolOfTests()

    @Test("AC-03: a cancelled payment leaves the account by a movement of its own, once; its late repeat is no money")
    func cancel() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp, cancels: true))
            let paid = try await terminal.pay("7", "0270000001", "100.00")
            func cancel(_ number: String, of payment: String, _ sum: String = "100.00") async throws -> TerminalOfTests.Heard {
                try await terminal.ask("command=cancel&txn_id=\(number)&cancel_txn_id=\(payment)&sum=\(sum)&txn_date=20261120125500")
            }
            #expect(try await cancel("8", of: "6")["result"] == "79")
            #expect(try await cancel("8", of: "7", "99.00")["result"] == "300")
            #expect(try await cancel("8", of: "7", "x")["result"] == "300")
            #expect(try await terminal.ask("command=cancel&txn_id=8")["result"] == "300")
            let heard = try await cancel("8", of: "7")
            #expect(heard["result"] == "0" && heard["prv_txn"] == paid["prv_txn"] && heard["sum"] == "100.00" && heard["cancel_txn_id"] == "7")
            #expect(try await cancel("8", of: "7").text == heard.text)
            #expect(try await cancel("9", of: "7")["result"] == "300")
            #expect(try await terminal.pay("7", "0270000001", "100.00")["result"] == "300")
            #expect(try await school.account(school.masha)?.balance == .zero)
            // One number cancels one payment.
            _ = try await terminal.pay("10", "0270000001", "50.00")
            #expect(try await cancel("8", of: "10", "50.00")["result"] == "300")
            // What is spent stays.
            try await school.decide([school.charge(school.masha, 1)])
            #expect(try await cancel("11", of: "10", "50.00")["result"] == "7")
            #expect(try await school.account(school.masha)?.balance == .roubles(49))
            #expect(try await school.firstDifference() == nil)
            let statement = try await cabinet.mother().get("/ledger/children/\(school.masha.text)/statement")
            #expect(statement.body.contains("Пополнение отменено платёжной системой"))
        }
    }

    @Test("AC-03: whose contract has no cancelling is refused")
    func cancelForbidden() async throws {
        try await Cabinet.story(school) { cabinet in
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            _ = try await terminal.pay("7", "0270000001", "100.00")
            #expect(try await terminal.ask("command=cancel&txn_id=8&cancel_txn_id=7&sum=100.00")["result"] == "7")
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == .roubles(100))
        }
    }

    @Test("AC-03: payments, cancellings and repeats at once: what was cancelled is off the account once, the rest is on it once", arguments: UInt64(1)...4)
    func onceWhateverHappens(_ seed: UInt64) async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.cyberplat, cancels: true))
            var dice = SeededGenerator(seed: seed)
            var script: [(number: Int, cancels: Bool)] = []
            for _ in 1...80 { script.append((Int.random(in: 1...10, using: &dice), Int.random(in: 0...2, using: &dice) == 0)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<5 {
                    let mine = script.enumerated().filter { $0.offset % 5 == lane }.map(\.element)
                    group.addTask {
                        for step in mine {
                            let heard =
                                step.cancels
                                ? try await terminal.ask("action=cancel&receipt=\(step.number)")
                                : try await terminal.pay("\(step.number)", "027000000\(step.number % 3 + 1)", "\(step.number).00")
                            #expect(["0", "6", "7"].contains(heard["code"]), "seed \(seed): \(heard.text)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            var expected: [Int: Money] = [:]
            for number in Set(script.map(\.number)) {
                let code = try await terminal.ask("action=status&receipt=\(number)")["code"]
                if code == "0" { expected[number % 3, default: .zero] += .roubles(Int64(number)) }
            }
            for (place, child) in school.children.enumerated() {
                #expect(try await school.account(child)?.balance == expected[place] ?? .zero, "seed \(seed)")
            }
            #expect(try await school.firstDifference() == nil, "seed \(seed)")
        }
    }

    @Test("AC-03: CyberPlat: check, payment, status, cancel, and a code for every refusal")
    func cyberplat() async throws {
        try await Cabinet.story(school) { cabinet in
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.cyberplat, tellsBalance: true, cancels: true))
            #expect(try await terminal.ask("action=check&number=0270000001")["balance"] == "0.00")
            let paid = try await terminal.pay("3567264", "0270000001", "25.34")
            #expect(paid["code"] == "0" && paid["date"] == "2026-11-20T12:47:00")
            #expect(try await terminal.pay("3567264", "0270000001", "25.34").text == paid.text)
            #expect(try await terminal.ask("action=status&receipt=3567264")["authcode"] == paid["authcode"])
            for (query, code) in [
                ("action=check&number=0279999999", "2"), ("action=status&receipt=1", "6"), ("action=refund", "1"), ("action=check", "1"),
                ("action=payment&number=0270000001&amount=x&receipt=2&date=2026-11-20T12:47:00", "3"),
                ("action=payment&number=0270000001&amount=25.34&receipt=x&date=2026-11-20T12:47:00", "4"),
                ("action=payment&number=0270000001&amount=25.34&receipt=2&date=yesterday", "5"),
                ("action=payment&number=0270000002&amount=25.34&receipt=3567264&date=2026-11-20T12:47:00", "4"),
                ("action=cancel&receipt=3567264", "0"), ("action=status&receipt=3567264", "7"),
            ] {
                let heard = try await terminal.ask(query)
                #expect(heard["code"] == code, "\(query): \(heard.text)")
            }
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == .zero)
        }
    }

    @Test("AC-03: a signature is MD5 over names and values in the order of names, the secret at the end")
    func signature() {
        // The example of a public description of protocol 2.
        let fields = ["command": "check", "txn_id": "1", "account": "49578", "sum": "1.00", "hash": "whatever"]
        #expect(Partner.signature(of: fields, secret: "SecretWord") == "9eacf62d29c062bef583964461300862")
    }

    @Test("AC-03: who signs is believed by his signature alone: whatever is changed on the way is refused")
    func signing() async throws {
        try await Cabinet.story(school) { cabinet in
            let bank = try await cabinet.terminal(TerminalOfTests.partner(.protocol2, signs: true))
            let fields = ["command": "pay", "txn_id": "1", "txn_date": "20261120124700", "account": "0270000001", "sum": "10.00"]
            func query(_ fields: [String: String], hash: String) -> String {
                fields.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: "&") + "&hash=\(hash)"
            }
            let hash = Partner.signature(of: fields, secret: TerminalOfTests.password)
            var other = fields
            other["sum"] = "1000.00"
            for wrong in [query(other, hash: hash), query(fields, hash: ""), query(fields, hash: Partner.signature(of: fields, secret: "guess"))] {
                #expect(try await bank.ask(wrong).status == .unauthorized)
            }
            #expect(try await bank.ask(query(fields, hash: hash), from: "10.8.0.1", password: nil).status == .forbidden)
            #expect(try await bank.ask(query(fields, hash: hash.uppercased()), password: nil)["result"] == "0")
            let check = ["command": "check", "account": "0270000001"]
            #expect(try await bank.ask(query(check, hash: Partner.signature(of: check, secret: TerminalOfTests.password)), password: nil)["result"] == "0")
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == .roubles(10))
        }
    }

    @Test("AC-03, AC-04: a payment that stands in the register only is put on its account once, by the page or the command, also when it comes later")
    func creditByRegister() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let told = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            try await school.database.transaction { try Directory.apply([Told(told)], in: $0) }
            let accountant = try await cabinet.accountant()
            let path = "/ledger/desk/registers"
            let text = "txn_id,date,account,sum\n1,2026-11-20,0270000001,20.00\n2,2026-11-20,0279999999,5.00\n"
            let damaged = try await accountant.post(path, ["partner": "osmp", "text": text + "3,вчера,1,1\n", "day": ""])
            #expect(damaged.status == .unprocessableContent && damaged.body.contains("Ничего не загружено") && damaged.body.contains("3,вчера"))
            for (fields, words) in [
                (["partner": "osmp", "text": "txn_id,date,account,sum\n"], "В нём нет платежей"),
                (["partner": "x", "text": text], "Выберите, чей это реестр"), (["partner": "osmp", "text": text, "day": "вчера"], "Укажите день"),
            ] {
                let wrong = try await accountant.post(path, fields)
                #expect(wrong.status == .unprocessableContent && wrong.body.contains(words), "\(words)")
            }
            // Whose accounts these are not may not replace what is known of them.
            let other = try await cabinet.reader(cabinet.otherAccountant).post(path, ["partner": "osmp", "text": text])
            #expect(other.status == .unprocessableContent && other.body.contains("счета других школ"))
            #expect(try await accountant.post(path, ["partner": "osmp", "text": text]).location == path + "?lines=2")
            let credit = "/ledger/schools/\(school.school.text)/registers"
            let page = try await accountant.get(path + "?lines=2")
            for text in ["Загружен реестр из 2 платежей", "\(credit)/1/credit", "25,00 · 2", "0,00 · 0", "расходится"] { #expect(page.body.contains(text), "\(text)") }
            #expect(!page.body.contains("\(credit)/2/credit") && !page.body.contains("[[") && !page.body.contains("{{"))
            #expect(try await accountant.post("\(credit)/2/credit", ["partner": "osmp"]).status == .notFound)
            for stranger in [try await cabinet.mother(), try await cabinet.reader(cabinet.otherAccountant)] {
                #expect(try await stranger.post("\(credit)/1/credit", ["partner": "osmp"]).status == .notFound)
            }
            for _ in 1...2 { #expect(try await accountant.post("\(credit)/1/credit", ["partner": "osmp"]).status == .seeOther) }
            // The machine was only late.
            #expect(try await terminal.pay("1", "0270000001", "20.00")["result"] == "0")
            #expect(try await school.account(school.masha)?.balance == .roubles(20))
            #expect(try await school.database.read { try $0.registerDifferences(schools: [school.school]) }.map(\.number) == ["2"])
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("AC-03: a partner that cancels and signs is described on the command line")
    func command() throws {
        let typed = ["sber", "--title", "Сбербанк", "--dialect", "cyberplat", "--from", "10.0.0.0/8"]
        let plain = try AddPartnerCommand.parse(typed).partner(password: "secret")
        #expect(!plain.mayCancel && plain.signingSecret == nil && plain.dialect == .cyberplat)
        let whole = try AddPartnerCommand.parse(typed + ["--cancels", "--signs"]).partner(password: "secret")
        #expect(whole.mayCancel && whole.signingSecret == "secret")
    }
}
