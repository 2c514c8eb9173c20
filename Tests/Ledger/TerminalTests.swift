import ArgumentParser
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// A payment system in front of the real routes.
struct TerminalOfTests: Sendable {
    let client: any TestClientProtocol
    let partner: Partner
    static let password = Partner.newPassword()

    static func partner(
        _ dialect: Partner.Dialect, name: String? = nil, title: String = "Платёжка", method: TopUpMethod = .terminal, tellsBalance: Bool = false, codes: [String: Int] = [:], cancels: Bool = false,
        signs: Bool = false
    ) -> Partner {
        Partner(
            id: .v7(), name: name ?? dialect.rawValue, title: title, dialect: dialect, method: method,
            addresses: ["10.7.0.0/16"], userName: name ?? dialect.rawValue, passwordHash: Partner.hash(password),
            tellsBalance: tellsBalance, least: .roubles(1), most: .roubles(15_000), zone: .moscow, codes: codes, isRevoked: false,
            mayCancel: cancels, signingSecret: signs ? password : nil)
    }

    struct Heard: Sendable {
        let status: HTTPResponse.Status
        let text: String

        /// What stands in an element.
        subscript(name: String) -> String? {
            guard let start = text.range(of: "<\(name)>"), let end = text.range(of: "</\(name)>") else { return nil }
            return String(text[start.upperBound..<end.lowerBound])
        }
    }

    func ask(
        _ query: String, from address: String? = "10.7.0.9", password: String? = Self.password, asForm: Bool = false
    ) async throws -> Heard {
        var head: HTTPFields = [:]
        if let address { head[HTTPField.Name("X-Forwarded-For")!] = address }
        if let password { head[.authorization] = "Basic " + Data("\(partner.userName):\(password)".utf8).base64EncodedString() }
        if asForm { head[.contentType] = "application/x-www-form-urlencoded" }
        let path = "/ledger/partners/\(partner.name)"
        let response = try await client.executeRequest(
            uri: asForm ? path : "\(path)?\(query)", method: asForm ? .post : .get, headers: head,
            body: asForm ? ByteBuffer(string: query) : nil)
        return Heard(status: response.status, text: String(buffer: response.body))
    }

    /// A payment in the partner's dialect.
    func pay(_ number: String, _ account: String, _ sum: String, asForm: Bool = false) async throws -> Heard {
        let query =
            switch partner.dialect {
            case .sber: "ACTION=payment&ACCOUNT=\(account)&AMOUNT=\(sum)&PAY_ID=\(number)&PAY_DATE=20.11.2026_12:47:00"
            case .cyberplat: "action=payment&number=\(account)&amount=\(sum)&receipt=\(number)&date=2026-11-20T12:47:00"
            case .osmp, .protocol2: "command=pay&txn_id=\(number)&txn_date=20261120124700&account=\(account)&sum=\(sum)"
            }
        return try await ask(query, asForm: asForm)
    }

    /// Whether an answer says that the money is on the account.
    func isCredited(_ heard: Heard) -> Bool {
        switch partner.dialect {
        case .sber: ["0", "5"].contains(heard["CODE"])
        case .cyberplat: heard["code"] == "0"
        case .osmp, .protocol2: heard["result"] == "0"
        }
    }

    func ownNumber(_ heard: Heard) -> String? { heard["prv_txn"] ?? heard["ext_id"] ?? heard["EXT_ID"] ?? heard["authcode"] }
}

extension Cabinet {
    func terminal(_ partner: Partner) async throws -> TerminalOfTests {
        try await school.database.transaction { [now = school.now] in try $0.keep(partner, at: now) }
        return TerminalOfTests(client: client, partner: partner)
    }
}

