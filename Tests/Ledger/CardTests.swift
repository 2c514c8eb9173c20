import ArgumentParser
import Events
import Foundation
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Cards", .database(LedgerService.migrations)) struct CardTests {
    let school = SchoolOfTests()

    private func settle(_ acquirer: any Acquirer) -> SettleCardPayment {
        SettleCardPayment(
            database: school.database, outbox: school.outbox, acquirer: acquirer, publicAddress: "https://localhost",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func start(_ child: UUID, _ roubles: Int64, id: UUID = .v7()) async throws -> UUID {
        let start = StartCardPayment(id: id, child: child, amount: .roubles(roubles), fee: .zero, email: nil, by: school.mother)
        return try await school.database.transaction { [now = school.now] in try start.run(in: $0, at: now).id }
    }

    private func state(_ id: UUID) async throws -> CardPayment.State? {
        try await school.database.read { try $0.cardPayment(.id(id))?.state }
    }

    private func topUps() async throws -> Int? {
        try await school.database.read { try $0.first("select count(*) from transfer where method = 'bankCard'", as: Int.self) }
    }

    @Test("BY-03: the fee is a share of the sum, to the kopeck", arguments: [(10_000, 0, 0), (10_000, 150, 150), (333, 150, 5), (1, 50, 0), (1_500_000, 1000, 150_000)] as [(Int64, Int, Int64)])
    func fee(_ sum: Int64, _ share: Int, _ fee: Int64) {
        #expect(CardRules.fee(of: Money(kopecks: sum), at: share) == Money(kopecks: fee))
    }

    @Test("AC-02: the acquirer is asked at growing intervals, never more seldom than every ten minutes")
    func pauses() {
        let pauses = (0...20).map { CardRules.pause(afterAsks: $0) }
        #expect(pauses == pauses.sorted() && pauses[0] == 2 && pauses[20] == 600)
    }

    @Test("AC-02: what the acquirer says leads to one step, and another sum or order than we asked for to none but a dispute")
    func steps() {
        let order = UUID.v7()
        func step(_ status: AcquirerPayment.Status, total: Money? = .roubles(5), of other: UUID? = nil, isOpen: Bool = true) -> CardRules.Step {
            let told = AcquirerPayment(id: "1", status: status, total: total, order: other ?? order, payAt: nil, card: nil, reason: "why")
            return CardRules.step(told, order: order, total: .roubles(5), isOpen: isOpen)
        }
        #expect(step(.pending) == .wait && step(.pending, isOpen: false) == .wait)
        #expect(step(.waitingForCapture) == .capture && step(.waitingForCapture, isOpen: false) == .letGo)
        #expect(step(.succeeded) == .credit && step(.succeeded, isOpen: false) == .giveBack)
        #expect(step(.canceled) == .end(reason: "why"))
        for status in [AcquirerPayment.Status.pending, .waitingForCapture, .succeeded, .canceled] {
            #expect(step(status, total: .roubles(6)) == .dispute)
            #expect(step(status, total: nil) == .dispute)
            #expect(step(status, of: .v7()) == .dispute)
        }
    }

    @Test("AC-02, BY-02: the books refuse a payment that goes back, changes what was asked, or is forgotten")
    func forwardOnly() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let id = try await start(school.masha, 100)
        try await settle(acquirer).run(id, at: school.now)
        await acquirer.payer(id, says: true)
        try await settle(acquirer).run(id, at: school.now)
        #expect(try await state(id) == .credited)
        for change in [
            "update card_payment set state = 'open', transfer_id = null, ended_at = null, ask_at = now()",
            "update card_payment set amount = amount + 1", "update card_payment set acquirer_id = 'other'", "delete from card_payment",
            "truncate card_payment",
        ] {
            await #expect(throws: PostgresError.self) { try await school.database.execute("\(unescaped: change)") }
        }
    }

    @Test("AC-02: a form sent twice, also at once, is one payment; with another sum it is refused")
    func formTwice() async throws {
        try await school.open()
        let id = UUID.v7()
        let ids = try await withThrowingTaskGroup(of: UUID.self) { group in
            for _ in 1...6 { group.addTask { try await start(school.masha, 100, id: id) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids == [id])
        await #expect(throws: CardPaymentRefused.repeatedWithOtherContents) { _ = try await start(school.masha, 101, id: id) }
        await #expect(throws: CardPaymentRefused.repeatedWithOtherContents) { _ = try await start(school.egor, 100, id: id) }
        await #expect(throws: CardPaymentRefused.notAnAmount) { _ = try await start(school.masha, 9) }
        await #expect(throws: CardPaymentRefused.notAnAmount) { _ = try await start(school.masha, 15_001) }
        await #expect(throws: CardPaymentRefused.noAccount) { _ = try await start(.v7(), 100) }
    }

    @Test("AC-02: so many payments of an account may wait for the payer, whoever began them and however many forms come at once; what has ended makes room")
    func openPayments() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let ids = await withTaskGroup(of: UUID?.self) { group in
            for _ in 1...12 { group.addTask { try? await start(school.masha, 100) } }
            return await group.reduce(into: [UUID]()) { all, id in if let id { all.append(id) } }
        }
        #expect(ids.count == CardRules.mostOpen)
        let first = try #require(ids.first)
        await #expect(throws: CardPaymentRefused.tooManyOpen) { _ = try await start(school.masha, 100) }
        // The same form is the same payment, and a brother has his own.
        #expect(try await start(school.masha, 100, id: first) == first)
        _ = try await start(school.egor, 100)
        try await settle(acquirer).run(first, at: school.now)
        await #expect(throws: CardPaymentRefused.tooManyOpen) { _ = try await start(school.masha, 100) }
        await acquirer.payer(first, says: false)
        try await settle(acquirer).run(first, at: school.now)
        #expect(try await state(first) == .cancelled)
        _ = try await start(school.masha, 100)
        await #expect(throws: CardPaymentRefused.tooManyOpen) { _ = try await start(school.masha, 100) }
    }

    @Test("AC-02: what the acquirer mixed up moves no money and waits for people")
    func dispute() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let id = try await start(school.masha, 100)
        try await settle(acquirer).run(id, at: school.now)
        await acquirer.falsify(id, total: .roubles(1000))
        try await settle(acquirer).run(id, at: school.now)
        #expect(try await state(id) == .disputed)
        #expect(try await school.account(school.masha)?.balance == .zero)
    }

    @Test("AC-02: whoever never got an answer for a day never got an address to pay at: the attempt ends")
    func neverAnswered() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 10)
        let id = try await start(school.masha, 100)
        try await settle(acquirer).run(id, at: school.now + 3600)
        #expect(try await state(id) == .asked)
        try await settle(acquirer).run(id, at: school.now + 24 * 3600)
        #expect(try await state(id) == .cancelled)
    }

    /// What may happen to a payment once it was begun.
    private enum Event: CaseIterable { case pays, notified, notifiedTwiceAtOnce, comesBack }

    @Test("AC-02: creation answered, lost on the way there, on the way back or both; the payer, two notifications at once, another and his return in every order: credited once")
    func everyOrder() async throws {
        try await school.open()
        var count = 0
        for capturesAtOnce in [true, false] {
            for losses in [[], [.question], [.answer], [.answer, .question], [.question, .answer, .answer]] as [[BadAcquirer.Loss]] {
                for order in Self.orders(Event.allCases) {
                    count += 1
                    try await tell(order, losses, capturesAtOnce, Money(kopecks: 10_000 + Int64(count)), school.children[count % 3])
                }
            }
        }
        #expect(count == 240)
        #expect(try await topUps() == count)
        #expect(try await school.firstDifference() == nil)
    }

    private func tell(
        _ order: [Event], _ losses: [BadAcquirer.Loss], _ capturesAtOnce: Bool, _ amount: Money, _ child: UUID
    ) async throws {
        let story = "\(order), lost \(losses), captured \(capturesAtOnce ? "at once" : "later")"
        let acquirer = BadAcquirer(seed: 1, losses: 0, capturesAtOnce: capturesAtOnce)
        let copies = [settle(acquirer), settle(acquirer)]
        let before = try await school.account(child)?.balance ?? .zero
        let id = UUID.v7()
        let start = StartCardPayment(id: id, child: child, amount: amount, fee: .zero, email: nil, by: school.mother)
        try await school.database.transaction { [now = school.now] in _ = try start.run(in: $0, at: now) }
        await acquirer.plan(losses)
        try await copies[0].run(id, at: school.now)
        // Whoever has no address to pay at cannot pay yet, and does it in the end.
        func pay() async throws {
            guard try await school.database.read({ try $0.cardPayment(.id(id))?.payAt }) != nil else { return }
            await acquirer.payer(id, says: true)
        }
        for event in order {
            switch event {
            case .pays: try await pay()
            case .notified: try await copies[1].run(id, at: school.now)
            case .notifiedTwiceAtOnce:
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for copy in copies { group.addTask { [now = school.now] in _ = try await copy.run(id, at: now) } }
                    try await group.waitForAll()
                }
            case .comesBack: try await copies[0].run(id, at: school.now)
            }
        }
        for step in 1...4 {
            let now = school.now + Double(step * 60)
            try await copies[0].run(id, at: now)
            try await pay()
        }
        #expect(try await state(id) == .credited, "\(story)")
        #expect(await acquirer.made[id]?.count == 1, "\(story)")
        #expect(try await school.account(child)?.balance == before + amount, "\(story)")
    }

    private static func orders<Element>(_ elements: [Element]) -> [[Element]] {
        guard elements.count > 1 else { return [elements] }
        return elements.indices.flatMap { first in
            var rest = elements
            let element = rest.remove(at: first)
            return orders(rest).map { [element] + $0 }
        }
    }

    @Test("AC-02: a shop or secret that is not accepted decides nothing: the payment waits until the operator has put it right")
    func notTrusted() async throws {
        try await school.open()
        let emulator = try await Emulator()
        func settle(_ secret: String) -> SettleCardPayment { self.settle(emulator.client(secret: secret)) }
        let id = try await start(school.masha, 100)
        try await settle("wrong").run(id, at: school.now)
        #expect(try await state(id) == .asked)
        let open = try #require(try await settle(Emulator.secret).run(id, at: school.now))
        #expect(open.state == .open)
        try await emulator.payer(try #require(open.payAt), says: "pay")
        try await settle("wrong").run(id, at: school.now)
        #expect(try await state(id) == .open)
        try await settle(Emulator.secret).run(id, at: school.now)
        #expect(try await state(id) == .credited)
    }

    @Test("AC-02: half a configuration is a fault that `check` names, none is none, and the secret goes nowhere in the open")
    func configuration() async throws {
        func fault(_ settings: [String: String]) async throws -> String? {
            let parts = try await LedgerService.parts(database: school.database, settings: settings)
            do {
                return try ConfiguredAcquirer.open(parts.configuration).map { "\($0.shop) \($0.address)" }
            } catch {
                #expect(LedgerService.settle(parts) == nil)
                return "FAULT \(error)"
            }
        }
        #expect(try await fault([:]) == nil)
        #expect(try await fault(["acquirer.shop": "1"])?.contains("acquirer.secret is not") == true)
        #expect(try await fault(["acquirer.secret": "1"])?.contains("acquirer.shop is not") == true)
        let both = ["acquirer.shop": "100500", "acquirer.secret": "s"]
        #expect(try await fault(both) == "100500 https://api.yookassa.ru/v3")
        for (address, isFine) in [
            ("http://127.0.0.1:8080/v3/", true), ("http://api.yookassa.ru/v3", false), ("api.yookassa.ru", false), ("ftp://x", false), ("", false),
            ("https://", false),
        ] {
            let told = try await fault(both.merging(["acquirer.address": address]) { $1 })
            #expect(told?.hasPrefix("FAULT") == !isFine, "\(address): \(told ?? "")")
        }
    }

    @Test(
        "AC-02: lost questions and answers, notifications lost, doubled or early, two copies, copies that die in the middle, accounts that close: every paid sum is credited once or goes back",
        arguments: UInt64(1)...10)
    func onceWhateverHappens(_ seed: UInt64) async throws {
        try await school.open()
        var dice = SeededGenerator(seed: seed)
        let acquirer = BadAcquirer(seed: seed, losses: 3, capturesAtOnce: seed.isMultiple(of: 2))
        // Two copies of the service know each other through the database alone.
        let copies = [settle(acquirer), settle(acquirer)]
        var now = school.now
        var orders: [(id: UUID, child: UUID, amount: Money)] = []
        for _ in 1...90 {
            now += Double(Int.random(in: 0...40, using: &dice))
            let copy = copies[Int.random(in: 0...1, using: &dice)]
            let order = orders.randomElement(using: &dice)
            switch Int.random(in: 0...9, using: &dice) {
            case 0, 1:
                let child = school.children[Int.random(in: 0...1, using: &dice)]
                let sum = Int64.random(in: 10...900, using: &dice)
                let id = dice.uuid()
                guard let begun = try? await start(child, sum, id: id) else { continue }
                orders.append((begun, child, .roubles(sum)))
            case 2, 3: if let order { await acquirer.payer(order.id, says: Int.random(in: 0...3, using: &dice) > 0) }
            case 4:
                // Two notifications and the payer's return at the same moment.
                guard let order else { continue }
                await withTaskGroup(of: Void.self) { group in
                    for copy in [copies[0], copies[1], copies[0]] { group.addTask { [now] in _ = try? await copy.run(order.id, at: now) } }
                }
            case 5:
                // A copy that dies somewhere in the middle.
                guard let order else { continue }
                let steps = Int.random(in: 0...40, using: &dice)
                let task = Task { [now] in _ = try? await copy.run(order.id, at: now) }
                for _ in 0..<steps { await Task.yield() }
                task.cancel()
                await task.value
            case 6 where Int.random(in: 0...8, using: &dice) == 0:
                let gone = school.pupil(school.egor, number: 2, version: 2, ended: true)
                try await school.database.transaction { [school, now] in
                    try WhenPupilAppears(pupil: gone, version: 2).react(in: $0, school.outbox, at: now)
                }
            default:
                _ = try? await AskAboutPayments(settle: copy, logger: Logger(label: "test")).round(at: now)
            }
        }
        // Everybody decides, nothing is lost any more, and the loop alone does the rest.
        await acquirer.beGood()
        for _ in 1...4 {
            now += 700
            while try await AskAboutPayments(settle: copies[0], logger: Logger(label: "test")).round(at: now) > 0 {}
            for order in orders { await acquirer.payer(order.id, says: true) }
        }
        var expected: [UUID: Money] = [:]
        for order in orders {
            let state = try #require(try await state(order.id))
            let told = await acquirer.status(of: order.id)
            #expect(await acquirer.made[order.id]?.count == 1, "seed \(seed): one payment for one order")
            #expect(state.isEnd, "seed \(seed)")
            switch told {
            case .succeeded:
                #expect(state == .credited || state == .returned, "seed \(seed)")
                #expect(await acquirer.refunds(of: order.id) == (state == .returned ? 1 : 0), "seed \(seed)")
                if state == .credited { expected[order.child, default: .zero] += order.amount }
            case .canceled: #expect(state == .cancelled, "seed \(seed)")
            default: Issue.record("seed \(seed): \(String(describing: told)) at the end")
            }
        }
        for child in [school.masha, school.egor] {
            #expect(try await school.account(child)?.balance == (expected[child] ?? .zero), "seed \(seed)")
        }
        let credited = try await school.database.read {
            try $0.first("select count(*) from card_payment where state = 'credited'", as: Int.self)
        }
        #expect(try await topUps() == credited, "seed \(seed)")
        #expect(try await school.said().filter { $0 == "ledger.top-up.posted.v1" }.count == credited, "seed \(seed)")
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }

    @Test("AC-03: a payment code says what ГОСТ Р 56042 wants, and refuses what would not fit")
    func paymentCode() throws {
        let details = BankDetails(
            payee: "ООО «Питание»", account: "40702810500000000001", bank: "ПАО Сбербанк", bic: "044525225",
            correspondent: "30101810400000000225", inn: "7707083893", kpp: "770701001")
        #expect(
            try details.code(for: "0270000001", sum: Money(kopecks: 50_050)).text
                == "ST00012|Name=ООО «Питание»|PersonalAcc=40702810500000000001|BankName=ПАО Сбербанк|BIC=044525225|CorrespAcc=30101810400000000225|Sum=50050|Purpose=Питание, лицевой счёт 0270000001|PayeeINN=7707083893|KPP=770701001|PersAcc=0270000001")
        func field(_ change: [String]) -> String? {
            let typed = ["--payee", "ООО", "--account", "40702810500000000001", "--bank", "Банк", "--bic", "044525225"] + change
            do {
                _ = try SetBankDetailsCommand.parse(typed).details()
                return nil
            } catch { return "\(error)" }
        }
        #expect(field([]) == nil)
        for (wrong, name) in [
            (["--payee", "A|B"], "Name"), (["--account", "123"], "PersonalAcc"), (["--bank", String(repeating: "б", count: 46)], "BankName"),
            (["--bic", "04452522x"], "BIC"), (["--inn", "1"], "PayeeINN"), (["--kpp", "1"], "KPP"), (["--correspondent", "5"], "CorrespAcc"),
            (["--payee", "A\nB"], "Name"),
        ] {
            #expect(field(wrong)?.contains(name) == true, "\(wrong)")
        }
        #expect(try SetCardTermsCommand.parse(["--fee", "1,5"]).terms().fee == 150)
        for wrong in [["--fee", "11"], ["--fee=-1"], ["--receipts"], ["--vat", "13"]] {
            #expect(throws: (any Error).self) { try SetCardTermsCommand.parse(wrong).terms() }
        }
    }
}
