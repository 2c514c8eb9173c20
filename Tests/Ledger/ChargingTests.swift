import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Charging", .database(LedgerService.migrations)) struct ChargingTests {
    let school = SchoolOfTests()

    @Test("AC-10: a meal is paid from the child's account, and the supplier has the money")
    func mealIsPaid() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let outcome = try #require(try await school.decide([school.charge(school.masha, 128)]).first ?? nil)
        #expect(outcome.answer == .ended(.posted, nil))
        #expect(outcome.account?.balance == .roubles(372))
        #expect(outcome.account?.spentToday == .roubles(128))
        #expect(outcome.day == school.today)
        let supplier = OrganisationAccount.supplier.id(of: school.school)
        let received = try await school.database.read {
            try $0.first("select sum(amount)::bigint from leg where account_id = \(supplier)", as: Money.self)
        }
        #expect(received == .roubles(128))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-11: no money, no meal")
    func noMoneyNoMeal() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let outcome = try #require(try await school.decide([school.charge(school.masha, 128)]).first ?? nil)
        #expect(outcome.answer == .ended(.declined, .notEnoughMoney))
        #expect(outcome.available == .roubles(100))
        #expect(try await school.account(school.masha)?.balance == .roubles(100))
    }

    @Test("D-02: of a class, those who can pay are charged, the others are named, nobody waits for anybody")
    func classIsChargedChildByChild() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        try await school.topUp(school.timur, 50)
        let charges = school.children.map { school.charge($0, 128, .collective) }
        let answers = try await school.decide(charges).map { $0?.answer }
        #expect(
            answers == [
                .ended(.posted, nil), .ended(.declined, .notEnoughMoney), .ended(.declined, .notEnoughMoney),
            ])
    }

    @Test("AC-07: the limit stops a personal purchase; D-01: a collective one neither fills it nor is stopped by it")
    func limitCountsPersonalOnly() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        try await school.limit(school.masha, 150)
        let answers = try await school.decide([
            school.charge(school.masha, 128, .collective),
            school.charge(school.masha, 100, .personal),
            school.charge(school.masha, 60, .personal),
            school.charge(school.masha, 50, .personal),
            school.charge(school.masha, 128, .collective),
        ])
        #expect(
            answers.map { $0?.answer } == [
                .ended(.posted, nil), .ended(.posted, nil), .ended(.declined, .dailyLimit), .ended(.posted, nil),
                .ended(.posted, nil),
            ])
        #expect(answers[2]?.limitLeft == .roubles(50))
    }

    @Test("D-01: the limit begins anew at midnight of the school, not of Greenwich")
    func limitIsPerBusinessDay() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        try await school.limit(school.masha, 100)
        // 23:30 and 00:30 in Moscow are one day in Greenwich.
        let evening = SchoolZone.moscow.start(of: school.today + 1).addingTimeInterval(-1800)
        let night = evening.addingTimeInterval(3600)
        let first = try await school.decide([school.charge(school.masha, 100)], at: evening)
        let full = try await school.decide([school.charge(school.masha, 1)], at: evening)
        let next = try await school.decide([school.charge(school.masha, 100)], at: night)
        #expect(first.first??.answer == .ended(.posted, nil))
        #expect(full.first??.answer == .ended(.declined, .dailyLimit))
        #expect(next.first??.answer == .ended(.posted, nil))
        #expect(next.first??.day == school.today + 1)
    }

    @Test("D-01: a reversal on the same day gives the limit back")
    func reversalGivesLimitBack() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1000)
        try await school.limit(school.masha, 100)
        let charge = school.charge(school.masha, 100)
        try await school.decide([charge])
        let withdrawn = try await school.withdraw([charge])
        #expect(withdrawn.first??.answer == .ended(.reversed, nil))
        #expect(withdrawn.first??.account?.spentToday == .zero)
        #expect(try await school.decide([school.charge(school.masha, 100)]).first??.answer == .ended(.posted, nil))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a repeated command is charged once and answered as the first time")
    func repeatIsChargedOnce() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let charge = school.charge(school.masha, 128)
        let answers = try await school.decide([charge, charge]) + school.decide([charge])
        #expect(answers.map { $0?.verdict } == [.new, .repeat, .repeat])
        #expect(answers.allSatisfy { $0?.answer == .ended(.posted, nil) })
        #expect(try await school.account(school.masha)?.balance == .roubles(372))
    }

    @Test("BY-01: a repeat with another sum is refused", arguments: [1, 2])
    func repeatWithOtherContentsIsRefused(_ way: Int) async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let charge = school.charge(school.masha, 128)
        let other =
            way == 1
            ? school.charge(school.masha, 129, id: charge.chargeID, sale: charge.saleID)
            : school.charge(school.egor, 128, id: charge.chargeID, sale: charge.saleID)
        try await school.decide([charge])
        #expect(try await school.decide([other]).first??.answer == .differs)
        #expect(try await school.account(school.masha)?.balance == .roubles(372))
    }

    @Test("BY-01: an attempt that was given up before it was seen can never be posted any more")
    func tombstoneHolds() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let charge = school.charge(school.masha, 128)
        #expect(try await school.withdraw([charge, charge]).map { $0?.answer } == [.ended(.withdrawn, nil), .ended(.withdrawn, nil)])
        #expect(try await school.decide([charge]).first??.answer == .ended(.withdrawn, nil))
        #expect(try await school.account(school.masha)?.balance == .roubles(500))
    }

    @Test("A command past its time to live is answered «too late», and its attempt is closed")
    func lateCommandClosesTheAttempt() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let late = school.charge(school.masha, 128, expires: school.now.addingTimeInterval(-0.001))
        #expect(try await school.decide([late]).first??.answer == .ended(.declined, .tooLate))
        #expect(try await school.withdraw([late]).first??.answer == .ended(.declined, .tooLate))
        #expect(try await school.decide([late]).first??.answer == .ended(.declined, .tooLate))
    }

    @Test("BY-01: a sale's next attempt waits until the paid one is given back")
    func oneAttemptOfASaleIsPaid() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let first = school.charge(school.masha, 128)
        let second = school.charge(school.masha, 128, sale: first.saleID, attempt: 2)
        #expect(try await school.decide([first, second]).map { $0?.answer } == [.ended(.posted, nil), .early])
        try await school.withdraw([first])
        #expect(try await school.decide([second]).first??.answer == .ended(.posted, nil))
        #expect(try await school.account(school.masha)?.balance == .roubles(372))
    }

    @Test("BY-01: what was eaten without a connection is settled as a visible debt, on the till's day but never ahead")
    func offlineSaleIsSettled() async throws {
        try await school.open()
        try await school.limit(school.masha, 0)
        let yesterday = school.charge(school.masha, 128, offline: school.today - 1)
        let tomorrow = school.charge(school.masha, 50, offline: school.today + 1)
        let answers = try await school.decide([yesterday, tomorrow])
        #expect(answers.map { $0?.answer } == [.ended(.posted, nil), .ended(.posted, nil)])
        #expect(answers.map { $0?.day } == [school.today - 1, school.today])
        #expect(try await school.account(school.masha)?.balance == .roubles(-178))
        #expect(try await school.decide([school.charge(school.masha, 1, .collective)]).first??.answer == .ended(.declined, .notEnoughMoney))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-01: a child without an account is declined by name of the reason, and so is a closed account")
    func noAccountAndClosed() async throws {
        try await school.open()
        try await school.topUp(school.timur, 500)
        let gone = school.pupil(school.timur, number: 3, version: 2, ended: true)
        try await school.database.transaction { [school] in
            try WhenPupilAppears(pupil: gone, version: gone.version).react(in: $0, school.outbox, at: school.now)
        }
        let answers = try await school.decide([school.charge(.v7(), 10), school.charge(school.timur, 10)])
        #expect(answers.map { $0?.answer } == [.ended(.declined, .noAccount), .ended(.declined, .accountClosed)])
        #expect(try await school.account(school.timur)?.balance == .roubles(500))
    }
}
