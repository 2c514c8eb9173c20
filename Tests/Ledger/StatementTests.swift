import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// Which entries a period of a statement has, in random accounts.
@Suite("Periods of a statement", .database(LedgerService.migrations)) struct StatementTests {
    let school = SchoolOfTests()

    /// Top-ups of one account; gives when each was made, in their order.
    private func fill(_ count: Int, skew: ClosedRange<Double>, using dice: inout SeededGenerator) async throws -> [Date] {
        try await school.open()
        var now = school.now
        var times: [Date] = []
        for number in 0..<count {
            // Often several at one moment.
            if Int.random(in: 0...3, using: &dice) > 0 { now += Double(Int.random(in: 1...90_000, using: &dice)) }
            let at = now + Double.random(in: skew, using: &dice).rounded()
            try await school.topUp(school.masha, Int64(number + 1), at: at)
            times.append(at)
        }
        return times
    }

    /// Before, at and after each of the times, without an order.
    private func moments(around times: [Date]) -> [Date] {
        [school.now - 1, school.now] + times.flatMap { [$0 - 0.001, $0, $0 + 0.001] } + [school.now + 1e9]
    }

    @Test("AC-05: the search finds the entry that a walk through all of them finds", arguments: UInt64(1)...6)
    func searchAgreesWithWalk(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let times = try await fill(Int(seed - 1) * Int.random(in: 1...9, using: &dice), skew: 0...0, using: &dice)
        let moments = moments(around: times)
        let account = Account.id(of: school.masha)
        let found = try await school.database.read { tx in try tx.lastEntries(of: account, before: moments).map { $0?.position } }
        let walked = try await school.database.read { tx in
            try moments.map {
                try tx.first(
                    """
                    select e.position from leg e join movement t on t.id = e.movement_id
                    where e.account_id = \(account) and e.position is not null and t.made_at < \($0) order by e.position desc limit 1
                    """, as: Int64.self)
            }
        }
        #expect(found == walked, "seed \(seed)")
    }

    @Test("AC-05: where clocks differ, periods still follow one another and each entry is in one of them", arguments: UInt64(1)...4)
    func periodsFollowOneAnother(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let times = try await fill(25, skew: -100_000...100_000, using: &dice)
        let boundaries = ([Date.distantPast] + moments(around: times)).sorted()
        let account = Account.id(of: school.masha)
        let periods = try await school.database.read { tx in
            try zip(boundaries, boundaries.dropFirst()).map { try tx.statement(of: account, from: $0, until: $1) }
        }
        var sum = Money.zero
        for period in periods {
            #expect(period.opening == sum, "seed \(seed)")
            for line in period.lines { sum += line.amount }
        }
        let lines = periods.flatMap(\.lines)
        #expect(lines.count == times.count && Set(lines.map(\.id)).count == times.count, "seed \(seed)")
    }
}
