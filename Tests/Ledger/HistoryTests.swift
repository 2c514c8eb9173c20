import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// Random lives of three accounts: charges, repeats, second attempts, withdrawals, limits, top-ups, sales without a
/// connection, over several days.
@Suite("Histories", .database(LedgerService.migrations)) struct HistoryTests {
    let school = SchoolOfTests()

    @Test("BY-01, BY-02, AC-07, AC-11: whatever happens, the books answer as the plain rules do", arguments: UInt64(1)...12)
    func booksAgreeWithThePlainRules(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        var naive = NaiveBooks()
        for child in school.children { naive.purses[child] = NaiveBooks.Purse() }
        var asked: [Charge] = []
        var now = school.now

        for step in 1...60 {
            now += Double(Int.random(in: 0...20_000, using: &dice))
            let today = SchoolZone.moscow.day(of: now)
            switch Int.random(in: 0...9, using: &dice) {
            case 0:
                let child = try #require(school.children.randomElement(using: &dice))
                let sum = Int64.random(in: 1...400, using: &dice)
                try await school.topUp(child, sum, receipt: "\(seed)-\(step)", at: now)
                naive.purses[child]?.balance += .roubles(sum)
            case 1:
                let child = try #require(school.children.randomElement(using: &dice))
                let sum = Bool.random(using: &dice) ? Int64.random(in: 0...300, using: &dice) : nil
                try await school.limit(child, sum, at: now)
                naive.purses[child]?.limit = sum.map(Money.roubles)
            case 2, 3:
                var batch: [Charge] = []
                for _ in 0...Int.random(in: 0...4, using: &dice) {
                    batch.append(asked.randomElement(using: &dice) ?? random(using: &dice, at: now, after: asked))
                }
                let answers = try await school.withdraw(batch, at: now).map { $0?.answer }
                let expected = batch.map { naive.withdraw(school.withdrawal(of: $0), today: today) }
                #expect(answers == expected, "seed \(seed), step \(step)")
                asked += batch
            default:
                var batch: [Charge] = []
                for _ in 0...Int.random(in: 0...9, using: &dice) {
                    batch.append(random(using: &dice, at: now, after: asked + batch))
                }
                let outcomes = try await school.decide(batch, at: now)
                let expected = batch.map { naive.charge($0, at: now, today: today) }
                // The books are asked for batches without commands that would be parked: those fail their batch alone.
                #expect(outcomes.map { $0?.answer } == expected, "seed \(seed), step \(step)")
                asked += batch
            }
            for child in school.children {
                let account = try #require(try await school.account(child, at: now))
                #expect(account.balance == naive.purses[child]?.balance, "seed \(seed), step \(step)")
                #expect(account.spentToday == naive.purses[child]?.spent[today] ?? .zero, "seed \(seed), step \(step)")
            }
        }
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }

    /// A new charge, a repeat, a repeat with another sum, or another attempt of a sale.
    private func random(using dice: inout SeededGenerator, at now: Date, after asked: [Charge]) -> Charge {
        if let before = asked.randomElement(using: &dice) {
            switch Int.random(in: 0...7, using: &dice) {
            case 0: return before
            case 1:
                return school.charge(
                    before.personID, before.amount.kopecks / 100 + 1, before.kind, id: before.chargeID, sale: before.saleID,
                    attempt: before.attempt)
            case 2:
                return school.charge(
                    before.personID, before.amount.kopecks / 100, before.kind, id: dice.uuid(), sale: before.saleID,
                    attempt: before.attempt + 1)
            default: break
            }
        }
        let stranger = Int.random(in: 0...15, using: &dice) == 0
        let offline = Int.random(in: 0...9, using: &dice) == 0
        let late = Int.random(in: 0...9, using: &dice) == 0
        return school.charge(
            stranger ? dice.uuid() : school.children[Int.random(in: 0...2, using: &dice)],
            Int64.random(in: 1...150, using: &dice), Bool.random(using: &dice) ? .personal : .collective,
            id: dice.uuid(), sale: dice.uuid(), expires: late ? now - 1 : now + 1,
            offline: offline ? SchoolZone.moscow.day(of: now) + Int.random(in: -2...1, using: &dice) : nil)
    }
}
