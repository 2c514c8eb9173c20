import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Schedule of a subsidy") struct SubsidyScheduleTests {
    private func day(_ iso: String) -> Day { Day(iso) ?? Day(daysSince1970: 0) }

    private func due(_ rhythm: SubsidyRhythm, _ from: String, _ until: String, after: String, today: String, calendar: [Day: Bool] = [:]) -> [String] {
        SubsidySchedule(rhythm: rhythm, startsOn: day(from), until: day(until))
            .due(after: day(after), today: day(today), calendar: calendar).map(\.iso)
    }

    @Test("AC-08: a school day brings money, a weekend and a holiday bring none, a working Saturday does")
    func schoolDays() {
        // 20 November 2026 is a Friday.
        #expect(
            due(.schoolDay, "2026-11-01", "2026-12-31", after: "2026-11-18", today: "2026-11-24") == [
                "2026-11-19", "2026-11-20", "2026-11-23", "2026-11-24",
            ])
        #expect(
            due(
                .schoolDay, "2026-11-01", "2026-12-31", after: "2026-11-18", today: "2026-11-22",
                calendar: [day("2026-11-20"): false, day("2026-11-21"): true]) == ["2026-11-19", "2026-11-21"])
    }

    @Test("AC-08: once a month on its first day and on the day of the beginning, and once is once")
    func months() {
        #expect(due(.month, "2026-09-10", "2026-12-31", after: "2026-09-09", today: "2026-11-20") == ["2026-09-10", "2026-10-01", "2026-11-01"])
        #expect(due(.once, "2026-09-10", "2026-12-31", after: "2026-09-09", today: "2026-11-20") == ["2026-09-10"])
        #expect(due(.once, "2026-09-10", "2026-12-31", after: "2026-09-10", today: "2026-11-20") == [])
    }

    @Test("AC-08: never ahead of its day, never after its term, and asked in pieces the same days once", arguments: UInt64(1)...100)
    func pieces(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let start = day("2026-09-01") + Int.random(in: 0...20, using: &dice)
        let until = start + Int.random(in: 0...120, using: &dice)
        let rhythm = try #require(SubsidyRhythm.allCases.randomElement(using: &dice))
        let schedule = SubsidySchedule(rhythm: rhythm, startsOn: start, until: until)
        let last = start + Int.random(in: 0...150, using: &dice)
        let whole = schedule.due(after: start - 1, today: last, calendar: [:])
        #expect(whole.allSatisfy { $0 >= start && $0 <= min(until, last) })
        var pieces: [Day] = []
        var through = start - 1
        while through < last {
            let today = min(last, through + Int.random(in: 1...15, using: &dice))
            pieces += schedule.due(after: through, today: today, calendar: [:])
            through = today
        }
        #expect(pieces == whole)
    }
}

