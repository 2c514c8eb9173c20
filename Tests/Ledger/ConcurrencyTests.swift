import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("At once", .database(LedgerService.migrations)) struct ConcurrencyTests {
    let school = SchoolOfTests()

    @Test("BY-05: a limit change races with sales: after it not one goes through, and none before it is taken back")
    func limitRacesWithSales() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        let outcomes = try await withThrowingTaskGroup(of: [ChargeOutcome?].self) { group in
            for sale in 1...40 {
                group.addTask { [school] in
                    if sale == 20 { try await school.limit(school.masha, 0) }
                    return try await school.decide([school.charge(school.masha, 1)])
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.compactMap(\.self)
        }
        let changedAt = try #require(
            try await school.database.read { try $0.first("select version from limit_change", as: Int64.self) })
        let posted = outcomes.filter { $0.state == .posted }
        #expect(posted.allSatisfy { ($0.account?.version ?? .max) < changedAt })
        #expect(outcomes.filter { $0.state == .declined }.allSatisfy { $0.reason == .dailyLimit })
        #expect(try await school.account(school.masha)?.balance == .roubles(1000 - Int64(posted.count)))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: the same command at several copies at once is charged once, and each copy says the same")
    func copiesAgree() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        let charges = (1...10).map { _ in school.charge(school.masha, 10) }
        let answers = try await withThrowingTaskGroup(of: [NaiveBooks.Answer?].self) { group in
            for copy in 1...6 {
                group.addTask { [school] in
                    try await school.decide(copy.isMultiple(of: 2) ? charges : charges.reversed()).map { $0?.answer }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(answers.count == 60)
        #expect(answers.allSatisfy { $0 == .ended(.posted, nil) })
        #expect(try await school.account(school.masha)?.balance == .roubles(900))
    }

    @Test("BY-01: a charge and its withdrawal at once end the attempt once and leave no money moved")
    func chargeMeetsItsWithdrawal() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        let charges = (1...30).map { _ in school.charge(school.masha, 10) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for charge in charges {
                group.addTask { [school] in try await school.decide([charge]) }
                group.addTask { [school] in try await school.withdraw([charge]) }
            }
            try await group.waitForAll()
        }
        let states = try await school.database.read {
            try $0.rows("select state from charge where state <> 'transfer'", as: String.self)
        }
        #expect(states.count == 30)
        #expect(states.allSatisfy { $0 == "withdrawn" || $0 == "reversed" })
        #expect(try await school.account(school.masha)?.balance == .roubles(1000))
        #expect(try await school.firstDifference() == nil)
    }

    @Test(
        "BY-01, BY-02, AC-07, AC-11: from several connections at once no sum is lost, doubled or out of bounds",
        arguments: UInt64(1)...4)
    func manyAtOnce(_ seed: UInt64) async throws {
        try await school.open()
        for child in school.children {
            try await school.topUp(child, 300)
            try await school.limit(child, 120)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for connection in UInt64(1)...6 {
                group.addTask { [school] in
                    var dice = SeededGenerator(seed: seed &* 100 &+ connection)
                    var asked: [Charge] = []
                    for step in 1...40 {
                        switch Int.random(in: 0...9, using: &dice) {
                        case 0:
                            let child = school.children[Int.random(in: 0...2, using: &dice)]
                            try await school.topUp(child, 20, receipt: "\(connection)-\(step)")
                        case 1: try await school.limit(school.children[Int.random(in: 0...2, using: &dice)], 120)
                        case 2, 3:
                            if let before = asked.randomElement(using: &dice) { try await school.withdraw([before]) }
                        default:
                            // Every connection names the same sales, so that they meet.
                            let batch = (0...5).map { _ in
                                let number = UInt64.random(in: 1...80, using: &dice)
                                var naming = SeededGenerator(seed: number)
                                return school.charge(
                                    school.children[Int(number % 3)], Int64(number % 40 + 1),
                                    number.isMultiple(of: 2) ? .personal : .collective, id: naming.uuid(), sale: naming.uuid())
                            }
                            asked += batch
                            let outcomes = try await school.decide(batch)
                            #expect(outcomes.allSatisfy { $0?.verdict == .new || $0?.verdict == .repeat })
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
        let lowest = try await school.database.read {
            try $0.first("select min(balance), max(spent) from meals_account", as: Money.self, Money.self)
        }
        let (balance, spent) = try #require(lowest)
        #expect(balance >= .zero, "seed \(seed)")
        #expect(spent <= .roubles(120), "seed \(seed)")
        let doubled = try await school.database.read {
            try $0.rows(
                "select sale_id from charge where state = 'posted' group by sale_id having count(*) > 1", as: UUID.self)
        }
        #expect(doubled.isEmpty, "seed \(seed)")
    }
}