@Suite("Terminals", .database(LedgerService.migrations)) struct TerminalTests {
    let school = SchoolOfTests()

    @Test("AC-03, AC-04: ОСМП: check says whether the account is there and nothing else, pay credits, its repeat says the same")
    func osmp() async throws {
        try await Cabinet.story(school) { cabinet in
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let check = try await terminal.ask("command=check&txn_id=1234567&account=0270000001&sum=0.00")
            #expect(check.status == .ok)
            #expect(check.text == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><osmp_txn_id>1234567</osmp_txn_id><result>0</result><comment>OK</comment></response>\n")
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == .zero)
            // A number that fits no 64 bits.
            let first = try await terminal.pay("98765432109876543210", "0270000001", "200.45")
            #expect(first["result"] == "0" && first["sum"] == "200.45" && first["osmp_txn_id"] == "98765432109876543210")
            let second = try await terminal.pay("98765432109876543210", "0270000001", "200.45", asForm: true)
            #expect(second.text == first.text)
            #expect(Int(try #require(first["prv_txn"])) != nil)
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == Money(kopecks: 20_045))
            #expect(try await cabinet.school.firstDifference() == nil)
            let page = try await cabinet.mother().get("/ledger/children/\(cabinet.school.masha.text)/statement")
            #expect(page.body.contains("Пополнение в терминале") && page.body.contains("Платёжка"))
        }
    }

    @Test("AC-03: every refusal has its code, and none of them moves money")
    func refusals() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let gone = school.pupil(school.timur, number: 3, version: 2, ended: true)
            try await school.database.transaction { try WhenPupilAppears(pupil: gone, version: 2).react(in: $0, school.outbox, at: school.now) }
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let tail = "txn_id=5&txn_date=20261120124700"
            for (query, code) in [
                ("command=check&txn_id=5&account=0279999999", "5"), ("command=check&txn_id=5&account=I44F2EUE1", "4"),
                ("command=check&txn_id=5&account=0270000003", "79"), ("command=check&account=0270000001", "300"),
                ("command=pay&\(tail)&account=0270000003&sum=10.00", "79"), ("command=pay&\(tail)&account=1&sum=10.00", "4"),
                ("command=pay&\(tail)&account=0279999999&sum=10.00", "5"), ("command=pay&\(tail)&account=0270000001&sum=0.99", "241"),
                ("command=pay&\(tail)&account=0270000001&sum=15000.01", "242"), ("command=pay&\(tail)&account=0270000001&sum=-5", "300"),
                ("command=pay&\(tail)&account=0270000001&sum=0", "300"), ("command=cancel&txn_id=5", "300"), ("", "300"),
                ("command=pay&txn_id=%3Cscript%3E&txn_date=20261120124700&account=0270000001&sum=10.00", "300"),
            ] {
                let heard = try await terminal.ask(query)
                #expect(heard.status == .ok && heard["result"] == code, "\(query): \(heard.text)")
                #expect(!heard.text.contains("<script>"))
            }
            let nothing = try await school.database.read { try $0.first("select count(*) from transfer", as: Int.self) }
            #expect(nothing == 0)
        }
    }

    @Test("AC-03: the same number with another account or sum is refused with 300, raises an alarm, and the first stays as it was")
    func otherContents() async throws {
        try await Cabinet.story(school) { cabinet in
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let first = try await terminal.pay("7", "0270000001", "100.00")
            for (account, sum) in [("0270000002", "100.00"), ("0270000001", "100.01"), ("1", "100.00"), ("0270000001", "x"), ("0270000001", "x")] {
                #expect(try await terminal.pay("7", account, sum)["result"] == "300")
            }
            #expect(try await terminal.pay("7", "0270000001", "100").text == first.text)
            let noted = try await cabinet.school.database.read {
                try $0.rows("select account_number, amount, times::bigint from partner_conflict order by id", as: String.self, Money?.self, Int.self)
            }
            #expect(noted.map(\.0) == ["0270000002", "0270000001", "1", "0270000001"] && noted.map(\.2) == [1, 1, 1, 2])
            #expect(try await cabinet.school.account(cabinet.school.egor)?.balance == .zero)
            #expect(try await cabinet.school.account(cabinet.school.masha)?.balance == .roubles(100))
        }
    }

    @Test("AC-03: a repeat is answered as before also after the account was closed and the limits changed")
    func lateRepeat() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let partner = TerminalOfTests.partner(.osmp)
            let terminal = try await cabinet.terminal(partner)
            let first = try await terminal.pay("7", "0270000001", "100.00")
            let gone = school.pupil(school.masha, number: 1, version: 2, ended: true)
            try await school.database.transaction { tx in
                try WhenPupilAppears(pupil: gone, version: 2).react(in: tx, school.outbox, at: school.now)
                try tx.execute("update partner set most = 200, least = 100")
                // The partner leaves and comes back under its name: its old numbers are still its old payments.
                _ = try tx.revokePartner(named: partner.name, at: school.now)
            }
            #expect(try await terminal.pay("7", "0270000001", "100.00").status == .forbidden)
            _ = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            #expect(try await terminal.pay("7", "0270000001", "100.00").text == first.text)
            #expect(try await terminal.pay("8", "0270000001", "100.00")["result"] == "79")
        }
    }

    @Test("AC-03: Sberbank: names in any case, a repeat has its code with the number, date and sum of the first; codes of the contract win")
    func sber() async throws {
        try await Cabinet.story(school) { cabinet in
            let bank = try await cabinet.terminal(TerminalOfTests.partner(.sber, tellsBalance: true, codes: ["accountNotFound": 103]))
            let check = try await bank.ask("action=check&Account=0270000001")
            #expect(check["CODE"] == "0" && check["BALANCE"] == "0.00")
            #expect(!check.text.contains("Маша"))
            let first = try await bank.pay("987654321", "0270000001", "100.50")
            #expect(first["CODE"] == "0" && first["AMOUNT"] == "100.50" && first["REG_DATE"] == "20.11.2026_12:47:00")
            let second = try await bank.pay("987654321", "0270000001", "100.50")
            #expect(second["CODE"] == "5" && second["EXT_ID"] == first["EXT_ID"] && second["REG_DATE"] == first["REG_DATE"])
            #expect(try await bank.pay("987654321", "0270000001", "100.51")["CODE"] == "4")
            #expect(try await bank.pay("1", "0279999999", "100.50")["CODE"] == "103")
            #expect(try await bank.pay("x", "0270000001", "100.50")["CODE"] == "4")
            #expect(try await bank.pay("1", "0270000001", "0.50")["CODE"] == "7")
            #expect(try await bank.ask("ACTION=refund")["CODE"] == "2")
        }
    }

    @Test("AC-03: Sberbank's protocol 2: ОСМП's names, our number and date in the answer")
    func protocol2() async throws {
        try await Cabinet.story(school) { cabinet in
            let bank = try await cabinet.terminal(TerminalOfTests.partner(.protocol2, tellsBalance: true))
            #expect(try await bank.ask("command=check&txn_id=1&account=0270000001&sum=1")["balance"] == "0.00")
            let first = try await bank.pay("1", "0270000001", "10.00")
            #expect(first["result"] == "0" && first["reg_date"] == "20261120124700" && first["sum"] == "10.00")
            #expect(try await bank.pay("1", "0270000001", "10.00").text == first.text)
        }
    }

    @Test("AC-03: a stranger learns nothing: wrong address, no address, wrong password, unknown partner")
    func strangers() async throws {
        try await Cabinet.story(school) { cabinet in
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(.osmp))
            let check = "command=check&txn_id=1&account=0270000001"
            #expect(try await terminal.ask(check, from: "10.8.0.1").status == .forbidden)
            #expect(try await terminal.ask(check, from: nil).status == .forbidden)
            #expect(try await terminal.ask(check, password: "other").status == .unauthorized)
            #expect(try await terminal.ask(check, password: nil).status == .unauthorized)
            let other = TerminalOfTests(client: cabinet.client, partner: TerminalOfTests.partner(.osmp, name: "nobody"))
            #expect(try await other.ask(check).status == .forbidden)
        }
    }

    @Test("AC-03: while the database is away the answer is 1, never a refusal: the cash is in the machine already")
    func outage() async throws {
        let away = Database(DatabaseConfiguration(conninfo: "host=127.0.0.1 port=1 user=nobody", poolSize: 1), logger: Logger(label: "test"))
        let door = PartnerDoor(database: away, outbox: school.outbox, logger: Logger(label: "test"))
        let pay = PartnerPay(number: "1", account: "0270000001", amount: .roubles(5), dated: "20261120124700", day: school.today)
        let answers = [
            try await door.answer(.pay(pay), of: TerminalOfTests.partner(.osmp), at: school.now),
            try await door.answer(.check(account: "0270000001"), of: TerminalOfTests.partner(.sber), at: school.now),
        ]
        #expect(answers == [.refused(.temporary), .refused(.temporary)])
        await away.close()
    }

    @Test(
        "AC-03: whatever is repeated, reordered or sent at once, each number credits once and is always answered with the same own number",
        arguments: Partner.Dialect.allCases, UInt64(1)...4)
    func onceWhateverHappens(_ dialect: Partner.Dialect, _ seed: UInt64) async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let terminal = try await cabinet.terminal(TerminalOfTests.partner(dialect))
            var dice = SeededGenerator(seed: seed)
            // Numbers with their contents; some come with two contents, of which the first one in wins.
            let requests = (1...14).flatMap { number in
                (0...Int.random(in: 0...1, using: &dice)).map { other in
                    (number: "\(number)", account: "027000000\((number + other) % 4 + 1)", sum: "\(number + other).\(number % 10)0")
                }
            }
            var script = requests
            for _ in 1...60 { script.append(requests[Int.random(in: 0..<requests.count, using: &dice)]) }
            script.shuffle(using: &dice)
            let heard = try await withThrowingTaskGroup(of: [(String, String, String, String)].self) { group in
                for lane in 0..<6 {
                    let mine = script.enumerated().filter { $0.offset % 6 == lane }.map(\.element)
                    group.addTask {
                        var heard: [(String, String, String, String)] = []
                        for request in mine {
                            let answer = try await terminal.pay(request.number, request.account, request.sum)
                            #expect(answer.status == .ok)
                            if terminal.isCredited(answer) {
                                heard.append((request.number, request.account, request.sum, terminal.ownNumber(answer) ?? ""))
                            }
                        }
                        return heard
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let kept = try await school.database.read {
                try $0.rows(
                    """
                    select p.number, p.account_number, p.amount, p.own_number::text, t.amount
                    from partner_payment p join transfer t on t.id = p.transfer_id
                    """, as: String.self, String.self, Money.self, String.self, Money.self)
            }
            // The account 0270000004 is nobody's.
            #expect(Set(kept.map(\.0)) == Set(heard.map(\.0)), "seed \(seed)")
            for payment in kept {
                #expect(payment.2 == payment.4)
                for answer in heard where answer.0 == payment.0 {
                    #expect(answer.1 == payment.1 && Money(answer.2) == payment.2 && answer.3 == payment.3, "seed \(seed)")
                }
            }
            for (place, child) in school.children.enumerated() {
                let sum = kept.filter { $0.1 == "027000000\(place + 1)" }.map(\.2).total
                #expect(try await school.account(child)?.balance == sum, "seed \(seed)")
            }
            #expect(try await school.said().filter { $0 == "ledger.top-up.posted.v1" }.count == kept.count)
            #expect(try await school.firstDifference() == nil, "seed \(seed)")
        }
    }

    @Test("AC-03: a partner is described on the command line, and a slip of the finger is told")
    func command() throws {
        let typed = ["sber", "--title", "Сбербанк", "--dialect", "sber", "--from", "10.0.0.0/8", "--code", "accountNotFound=7"]
        let partner = try AddPartnerCommand.parse(typed).partner(password: "secret")
        #expect(partner.codes == ["accountNotFound": 7] && partner.passwordHash == Partner.hash("secret"))
        for wrong in [["--code", "x=1"], ["--code", "differs=0"], ["--from", "host"], ["--least", "0"], ["--most", "0,50"], ["--method", "cashDesk"], ["--time-zone", "Mars"]] {
            #expect(throws: (any Error).self) { try AddPartnerCommand.parse(typed + wrong).partner(password: "secret") }
        }
    }
}
