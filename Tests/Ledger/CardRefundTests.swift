import Events
import Foundation
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Card refunds", .database(LedgerService.migrations)) struct CardRefundTests {
    let school = SchoolOfTests()

    private func settle(_ acquirer: any Acquirer) -> SettleCardPayment {
        SettleCardPayment(
            database: school.database, outbox: school.outbox, acquirer: acquirer, publicAddress: "https://localhost",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A payment that is on the account.
    private func paid(_ acquirer: BadAcquirer, _ child: UUID, _ amount: Money, fee: Money = .zero) async throws -> UUID {
        let id = UUID.v7()
        let start = StartCardPayment(id: id, child: child, amount: amount, fee: fee, email: nil, by: school.mother)
        try await school.database.transaction { [now = school.now] in _ = try start.run(in: $0, at: now) }
        let settle = settle(acquirer)
        try await settle.run(id, at: school.now)
        await acquirer.payer(id, says: true)
        #expect(try await settle.run(id, at: school.now)?.state == .credited)
        return id
    }

    private func ask(
        _ payment: UUID, _ amount: Money, id: UUID = .v7(), school other: UUID? = nil, reason: String = "Ошиблись суммой"
    ) async throws -> CardRefund {
        let ask = AskCardRefund(
            id: id, paymentID: payment, schoolID: other ?? school.school, amount: amount, reason: reason, email: nil, by: school.accountant)
        return try await school.database.transaction { [outbox = school.outbox, now = school.now] in try ask.run(in: $0, outbox, at: now) }
    }

    @Test("AC-02: what goes back is held at once, leaves the account when the acquirer says yes, and the books turn it round once")
    func wholeWay() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        try await school.database.transaction { [school] in try $0.set(CardTerms(fee: 150), of: school.school, at: school.now) }
        let payment = try await paid(acquirer, school.masha, .roubles(100), fee: Money(kopecks: 150))
        await acquirer.refunds(takeTime: true)
        let refund = try await ask(payment, .roubles(40))
        #expect(refund.total == .roubles(40))
        #expect(try await school.account(school.masha)?.available == .roubles(60))
        let back = settle(acquirer).refunds
        #expect(try await back.run(refund.id, at: school.now)?.state == .asked)
        await #expect(throws: CardRefundRefused.waitsAlready) { _ = try await ask(payment, .roubles(1)) }
        await acquirer.finishRefunds()
        for _ in 1...3 { #expect(try await back.run(refund.id, at: school.now)?.state == .returned) }
        let account = try #require(try await school.account(school.masha))
        #expect(account.balance == .roubles(60) && account.held == .zero)
        await #expect(throws: CardRefundRefused.tooMuch(.roubles(60))) { _ = try await ask(payment, .roubles(61)) }
        // The last of it brings the fee back too.
        await acquirer.refunds()
        let rest = try await ask(payment, .roubles(60))
        #expect(rest.total == Money(kopecks: 6150))
        #expect(try await back.run(rest.id, at: school.now)?.state == .returned)
        #expect(try await school.account(school.masha)?.balance == .zero)
        #expect(await acquirer.given(of: payment) == Money(kopecks: 10_150))
        let lines = try await school.database.read { [school] tx in
            try tx.statement(of: Account.id(of: school.masha), from: school.now - 60, until: school.now + 60).lines.map(\.happening)
        }
        #expect(lines == [.returned(.bankCard), .returned(.bankCard), .topUp(.bankCard)])
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-02: what the acquirer refuses is free again; what is spent or held cannot go back; a repeat asks once, another form is refused")
    func refusals() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let payment = try await paid(acquirer, school.masha, .roubles(100))
        await acquirer.refunds(areRefused: true)
        let refused = try await ask(payment, .roubles(100))
        #expect(try await settle(acquirer).refunds.run(refused.id, at: school.now)?.state == .refused)
        #expect(try await school.account(school.masha)?.available == .roubles(100))
        await acquirer.refunds(takeTime: true)
        let id = UUID.v7()
        for _ in 1...3 { #expect(try await ask(payment, .roubles(10), id: id).id == id) }
        #expect(try await school.account(school.masha)?.held == .roubles(10))
        await #expect(throws: CardRefundRefused.repeatedWithOtherContents) { _ = try await ask(payment, .roubles(11), id: id) }
        try await settle(acquirer).refunds.run(id, at: school.now)
        await acquirer.finishRefunds(well: false)
        #expect(try await settle(acquirer).refunds.run(id, at: school.now)?.answer == "insufficient_funds")
        try await school.decide([school.charge(school.masha, 70)])
        await #expect(throws: CardRefundRefused.tooMuch(.roubles(30))) { _ = try await ask(payment, .roubles(31)) }
        await #expect(throws: CardRefundRefused.tooMuch(.roubles(30))) { _ = try await ask(payment, .zero) }
        await #expect(throws: CardRefundRefused.noReason) { _ = try await ask(payment, .roubles(1), reason: "") }
        await #expect(throws: CardRefundRefused.noPayment) { _ = try await ask(.v7(), .roubles(1)) }
        await #expect(throws: CardRefundRefused.noPayment) { _ = try await ask(payment, .roubles(1), school: .v7()) }
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-02, AC-12: an id that means something else already gives nothing back, and a refund's id that is used later holds nothing up")
    func usedIDs() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let (payment, other) = (try await paid(acquirer, school.masha, .roubles(100)), try await paid(acquirer, school.egor, .roubles(100)))
        await acquirer.refunds(takeTime: true)
        // Of a payment: the acquirer would take it for the payment's own key.
        for id in [payment, other] {
            await #expect(throws: CardRefundRefused.repeatedWithOtherContents) { _ = try await ask(payment, .roubles(1), id: id) }
        }
        // Of another payment's refund, also when both come at once.
        let id = UUID.v7()
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for one in [payment, other] { group.addTask { (try? await ask(one, .roubles(10), id: id)) != nil } }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.filter(\.self).count == 1)
        let refund = try #require(try await school.database.read { try $0.cardRefund(id) })
        // A receipt of the desk takes the same id while the bank thinks; both are written, each once.
        let taken = TopUpAtDesk(id: id, child: school.timur, amount: .roubles(7), receipt: "R-1", by: school.accountant)
        try await school.database.transaction { [outbox = school.outbox, now = school.now] in _ = try taken.run(in: $0, outbox, at: now) }
        try await settle(acquirer).refunds.run(id, at: school.now)
        await acquirer.finishRefunds()
        for _ in 1...2 { #expect(try await settle(acquirer).refunds.run(id, at: school.now)?.state == .returned) }
        let child = refund.paymentID == payment ? school.masha : school.egor
        #expect(try await school.account(child)?.balance == .roubles(90))
        #expect(try await school.account(school.timur)?.balance == .roubles(7))
        // Of a transfer: it is another thing, and the money goes back once.
        let again = try await ask(payment, .roubles(1), id: .derived(from: payment, "ledger.card"))
        try await settle(acquirer).refunds.run(again.id, at: school.now)
        await acquirer.finishRefunds()
        #expect(try await settle(acquirer).refunds.run(again.id, at: school.now)?.state == .returned)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-02: what the bank has given back is written even if a sale without a connection has left less: a visible debt")
    func debt() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let payment = try await paid(acquirer, school.masha, .roubles(100))
        await acquirer.refunds(takeTime: true)
        let refund = try await ask(payment, .roubles(100))
        try await settle(acquirer).refunds.run(refund.id, at: school.now)
        try await school.decide([school.charge(school.masha, 30, offline: school.today)])
        await acquirer.finishRefunds()
        #expect(try await settle(acquirer).refunds.run(refund.id, at: school.now)?.state == .returned)
        #expect(try await school.account(school.masha)?.balance == .roubles(-30))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-02: a key that the acquirer has forgotten is never used again: nothing is given back twice")
    func forgottenKey() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let payment = try await paid(acquirer, school.masha, .roubles(100))
        let deaf = BadAcquirer(seed: 1, losses: 10)
        let refund = try await ask(payment, .roubles(50))
        try await settle(deaf).refunds.run(refund.id, at: school.now + 60)
        #expect(try await settle(acquirer).refunds.run(refund.id, at: school.now + 24 * 3600)?.state == .asked)
        #expect(await acquirer.refunds(of: payment) == 0)
    }

    @Test("AC-02, BY-02: the books refuse a return of more than came, of something else, and a refund that changes its end")
    func booksRefuse() async throws {
        try await school.open()
        let acquirer = BadAcquirer(seed: 1, losses: 0)
        let payment = try await paid(acquirer, school.masha, .roubles(100))
        try await school.topUp(school.masha, 500)
        let accountID = Account.id(of: school.masha)
        let topUp = try #require(try await school.database.read { try $0.cardPayment(.id(payment))?.transferID })
        func post(_ amount: Money, of topUp: UUID, _ account: UUID) async -> String? {
            let posting = Posting(
                id: .v7(), kind: .return, accountID: account, amount: amount, day: school.today, by: nil,
                returned: .init(topUpID: topUp, method: .bankCard),
                legs: [.meals(account, -amount), .organisation(OrganisationAccount.acquiring.id(of: school.school), amount)])
            do {
                try await school.database.transaction { [now = school.now] in try $0.post(posting, at: now) }
                return nil
            } catch let error as PostgresError { return error.constraint } catch { return "\(error)" }
        }
        #expect(await post(.roubles(101), of: topUp, accountID) == "transfer_returns_within")
        #expect(await post(.roubles(60), of: topUp, accountID) == nil)
        #expect(await post(.roubles(41), of: topUp, accountID) == "transfer_returns_within")
        #expect(await post(.roubles(1), of: topUp, Account.id(of: school.egor)) != nil)
        // The nightly check sees what nobody asked for.
        #expect(try await school.firstDifference()?.contains("went back") == true)
        let refund = try await ask(payment, .roubles(40))
        await acquirer.refunds(areRefused: true)
        try await settle(acquirer).refunds.run(refund.id, at: school.now)
        for change in [
            "update card_refund set state = 'returned'", "update card_refund set amount = 1, total = 1", "delete from card_refund",
            "update card_refund set state = 'asked', ask_at = now(), ended_at = null",
        ] {
            await #expect(throws: PostgresError.self) { try await school.database.execute("\(unescaped: change)") }
        }
    }

    @Test(
        "AC-02: lost questions and answers, repeats, two copies, charges in between: every refund leaves the account once or not at all, as the acquirer says",
        arguments: UInt64(1)...8)
    func onceWhateverHappens(_ seed: UInt64) async throws {
        try await school.open()
        var dice = SeededGenerator(seed: seed)
        let acquirer = BadAcquirer(seed: seed, losses: 0)
        var payments: [UUID] = []
        for sum in [100, 250, 400] as [Int64] { payments.append(try await paid(acquirer, school.masha, .roubles(sum))) }
        await acquirer.lose(3)
        let copies = [settle(acquirer), settle(acquirer)]
        var now = school.now
        var asked: [UUID] = []
        for _ in 1...60 {
            now += Double(Int.random(in: 0...60, using: &dice))
            let copy = copies[Int.random(in: 0...1, using: &dice)]
            switch Int.random(in: 0...7, using: &dice) {
            case 0, 1:
                let (payment, sum) = (payments[Int.random(in: 0...2, using: &dice)], Int64.random(in: 1...300, using: &dice))
                // At times by an id that means something already.
                let used = payments + asked + payments.map { .derived(from: $0, "ledger.card") }
                let id = Int.random(in: 0...3, using: &dice) == 0 ? used.randomElement(using: &dice) : nil
                if let refund = try? await ask(payment, .roubles(sum), id: id ?? dice.uuid()) { asked.append(refund.id) }
            case 2: await acquirer.refunds(takeTime: Bool.random(using: &dice), areRefused: Int.random(in: 0...4, using: &dice) == 0)
            case 3: await acquirer.finishRefunds(well: Int.random(in: 0...3, using: &dice) > 0)
            case 4:
                guard let refund = asked.randomElement(using: &dice) else { continue }
                await withTaskGroup(of: Void.self) { group in
                    for copy in [copies[0], copies[1], copies[0]] { group.addTask { [now] in _ = try? await copy.refunds.run(refund, at: now) } }
                }
            case 5: try await school.decide([school.charge(school.masha, Int64.random(in: 1...60, using: &dice), .collective)], at: now)
            default: _ = try? await AskAboutPayments(settle: copy, logger: Logger(label: "test")).round(at: now)
            }
            #expect(try #require(try await school.account(school.masha)).available >= .zero, "seed \(seed)")
        }
        await acquirer.beGood()
        await acquirer.refunds()
        for _ in 1...3 {
            await acquirer.finishRefunds()
            now += 700
            while try await AskAboutPayments(settle: copies[0], logger: Logger(label: "test")).round(at: now) > 0 {}
        }
        for payment in payments {
            let refunds = try await school.database.read { try $0.cardRefunds(of: [payment]) }
            #expect(refunds.allSatisfy { $0.state != .asked }, "seed \(seed)")
            let back = refunds.filter { $0.state == .returned }
            #expect(await acquirer.doneRefunds(of: payment) == back.map(\.total).total, "seed \(seed)")
            let returned = try await school.database.read { tx in
                try tx.first(
                    "select coalesce(sum(amount), 0)::bigint from transfer where returns = \(tx.cardPayment(.id(payment))?.transferID)", as: Money.self)
            }
            #expect(returned == back.map(\.amount).total, "seed \(seed)")
        }
        #expect(try await school.account(school.masha)?.held == .zero)
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }
}
