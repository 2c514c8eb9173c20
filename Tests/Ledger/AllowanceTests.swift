import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Allowances", .database(LedgerService.migrations)) struct AllowanceTests {
    let school = SchoolOfTests()

    private func grant(_ roubles: Int64) async throws -> Int {
        let grant = GrantAllowances(schoolID: school.school, day: school.today, amount: .roubles(roubles))
        return try await school.database.transaction { [school] in try grant.run(in: $0, school.outbox) }
    }

    private func allowance(_ child: UUID) async throws -> AllowanceChanged? {
        try await school.database.read {
            try $0.allowances(
                $0.rows("select id from allowance where account_id = \(Account.id(of: child))", as: UUID.self)
            ).first
        }
    }

    @Test("BY-01: a lunch is set aside once a day for every child who can pay it within balance and limit")
    func grantedWithinBalanceAndLimit() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        try await school.topUp(school.egor, 200)
        try await school.limit(school.egor, 100)
        try await school.topUp(school.timur, 100)
        #expect(try await grant(128) == 1)
        #expect(try await grant(128) == 0)
        #expect(try await school.account(school.masha)?.held == .roubles(128))
        #expect(try await allowance(school.masha)?.state == .granted)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a lunch bought online uses the allowance up; a bun leaves it; what is held cannot be spent twice")
    func onlineChargeUsesItFirst() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        _ = try await grant(128)
        try await school.decide([school.charge(school.masha, 40)])
        #expect(try await school.account(school.masha)?.held == .roubles(128))
        let lunch = try await school.decide([school.charge(school.masha, 128, .collective)])
        #expect(lunch.first??.answer == .ended(.posted, nil))
        #expect(lunch.first??.usedAllowance != nil)
        #expect(try await school.account(school.masha)?.held == .zero)
        #expect(try await allowance(school.masha)?.state == .used)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: what a till holds is not spent online, and settling it can never fail")
    func lentAllowanceIsKept() async throws {
        try await school.open()
        try await school.topUp(school.masha, 128)
        _ = try await grant(128)
        try await school.database.execute("update allowance set state = 'lent', till_id = \(school.accountant)")
        #expect(try await school.decide([school.charge(school.masha, 10)]).first??.answer == .ended(.declined, .notEnoughMoney))
        let id = try #require(try await allowance(school.masha)?.allowanceID)
        let settled = try await school.decide([school.charge(school.masha, 128, .collective, offline: school.today, allowance: id)])
        #expect(settled.first??.answer == .ended(.posted, nil))
        #expect(settled.first??.usedAllowance == id)
        #expect(try await school.account(school.masha)?.balance == .zero)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: what was not eaten is given back when the day is over; settled later all the same, it is a debt")
    func releasedAfterTheDay() async throws {
        try await school.open()
        try await school.topUp(school.masha, 128)
        _ = try await grant(128)
        let id = try #require(try await allowance(school.masha)?.allowanceID)
        let release = ReleaseAllowances(schoolID: school.school, before: school.today + 1)
        let count = try await school.database.transaction { [school] in try release.run(in: $0, school.outbox) }
        #expect(count == 1)
        #expect(try await school.account(school.masha)?.held == .zero)
        try await school.decide([school.charge(school.masha, 128)])
        let late = try await school.decide([school.charge(school.masha, 128, offline: school.today, allowance: id)])
        #expect(late.first??.answer == .ended(.posted, nil))
        #expect(late.first??.usedAllowance == nil)
        #expect(try await school.account(school.masha)?.balance == .roubles(-128))
        #expect(try await school.firstDifference() == nil)
    }
}