@Suite("Subsidies", .database(LedgerService.migrations)) struct SubsidyTests {
    let school = SchoolOfTests()

    @discardableResult
    private func grant(
        _ child: UUID, _ roubles: Int64, _ rhythm: SubsidyRhythm = .schoolDay, until: Int = 30, purpose: SubsidyPurpose = .collective,
        certificate: String = UUID().uuidString, id: UUID = .v7(), at: Date? = nil
    ) async throws -> UUID {
        let today = SchoolZone.moscow.day(of: at ?? school.now)
        let grant = GrantSubsidy(
            id: id, child: child, title: "Питание многодетных", certificate: certificate, issuer: "УСЗН", validFrom: today - 10,
            validUntil: today + until, purpose: purpose, amount: .roubles(roubles), rhythm: rhythm, by: school.accountant)
        try await school.database.transaction { [now = school.now] in try grant.run(in: $0, at: at ?? now) }
        return id
    }

    private func balance(_ subsidy: UUID) async throws -> Money? {
        try await school.database.read { try $0.first("select balance from subsidy where id = \(subsidy)", as: Money.self) }
    }

    private func bringUpToDate(days: Int) async throws -> Int {
        try await AccrueSubsidies.bringUpToDate(school.database, at: school.now + Double(days) * 86_400)
    }

    @Test("AC-08: a subsidy is spent before own money, the one that ends first goes first, and own money pays the rest")
    func spendingOrder() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let later = try await grant(school.masha, 100, until: 30)
        let sooner = try await grant(school.masha, 30, until: 5)
        let outcome = try #require(try await school.decide([school.charge(school.masha, 150, .collective)]).first ?? nil)
        #expect(outcome.answer == .ended(.posted, nil))
        #expect(outcome.account?.balance == .roubles(480))
        #expect(try await balance(sooner) == .zero)
        #expect(try await balance(later) == .zero)
        #expect(try await school.firstDifference() == nil)
        try await school.withdraw([school.charge(school.masha, 150, .collective)])
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-11: a lunch wholly paid by a subsidy needs no own money, and leaves no line of nothing")
    func whollyPaid() async throws {
        try await school.open()
        let id = try await grant(school.masha, 128)
        let lunch = school.charge(school.masha, 128, .collective)
        #expect(try await school.decide([lunch]).first??.answer == .ended(.posted, nil))
        #expect(try await school.account(school.masha)?.balance == .zero)
        let second = try #require(try await school.decide([school.charge(school.masha, 128, .collective)]).first ?? nil)
        #expect(second.answer == .ended(.declined, .notEnoughMoney))
        #expect(second.available == .zero)
        let statement = try await school.database.read { [school] in
            try $0.statement(of: Account.id(of: school.masha), from: school.now - 86_400, until: school.now + 86_400)
        }
        #expect(statement.lines.map(\.amount) == [.roubles(128), .zero])
        try await school.withdraw([lunch])
        #expect(try await balance(id) == .roubles(128))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-08: a subsidy for meals with the class pays for nothing else; one for anything does; the limit counts the whole purchase")
    func purpose() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        try await school.topUp(school.egor, 100)
        try await school.limit(school.egor, 80)
        let forClass = try await grant(school.masha, 128)
        let forAll = try await grant(school.egor, 128, purpose: .any)
        let answers = try await school.decide([school.charge(school.masha, 60), school.charge(school.egor, 60), school.charge(school.egor, 30)])
        #expect(answers.map { $0?.answer } == [.ended(.posted, nil), .ended(.posted, nil), .ended(.declined, .dailyLimit)])
        #expect(try await school.account(school.masha)?.balance == .roubles(40))
        #expect(try await school.account(school.egor)?.balance == .roubles(100))
        #expect(try await balance(forClass) == .roubles(128))
        #expect(try await balance(forAll) == .roubles(68))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-08: each day counts once, however often and by how many the job looks; what is left goes back when the term ends")
    func accruesOnceAndExpires() async throws {
        try await school.open()
        // Friday; school days after it: 23 to 26 November.
        let id = try await grant(school.masha, 100, until: 6)
        #expect(try await balance(id) == .roubles(100))
        let changed = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 1...4 { group.addTask { try await bringUpToDate(days: 4) } }
            return try await group.reduce(0, +)
        }
        #expect(changed == 1)
        #expect(try await balance(id) == .roubles(300))
        #expect(try await bringUpToDate(days: 4) == 0)
        #expect(try await bringUpToDate(days: 6) == 1)
        #expect(try await balance(id) == .roubles(500))
        #expect(try await bringUpToDate(days: 7) == 1)
        #expect(try await bringUpToDate(days: 8) == 0)
        #expect(try await balance(id) == .zero)
        let municipality = OrganisationAccount.municipality.id(of: school.school)
        let kept = try await school.database.read {
            try $0.first("select coalesce(sum(amount), 0)::bigint from entry where account_id = \(municipality)", as: Money.self)
        }
        #expect(kept == .zero)
        #expect(try await school.decide([school.charge(school.masha, 1, .collective)], at: school.now + 7 * 86_400).first??.state == .declined)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-12, AC-08: a refund gives own money back first, then the subsidy's, also to one that has ended, and that goes on to the municipality")
    func refundsInReverse() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let id = try await grant(school.masha, 100, .once, until: 0)
        let lunch = school.charge(school.masha, 150, .collective)
        try await school.decide([lunch])
        #expect(try await school.account(school.masha)?.balance == .roubles(50))
        try await refund(lunch, 70)
        #expect(try await school.account(school.masha)?.balance == .roubles(100))
        #expect(try await balance(id) == .roubles(20))
        #expect(try await bringUpToDate(days: 1) == 1)
        #expect(try await balance(id) == .zero)
        try await refund(lunch, 80)
        #expect(try await balance(id) == .roubles(80))
        #expect(try await school.decide([school.charge(school.masha, 101, .collective)], at: school.now + 86_400).first??.state == .declined)
        #expect(try await bringUpToDate(days: 1) == 1)
        #expect(try await balance(id) == .zero)
        #expect(try await school.firstDifference() == nil)
    }

    private func refund(_ charge: Charge, _ roubles: Int64) async throws {
        let id = UUID.v7()
        let ask = AskRefund(id: id, chargeID: charge.chargeID, child: charge.personID, amount: .roubles(roubles), reason: "Ошибка", by: school.mother)
        let decide = DecideRefund(id: id, child: charge.personID, refusal: nil, by: school.accountant)
        try await school.database.transaction { [school] tx in
            try ask.run(in: tx, at: school.now)
            try decide.run(in: tx, school.outbox, at: school.now)
        }
    }

    @Test("AC-08: a certificate is entered once for a child; ended before its term, nothing is spent and the rest goes back")
    func enteredOnce() async throws {
        try await school.open()
        let id = UUID.v7()
        for _ in 1...2 { try await grant(school.masha, 100, certificate: "17", id: id) }
        await #expect(throws: SubsidyRefused.certificateKnown) { try await grant(school.masha, 100, certificate: "17") }
        await #expect(throws: SubsidyRefused.repeatedWithOtherContents) { try await grant(school.masha, 101, certificate: "17", id: id) }
        await #expect(throws: SubsidyRefused.notAnAmount) { try await grant(school.masha, 0) }
        await #expect(throws: SubsidyRefused.noAccount) { try await grant(.v7(), 1) }
        try await grant(school.egor, 100, certificate: "17")
        let end = EndSubsidy(id: id, school: school.school, by: school.accountant)
        for _ in 1...2 { try await school.database.transaction { [now = school.now] in try end.run(in: $0, at: now) } }
        #expect(try await balance(id) == .zero)
        #expect(try await school.decide([school.charge(school.masha, 1, .collective)]).first??.state == .declined)
        #expect(try await bringUpToDate(days: 3) == 1)
        let elsewhere = EndSubsidy(id: id, school: .v7(), by: school.accountant)
        await #expect(throws: SubsidyRefused.noSubsidy) {
            try await school.database.transaction { [now = school.now] in try elsewhere.run(in: $0, at: now) }
        }
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-08: a list enters what is new, leaves what is known, and says which lines are bad")
    func list() async throws {
        try await school.open()
        let table = CSVTable(
            """
            account,title,certificate,issuer,valid_from,valid_until,pays_for,amount,every
            0270000001,Питание многодетных,17/1,УСЗН,2026-11-01,2027-05-31,collective,128,schoolDay
            I44F2EUE2,Питание многодетных,17/2,УСЗН,2026-11-01,2027-05-31,collective,"128,50",month
            0270000009,Питание,17/3,УСЗН,2026-11-01,2027-05-31,collective,128,schoolDay
            0270000003,Питание,17/4,УСЗН,2026-12-01,2026-11-01,collective,128,schoolDay
            0270000003,Питание,17/5,УСЗН,2026-11-01,2026-12-01,collective,много,schoolDay
            """)
        let first = try await ImportSubsidies(table).run(school.database, at: school.now)
        #expect(first.entered == 2 && first.known == 0 && first.bad.count == 3)
        let again = try await ImportSubsidies(table).run(school.database, at: school.now)
        #expect(again.entered == 0 && again.known == 2)
        let count = try await school.database.transaction { [school] in
            try $0.remember(calendar: CSVTable("date,works_as,name\n2026-11-23,holiday,День школы\n2026-11-28,fri,Суббота за пятницу"), of: school.school)
        }
        #expect(count == 2)
        #expect(try await bringUpToDate(days: 3) == 0)
        #expect(try await school.firstDifference() == nil)
    }
}
