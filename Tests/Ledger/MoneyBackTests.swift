import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Refunds", .database(LedgerService.migrations)) struct RefundTests {
    let school = SchoolOfTests()
    let tutor = UUID.v7()

    private func ask(_ charge: Charge, _ roubles: Int64, id: UUID = .v7(), by: UUID? = nil) async throws -> UUID {
        let ask = AskRefund(
            id: id, chargeID: charge.chargeID, child: charge.personID, amount: .roubles(roubles), reason: "Пробили дважды",
            by: by ?? school.mother)
        try await school.database.transaction { [now = school.now] in try ask.run(in: $0, at: now) }
        return id
    }

    private func decide(_ id: UUID, _ child: UUID, refusal: String? = nil, by: UUID? = nil, at: Date? = nil) async throws {
        let decision = DecideRefund(id: id, child: child, refusal: refusal, by: by ?? tutor)
        try await school.database.transaction { [school] in try decision.run(in: $0, school.outbox, at: at ?? school.now) }
    }

    private func sold(_ roubles: Int64, _ kind: PurchaseKind = .personal) async throws -> Charge {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let charge = school.charge(school.masha, roubles, kind)
        try await school.decide([charge])
        return charge
    }

    @Test("AC-12: asked by one, confirmed by a tutor, the money is back once; D-01: on the same day the limit is back too")
    func confirmed() async throws {
        let charge = try await sold(100)
        let id = try await ask(charge, 60)
        #expect(try await school.account(school.masha)?.balance == .roubles(400))
        for _ in 1...3 { try await decide(id, school.masha) }
        let account = try #require(try await school.account(school.masha))
        #expect(account.balance == .roubles(460))
        #expect(account.spentToday == .roubles(40))
        #expect(try await school.said().filter { $0 == RefundPosted.name }.count == 1)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("D-01: a refund on a later day gives money back, not the limit of that day")
    func laterDay() async throws {
        let charge = try await sold(100)
        let tomorrow = school.now + 86_400
        try await school.decide([school.charge(school.masha, 50)], at: tomorrow)
        try await decide(try await ask(charge, 100), school.masha, at: tomorrow)
        let account = try #require(try await school.account(school.masha, at: tomorrow))
        #expect(account.spentToday == .roubles(50))
        #expect(account.balance == .roubles(450))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-12: refunds of a charge never exceed it, nobody confirms his own, one request of a charge waits at a time")
    func bounds() async throws {
        let charge = try await sold(100)
        await #expect(throws: RefundRefused.tooMuch(.roubles(100))) { try await ask(charge, 101) }
        await #expect(throws: RefundRefused.notAnAmount) { try await ask(charge, 0) }
        let first = try await ask(charge, 70)
        await #expect(throws: RefundRefused.waitsAlready) { try await ask(charge, 10) }
        await #expect(throws: RefundRefused.repeatedWithOtherContents) { try await ask(charge, 71, id: first) }
        _ = try await ask(charge, 70, id: first)
        await #expect(throws: RefundRefused.ownRequest) { try await decide(first, school.masha, by: school.mother) }
        await #expect(throws: RefundRefused.noRequest) { try await decide(first, school.egor) }
        try await decide(first, school.masha)
        await #expect(throws: RefundRefused.tooMuch(.roubles(30))) { try await ask(charge, 31) }
        try await decide(try await ask(charge, 30), school.masha)
        #expect(try await school.account(school.masha)?.balance == .roubles(500))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-12: an id that means a movement already is refused when it is asked for, and when it was taken meanwhile; nothing is given back twice")
    func usedIDs() async throws {
        let charge = try await sold(100)
        await #expect(throws: RefundRefused.repeatedWithOtherContents) { _ = try await ask(charge, 10, id: charge.chargeID) }
        let id = try await ask(charge, 10)
        let taken = TopUpAtDesk(id: id, child: school.egor, amount: .roubles(7), receipt: "R-1", by: school.accountant)
        try await school.database.transaction { [outbox = school.outbox, now = school.now] in _ = try taken.run(in: $0, outbox, at: now) }
        await #expect(throws: RefundRefused.idTaken) { try await decide(id, school.masha) }
        try await decide(id, school.masha, refusal: "Номер занят")
        try await decide(try await ask(charge, 10), school.masha)
        #expect(try await school.account(school.masha)?.balance == .roubles(410))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-12: a refused request moves nothing and says why; the next one may be asked")
    func refused() async throws {
        let charge = try await sold(100)
        let id = try await ask(charge, 100)
        await #expect(throws: RefundRefused.noReason) { try await decide(id, school.masha, refusal: "") }
        try await decide(id, school.masha, refusal: "Обед съеден")
        try await decide(id, school.masha)
        #expect(try await school.account(school.masha)?.balance == .roubles(400))
        _ = try await ask(charge, 100)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a charge withdrawn after a refund gives back only the rest, and a withdrawn one is not refunded", arguments: [40, 100])
    func withdrawnAfterRefund(_ refunded: Int64) async throws {
        let charge = try await sold(100)
        try await decide(try await ask(charge, refunded), school.masha)
        let withdrawn = try await school.withdraw([charge, charge])
        // Whoever repeats the charge hears the same sum as whoever withdrew it.
        let repeated = try await school.decide([charge, school.charge(school.masha, 1), charge])
        for outcome in withdrawn + [repeated[0], repeated[2]] { #expect(outcome?.amount == .roubles(100 - refunded) && outcome?.state == .reversed) }
        #expect(try await school.account(school.masha)?.balance == .roubles(499))
        #expect(try await school.account(school.masha)?.spentToday == .roubles(1))
        await #expect(throws: RefundRefused.noCharge) { try await ask(charge, 1) }
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a refund confirmed while the charge is withdrawn: the money is back once", arguments: UInt64(1)...5)
    func race(_ seed: UInt64) async throws {
        let charge = try await sold(100)
        let id = try await ask(charge, 60)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 1...4 {
                group.addTask { [school] in
                    if worker == Int(seed % 4) + 1 {
                        try await school.withdraw([charge])
                    } else {
                        do { try await decide(id, school.masha) } catch RefundRefused.noCharge {}
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await school.account(school.masha)?.balance == .roubles(500))
        #expect(try await school.firstDifference() == nil)
    }
}

@Suite("Shares of a refund") struct RefundSharesTests {
    @Test("AC-12: shares of a refund go to whoever paid last, and never beyond what was paid", arguments: UInt64(1)...200)
    func shares(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let parts = (0...Int.random(in: 0...3, using: &dice)).map { _ in
            RefundShares.Part(accountID: dice.uuid(), left: Money(kopecks: Int64.random(in: 0...500, using: &dice)))
        }
        let total = parts.reduce(Money.zero) { $0 + $1.left }
        let amount = Money(kopecks: Int64.random(in: 1...800, using: &dice))
        let shared = RefundShares(amount, among: parts)
        #expect((shared == nil) == (amount > total))
        guard let shared else { return }
        #expect(shared.shares.reduce(Money.zero) { $0 + $1.left } == amount)
        for (place, share) in shared.shares.enumerated() {
            let part = try #require(parts.first { $0.accountID == share.accountID })
            #expect(share.left > .zero && share.left <= part.left)
            // Whoever comes first is given back wholly before the next gets anything.
            if place < shared.shares.count - 1 { #expect(share.left == part.left) }
        }
    }
}

@Suite("Cash-outs", .database(LedgerService.migrations)) struct CashOutTests {
    let school = SchoolOfTests()

    private func ask(_ child: UUID, _ roubles: Int64, id: UUID = .v7(), way: CashOutWay = .cashDesk) async throws -> UUID {
        let ask = AskCashOut(
            id: id, child: child, amount: .roubles(roubles), way: way, details: way == .bank ? "40817…, БИК 044525225" : "", by: school.mother)
        try await school.database.transaction { [school] in try ask.run(in: $0, school.outbox, at: school.now) }
        return id
    }

    private func end(_ id: UUID, _ end: EndCashOut.End, school at: UUID? = nil) async throws {
        let end = EndCashOut(id: id, end: end, by: school.accountant, school: at ?? school.school)
        try await school.database.transaction { [school] in try end.run(in: $0, school.outbox, at: school.now) }
    }

    @Test("BY-04: what is asked for is held at once, and paid out once with its order", arguments: CashOutWay.allCases)
    func paid(_ way: CashOutWay) async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let id = try await ask(school.masha, 450, way: way)
        #expect(try await school.account(school.masha)?.available == .roubles(50))
        #expect(try await school.decide([school.charge(school.masha, 51)]).first??.answer == .ended(.declined, .notEnoughMoney))
        await #expect(throws: TransferRefused.notEnough(.roubles(50))) { try await school.move(school.masha, school.egor, 51) }
        for _ in 1...2 { try await end(id, .paid(paper: "РКО-7")) }
        await #expect(throws: CashOutRefused.hasEnded) { try await end(id, .refused("Нет")) }
        let account = try #require(try await school.account(school.masha))
        #expect(account.balance == .roubles(50) && account.held == .zero)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: refused or taken back, the money is free again", arguments: [EndCashOut.End.refused("Нет заявления"), .withdrawn])
    func free(_ how: EndCashOut.End) async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let id = try await ask(school.masha, 500)
        try await end(id, how)
        #expect(try await school.account(school.masha)?.available == .roubles(500))
        _ = try await ask(school.masha, 100)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: nothing is held that is not there, one request waits at a time, another school's accountant finds none")
    func bounds() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        await #expect(throws: CashOutRefused.notEnough(.roubles(100))) { try await ask(school.masha, 101) }
        await #expect(throws: CashOutRefused.notAnAmount) { try await ask(school.masha, 0) }
        await #expect(throws: CashOutRefused.noAccount) { try await ask(.v7(), 1) }
        let id = try await ask(school.masha, 60)
        _ = try await ask(school.masha, 60, id: id)
        await #expect(throws: CashOutRefused.repeatedWithOtherContents) { try await ask(school.masha, 61, id: id) }
        await #expect(throws: CashOutRefused.waitsAlready) { try await ask(school.masha, 1) }
        await #expect(throws: CashOutRefused.noRequest) { try await end(id, .paid(paper: "1"), school: .v7()) }
        await #expect(throws: CashOutRefused.noPaper) { try await end(id, .paid(paper: "")) }
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: a request whose id was taken by another movement is told so and can be refused; nothing is paid by it")
    func usedIDs() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let id = try await ask(school.masha, 60)
        let taken = TopUpAtDesk(id: id, child: school.egor, amount: .roubles(7), receipt: "R-1", by: school.accountant)
        try await school.database.transaction { [outbox = school.outbox, now = school.now] in _ = try taken.run(in: $0, outbox, at: now) }
        await #expect(throws: CashOutRefused.idTaken) { try await end(id, .paid(paper: "РКО-7")) }
        try await end(id, .refused("Номер занят"))
        await #expect(throws: CashOutRefused.repeatedWithOtherContents) { _ = try await ask(school.egor, 1, id: id) }
        let other = UUID.v7()
        let second = TopUpAtDesk(id: other, child: school.egor, amount: .roubles(7), receipt: "R-2", by: school.accountant)
        try await school.database.transaction { [outbox = school.outbox, now = school.now] in _ = try second.run(in: $0, outbox, at: now) }
        await #expect(throws: CashOutRefused.repeatedWithOtherContents) { _ = try await ask(school.masha, 1, id: other) }
        #expect(try await school.account(school.masha)?.available == .roubles(100))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: a sale without a connection may eat what was held; then nothing is paid that is not there")
    func eatenByOfflineSale() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let id = try await ask(school.masha, 100)
        try await school.decide([school.charge(school.masha, 30, offline: school.today)])
        await #expect(throws: CashOutRefused.noLongerThere(.roubles(70))) { try await end(id, .paid(paper: "1")) }
        try await end(id, .refused("Меньше, чем просили"))
        #expect(try await school.account(school.masha)?.available == .roubles(70))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: requests are answered within ten days")
    func deadline() throws {
        let asked = try #require(Day("2026-11-25"))
        #expect(CashOutDeadline.due(askedOn: asked).iso == "2026-12-05")
    }

    @Test("BY-04: requests, ends, sales and transfers at once: holds never take what can be spent below zero", arguments: UInt64(1)...4)
    func atOnce(_ seed: UInt64) async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 400) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 1...6 {
                group.addTask {
                    var dice = SeededGenerator(seed: seed * 100 + UInt64(worker))
                    for _ in 1...20 { try await step(&dice) }
                }
            }
            try await group.waitForAll()
        }
        let lowest = try await school.database.read {
            try $0.first("select min(balance), min(balance - held), min(held) from meals_account", as: Money.self, Money.self, Money.self)
        }
        let (balance, free, held) = try #require(lowest)
        #expect(balance >= .zero && free >= .zero && held >= .zero, "seed \(seed)")
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }

    private func step(_ dice: inout SeededGenerator) async throws {
        let child = school.children[Int.random(in: 0...2, using: &dice)]
        let roubles = Int64.random(in: 1...150, using: &dice)
        switch Int.random(in: 0...4, using: &dice) {
        case 0, 1:
            do { _ = try await ask(child, roubles) } catch is CashOutRefused {}
        case 2:
            let waiting = try await school.database.read { try $0.rows("select id from cash_out where state = 'asked' order by id", as: UUID.self) }
            guard let id = waiting.randomElement(using: &dice) else { return }
            do {
                try await end(id, Bool.random(using: &dice) ? .paid(paper: "1") : .refused("Нет"))
            } catch is CashOutRefused {}
        case 3: try await school.decide([school.charge(child, roubles)])
        default:
            do { try await school.move(child, school.children[Int.random(in: 0...2, using: &dice)], roubles) } catch is TransferRefused {}
        }
    }
}
