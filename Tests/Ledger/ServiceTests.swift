import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// What paid services do to the books. The school's now is a Friday, 20 November 2026.
@Suite("Paid services", .database(LedgerService.migrations)) struct ServiceTests {
    let school = SchoolOfTests()
    let teacher = UUID.v7()

    private func day(_ iso: String) throws -> Day { try #require(Day(iso)) }
    private func noon(_ iso: String) throws -> Date { SchoolZone.moscow.date(try day(iso), try #require(TimeOfDay("12:00"))) }

    private func offer(
        _ rhythm: ServiceRhythm, _ roubles: Int64, from: String = "2026-09-01", until: String? = nil, places: Int? = nil, id: UUID = .v7(),
        provider: String = "Школа № 7"
    ) async throws -> UUID {
        let offer = OfferService(
            id: id, school: school.school, provider: provider, title: "Робототехника", about: "", terms: .init(rhythm: rhythm, from: try day(from), until: try until.map(day)),
            price: .roubles(roubles), places: places, audience: .init(grades: [], classes: []), by: school.accountant)
        try await school.database.transaction { [now = school.now] in try offer.run(in: $0, at: now) }
        return id
    }

    @discardableResult
    private func subscribe(_ child: UUID, _ service: UUID, id: UUID = .v7(), agreed: Money? = nil, at: Date? = nil) async throws -> UUID {
        let subscribe = SubscribeChild(id: id, service: service, child: child, agreed: agreed, by: school.mother)
        try await school.database.transaction { [school] in try subscribe.run(in: $0, school.outbox, at: at ?? school.now) }
        return id
    }

    private func leave(_ child: UUID, _ subscription: UUID, at: Date? = nil) async throws {
        let end = EndSubscription(id: subscription, child: child, by: school.mother)
        _ = try await school.database.transaction { [school] in try end.run(in: $0, school.outbox, at: at ?? school.now) }
    }

    private func look(_ iso: String) async throws -> Int {
        try await ChargeSubscriptions.bringUpToDate(school.database, school.outbox, at: noon(iso))
    }

    private func balance(_ child: UUID) async throws -> Money? { try await school.account(child)?.balance }

    private func dues(_ child: UUID) async throws -> [String] {
        try await school.database.read {
            try $0.rows(
                "select period || ' ' || state || ' ' || amount / 100 from service_due where account_id = \(Account.id(of: child)) order by made_at, period",
                as: String.self)
        }
    }

    @Test("ID-35, AC-11: subscribing takes the share of the month at once, each month is charged once, leaving keeps what is paid")
    func months() async throws {
        try await school.open()
        try await school.topUp(school.masha, 10_000)
        let club = try await offer(.month, 3_000)
        let subscription = try await subscribe(school.masha, club, agreed: .roubles(1_100))
        #expect(try await balance(school.masha) == .roubles(8_900))
        // The form sent twice.
        try await subscribe(school.masha, club, id: subscription, agreed: .roubles(1_100))
        #expect(try await look("2026-11-30") == 0)
        #expect(try await look("2026-12-01") == 1)
        #expect(try await look("2026-12-01") == 0)
        #expect(try await balance(school.masha) == .roubles(5_900))
        try await leave(school.masha, subscription, at: noon("2026-12-10"))
        #expect(try await look("2027-01-01") == 0)
        #expect(try await dues(school.masha) == ["2026-11 paid 1100", "2026-12 paid 3000"])
        #expect(try await school.firstDifference() == nil)
        let said = try await school.said()
        #expect(said.filter { $0 == ServiceCharged.name }.count == 2 && said.filter { $0 == SubscriptionChanged.name }.count == 2)
    }

    @Test("ID-35: who leaves and comes back within what he has paid pays nothing for it again")
    func comesBack() async throws {
        try await school.open()
        try await school.topUp(school.masha, 5_000)
        let club = try await offer(.month, 3_000)
        let first = try await subscribe(school.masha, club)
        try await leave(school.masha, first)
        try await subscribe(school.masha, club, at: noon("2026-11-25"))
        #expect(try await dues(school.masha) == ["2026-11 paid 1100"])
        #expect(try await look("2026-12-01") == 1)
        #expect(try await balance(school.masha) == .roubles(900))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-11: without the money there is no subscription and no debt; a sum other than the one said is not taken")
    func noMoney() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_000)
        let club = try await offer(.month, 3_000)
        await #expect(throws: SubscriptionRefused.notEnough(.roubles(1_100), .roubles(1_000))) { try await subscribe(school.masha, club) }
        await #expect(throws: SubscriptionRefused.priceChanged(.roubles(1_100))) {
            try await subscribe(school.masha, club, agreed: .roubles(1_000))
        }
        await #expect(throws: SubscriptionRefused.noService) { try await subscribe(school.masha, .v7()) }
        await #expect(throws: SubscriptionRefused.noAccount) { try await subscribe(.v7(), club) }
        #expect(try await dues(school.masha).isEmpty)
        #expect(try await balance(school.masha) == .roubles(1_000))
    }

    @Test("AC-11, BY-05: a month that cannot be paid is refused once and visibly, paid when the money comes, and lapses at its end")
    func refusedAndPaidLater() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_100)
        try await school.topUp(school.egor, 1_100)
        let club = try await offer(.month, 3_000)
        try await subscribe(school.masha, club)
        try await subscribe(school.egor, club)
        for _ in 1...3 { _ = try await look("2026-12-01") }
        let refusals = try await school.database.read {
            try $0.first("select count(*) from charge where state = 'declined' and purchase = 'service'", as: Int.self)
        }
        #expect(refusals == 2)
        #expect(try await school.said().filter { $0 == ServiceDeclined.name }.count == 2)
        try await school.topUp(school.masha, 3_000, at: noon("2026-12-05"))
        #expect(try await look("2026-12-05") == 1)
        #expect(try await dues(school.masha) == ["2026-11 paid 1100", "2026-12 paid 3000"])
        // December of the other was not paid: nothing is owed for it, also when money comes in January.
        try await school.topUp(school.egor, 3_500, at: noon("2027-01-01"))
        _ = try await look("2027-01-01")
        #expect(try await dues(school.egor) == ["2026-11 paid 1100", "2026-12 lapsed 3000", "2027-01 paid 3000"])
        #expect(try await balance(school.egor) == .roubles(500))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("ID-35: a new price counts from the next month on, for those who are subscribed too")
    func price() async throws {
        try await school.open()
        try await school.topUp(school.masha, 10_000)
        let club = try await offer(.month, 3_000)
        try await subscribe(school.masha, club)
        let change = ChangePrice(service: club, school: school.school, price: .roubles(3_300), by: school.accountant)
        let from = try await school.database.transaction { [now = school.now] in try change.run(in: $0, at: now) }
        #expect(try from == day("2026-12-01"))
        #expect(try await look("2026-11-28") == 0)
        #expect(try await look("2026-12-01") == 1)
        #expect(try await dues(school.masha) == ["2026-11 paid 1100", "2026-12 paid 3300"])
        let elsewhere = ChangePrice(service: club, school: .v7(), price: .roubles(1), by: school.accountant)
        await #expect(throws: ServiceRefused.noService) {
            try await school.database.transaction { [now = school.now] in _ = try elsewhere.run(in: $0, at: now) }
        }
    }

    @Test("ID-35: the last place is given once, however many ask at the same moment")
    func places() async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 1_000) }
        let trip = try await offer(.once, 500, until: "2026-12-10", places: 1)
        let taken = await withTaskGroup(of: Bool.self) { group in
            for child in school.children { group.addTask { (try? await subscribe(child, trip)) != nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
        let paid = try await school.database.read { try $0.first("select count(*) from service_due where state = 'paid'", as: Int.self) }
        #expect(paid == 1)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("ID-35: what is paid once cannot be left or bought again; the daily limit and subsidies have no part in it (AC-07, AC-08)")
    func once() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_000)
        try await school.limit(school.masha, 10)
        let grant = GrantSubsidy(
            id: .v7(), child: school.masha, title: "Питание", certificate: "1", issuer: "УСЗН", validFrom: school.today - 1, validUntil: school.today + 30,
            purpose: .any, amount: .roubles(100), rhythm: .once, by: school.accountant)
        try await school.database.transaction { [now = school.now] in try grant.run(in: $0, at: now) }
        let trip = try await offer(.once, 500, until: "2026-12-10")
        let subscription = try await subscribe(school.masha, trip)
        #expect(try await school.account(school.masha)?.spentToday == .zero)
        #expect(try await balance(school.masha) == .roubles(500))
        await #expect(throws: SubscriptionRefused.paidForGood) { try await leave(school.masha, subscription) }
        await #expect(throws: SubscriptionRefused.subscribedAlready) { try await subscribe(school.masha, trip) }
        #expect(try await look("2026-12-11") >= 1)
        #expect(try await dues(school.masha) == ["once paid 500"])
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-13, D-02: a teacher charges a class, each child by himself; sent twice it counts once, and who has money later is charged later")
    func classIsCharged() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_000)
        try await school.topUp(school.egor, 100)
        let english = try await offer(.visit, 300)
        try await subscribe(school.masha, english)
        try await subscribe(school.egor, english)
        let charge = ChargeClass(service: english, day: school.today, children: school.children + school.children, by: teacher)
        var outcomes = try await charge.run(school.database, school.outbox, at: school.now)
        #expect(outcomes == [school.masha: .paid, school.egor: .noMoney, school.timur: .notSubscribed])
        try await school.topUp(school.egor, 500)
        // The schedule leaves visits to the teacher.
        #expect(try await look("2026-11-20") == 0)
        outcomes = try await charge.run(school.database, school.outbox, at: school.now)
        #expect(outcomes == [school.masha: .paidBefore, school.egor: .paid, school.timur: .notSubscribed])
        #expect(try await balance(school.masha) == .roubles(700))
        #expect(try await balance(school.egor) == .roubles(300))
        #expect(try await balance(school.timur) == .zero)
        let tomorrow = ChargeClass(service: english, day: school.today + 1, children: [school.masha], by: teacher)
        await #expect(throws: ServiceRefused.dayOutOfReach) { _ = try await tomorrow.run(school.database, school.outbox, at: school.now) }
        #expect(try await school.said().filter { $0 == ServiceDeclined.name }.count == 1)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-12: a charge for a service goes back by the way of a refund, from whoever provided it, and the settlement says so (SC-08, AC-14)")
    func refundAndSettlement() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_000)
        let trip = try await offer(.once, 500, until: "2026-12-10", provider: "ООО «Экскурсии»")
        try await subscribe(school.masha, trip)
        let paid = try await school.database.read { try $0.first("select charge_id from service_due where state = 'paid'", as: UUID.self) }
        let charge = try #require(paid)
        let refund = UUID.v7()
        let ask = AskRefund(id: refund, chargeID: charge, child: school.masha, amount: .roubles(200), reason: "Заболела", by: school.accountant)
        let decide = DecideRefund(id: refund, child: school.masha, refusal: nil, by: teacher)
        try await school.database.transaction { [school] tx in
            try ask.run(in: tx, at: school.now)
            try decide.run(in: tx, school.outbox, at: school.now)
        }
        #expect(try await balance(school.masha) == .roubles(700))
        #expect(try await school.said().contains(ServiceRefunded.name))
        let settlement = try await school.database.read { [school] in
            try $0.settlement(of: school.school, from: school.now - 86_400, until: school.now + 86_400)
        }
        #expect(settlement.dueToSupplier == .zero)
        #expect(settlement.dueToProviders.map(\.name) == ["ООО «Экскурсии»"] && settlement.dueToProviders.map(\.amount) == [.roubles(300)])
        #expect(settlement.came == .roubles(1_000) && settlement.went == .zero && settlement.closing == .roubles(700) && settlement.moved == .zero)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("ID-35: a closed service ends with what is paid; a pupil who has left is charged no more")
    func ends() async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 10_000) }
        let (club, other) = (try await offer(.month, 3_000), try await offer(.month, 300))
        try await subscribe(school.masha, club)
        try await subscribe(school.egor, other)
        try await CloseService(service: club, school: school.school, by: school.accountant).run(school.database, school.outbox, at: school.now)
        await #expect(throws: SubscriptionRefused.noService) { try await subscribe(school.timur, club) }
        let gone = school.pupil(school.egor, number: 2, version: 2, ended: true)
        try await school.database.transaction { [school] in
            try WhenPupilAppears(pupil: gone, version: 2).react(in: $0, school.outbox, at: school.now)
        }
        _ = try await look("2026-12-01")
        #expect(try await dues(school.masha) == ["2026-11 paid 1100"])
        #expect(try await dues(school.egor) == ["2026-11 paid 110"])
        let open = try await school.database.read { try $0.first("select count(*) from subscription where ends_on is null", as: Int.self) }
        #expect(open == 0)
    }

    @Test("BY-02: what is owed is never changed or deleted, and paid twice by nobody: the database itself refuses")
    func database() async throws {
        try await school.open()
        try await school.topUp(school.masha, 1_000)
        let trip = try await offer(.once, 500)
        try await subscribe(school.masha, trip)
        for statement in [
            "update service_due set amount = 1", "update service_due set state = 'due', charge_id = null, ended_at = null", "delete from service_due",
            "delete from subscription", "update service_price set price = 1", "delete from paid_service",
            "insert into service_due select gen_random_uuid(), subscription_id, service_id, account_id, period, first_on, last_on, amount, what, 'due', 0, null, made_at, null from service_due",
        ] {
            await #expect(throws: PostgresError.self, "\(statement)") {
                try await school.database.transaction { _ = try $0.execute("\(unescaped: statement)") }
            }
        }
    }
}
