import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Synchronization
import Testing

@testable import Ledger

/// What was acknowledged, added up as plainly as possible: the order in which it happened does not matter to a sum.
private final class Acknowledged: Sendable {
    struct Sums: Equatable {
        /// On own account and subsidies together, by child, without what subsidies brought and took back.
        var moved: [UUID: Money] = [:]
        /// Spent on personal purchases, by child and day, after what was given back.
        var spent: [UUID: Money] = [:]
        var posted: [Charge] = []
        var requests: [(id: UUID, child: UUID)] = []
        var cashOuts: [(id: UUID, child: UUID, amount: Money)] = []

        static func == (left: Sums, right: Sums) -> Bool { left.moved == right.moved }
    }

    private let kept = Mutex(Sums())

    var sums: Sums { kept.withLock { $0 } }
    func note(_ change: (inout Sums) -> Void) { kept.withLock { change(&$0) } }
    func move(_ child: UUID, _ amount: Money) { kept.withLock { $0.moved[child, default: .zero] += amount } }
}

/// Random lives from several connections at once: charges, repeats, withdrawals, refunds, transfers, requests for money, limits,
/// top-ups, subsidies that come and end, days that pass. What was acknowledged is what the books have; nothing twice, nothing lost.
@Suite("Lives", .database(LedgerService.migrations)) struct LivesTests {
    let school = SchoolOfTests()
    private let told = Acknowledged()
    private static let workers = 6
    private static let steps = 60

    @Test("BY-01 to BY-04, AC-07 to AC-12: whatever several connections do at once, the books hold", arguments: UInt64(1)...6)
    func lives(_ seed: UInt64) async throws {
        try await school.open()
        for child in school.children { try await topUp(child, 500, at: school.now) }
        for day in 0..<3 {
            let now = school.now + Double(day) * 86_400
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 1...Self.workers {
                    group.addTask {
                        var dice = SeededGenerator(seed: seed * 1_000 + UInt64(day * 100 + worker))
                        for _ in 1...(Self.steps / 3) { try await step(&dice, at: now) }
                    }
                }
                for _ in 1...2 { group.addTask { [school] in _ = try await AccrueSubsidies.bringUpToDate(school.database, at: now) } }
                try await group.waitForAll()
            }
            #expect(try await school.firstDifference() == nil, "seed \(seed), day \(day)")
            try await compare(seed, at: now)
        }
    }

    /// The books against what was acknowledged.
    private func compare(_ seed: UInt64, at now: Date) async throws {
        let sums = told.sums
        for child in school.children {
            let account = try #require(try await school.account(child, at: now))
            let subsidies = try await school.database.read {
                try $0.first(
                    """
                    select coalesce(sum(s.balance), 0)::bigint, (
                        select coalesce(sum(case t.kind when 'accrual' then t.amount else -t.amount end), 0)::bigint
                        from transfer t join subsidy g on g.id = t.account_id
                        where g.meals_id = \(account.id) and t.kind in ('accrual', 'expiry'))
                    from subsidy s where s.meals_id = \(account.id)
                    """, as: Money.self, Money.self)
            }
            let (held, brought) = try #require(subsidies)
            #expect(account.balance + held == (sums.moved[child] ?? .zero) + brought, "seed \(seed)")
            #expect(account.balance >= .zero && account.available >= .zero, "seed \(seed)")
        }
        let twice = try await school.database.read {
            try $0.rows("select sale_id from charge where state = 'posted' group by sale_id having count(*) > 1", as: UUID.self)
        }
        #expect(twice.isEmpty, "seed \(seed)")
    }

    private func topUp(_ child: UUID, _ roubles: Int64, at now: Date) async throws {
        try await school.topUp(child, roubles, at: now)
        told.move(child, .roubles(roubles))
    }

    private func step(_ dice: inout SeededGenerator, at now: Date) async throws {
        let child = school.children[Int.random(in: 0...2, using: &dice)]
        let roubles = Int64.random(in: 1...120, using: &dice)
        let sums = told.sums
        switch Int.random(in: 0...15, using: &dice) {
        case 0: try await topUp(child, roubles, at: now)
        case 1: try await school.limit(child, Bool.random(using: &dice) ? roubles * 3 : nil, at: now)
        case 2:
            let other = school.children[Int.random(in: 0...2, using: &dice)]
            let transfer = TransferInFamily(id: .v7(), from: child, to: other, amount: .roubles(roubles), by: school.mother)
            do {
                // A form sent twice.
                for _ in 1...2 { try await school.database.transaction { [school] in try transfer.run(in: $0, school.outbox, at: now) } }
                told.move(child, -.roubles(roubles))
                told.move(other, .roubles(roubles))
            } catch is TransferRefused {}
        case 3: try await askRefund(sums.posted.randomElement(using: &dice), roubles, at: now)
        case 4: try await decideRefund(sums.requests.randomElement(using: &dice), Int.random(in: 0...3, using: &dice) > 0, at: now)
        case 5: try await askMoney(child, roubles, at: now)
        case 6: try await endMoney(sums.cashOuts.randomElement(using: &dice), Bool.random(using: &dice), at: now)
        case 7: try await subsidy(child, roubles, &dice, at: now)
        case 8, 9:
            guard let charge = sums.posted.randomElement(using: &dice) else { return }
            let outcome = try await school.withdraw([charge], at: now).first ?? nil
            if outcome?.verdict == .new, let amount = outcome?.amount { told.move(charge.personID, amount) }
        default:
            let again = Int.random(in: 0...5, using: &dice) == 0 ? sums.posted.randomElement(using: &dice) : nil
            let charge = again ?? school.charge(child, roubles, Bool.random(using: &dice) ? .personal : .collective, id: dice.uuid(), sale: dice.uuid())
            let outcome = try await school.decide([charge], at: now).first ?? nil
            if outcome?.verdict == .new, outcome?.state == .posted {
                told.move(charge.personID, -charge.amount)
                told.note { $0.posted.append(charge) }
            }
        }
    }

    private func askRefund(_ charge: Charge?, _ roubles: Int64, at now: Date) async throws {
        guard let charge else { return }
        let ask = AskRefund(
            id: .v7(), chargeID: charge.chargeID, child: charge.personID, amount: min(.roubles(roubles), charge.amount), reason: "Ошибка",
            by: school.mother)
        do {
            try await school.database.transaction { try ask.run(in: $0, at: now) }
            told.note { $0.requests.append((ask.id, ask.child)) }
        } catch is RefundRefused {}
    }

    private func decideRefund(_ request: (id: UUID, child: UUID)?, _ confirms: Bool, at now: Date) async throws {
        guard let request else { return }
        let decision = DecideRefund(id: request.id, child: request.child, refusal: confirms ? nil : "Нет", by: school.accountant)
        do {
            let given = try await school.database.transaction { [school] tx -> Money in
                _ = try tx.lock(accounts: [Account.id(of: request.child)])
                let before = try tx.first("select state, amount from refund_request where id = \(request.id)", as: String.self, Money.self)
                try decision.run(in: tx, school.outbox, at: now)
                return confirms && before?.0 == "asked" ? before?.1 ?? .zero : .zero
            }
            told.move(request.child, given)
        } catch is RefundRefused {}
    }

    private func askMoney(_ child: UUID, _ roubles: Int64, at now: Date) async throws {
        let ask = AskCashOut(id: .v7(), child: child, amount: .roubles(roubles), way: .cashDesk, details: "", by: school.mother)
        do {
            try await school.database.transaction { [school] in try ask.run(in: $0, school.outbox, at: now) }
            told.note { $0.cashOuts.append((ask.id, child, ask.amount)) }
        } catch is CashOutRefused {}
    }

    private func endMoney(_ request: (id: UUID, child: UUID, amount: Money)?, _ pays: Bool, at now: Date) async throws {
        guard let request else { return }
        let end = EndCashOut(id: request.id, end: pays ? .paid(paper: "РКО") : .withdrawn, by: school.accountant)
        do {
            let paid = try await school.database.transaction { [school] tx -> Bool in
                _ = try tx.lock(accounts: [Account.id(of: request.child)])
                let before = try tx.first("select state from cash_out where id = \(request.id)", as: String.self)
                try end.run(in: tx, school.outbox, at: now)
                return pays && before == "asked"
            }
            if paid { told.move(request.child, -request.amount) }
        } catch is CashOutRefused {}
    }

    private func subsidy(_ child: UUID, _ roubles: Int64, _ dice: inout SeededGenerator, at now: Date) async throws {
        let today = SchoolZone.moscow.day(of: now)
        let grant = GrantSubsidy(
            id: .v7(), child: child, title: "Питание", certificate: UUID().uuidString, issuer: "УСЗН", validFrom: today,
            validUntil: today + Int.random(in: 0...3, using: &dice), purpose: Bool.random(using: &dice) ? .any : .collective,
            amount: .roubles(roubles), rhythm: Bool.random(using: &dice) ? .schoolDay : .once, by: school.accountant)
        let ends = Int.random(in: 0...4, using: &dice) == 0
        try await school.database.transaction { [school] tx in
            try grant.run(in: tx, at: now)
            if ends { try EndSubsidy(id: grant.id, school: school.school, by: school.accountant).run(in: tx, at: now) }
        }
    }
}
