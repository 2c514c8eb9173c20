import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// Random months of paid services: families subscribe and leave, prices change, money comes and is spent, teachers charge, and two
/// runners look at every hour, some of them cut off in the middle. Whatever the order, a child pays a period once, nobody pays for
/// what he is not subscribed to, and the books hold.
@Suite("Lives of paid services", .database(LedgerService.migrations)) struct ServiceLivesTests {
    let school = SchoolOfTests()
    private static let start = "2026-11-20"

    private struct CutOff: Error {}

    @Test("ID-35, AC-11, AC-13: each period of a child is charged exactly once, in whatever order things happen", arguments: UInt64(1)...12)
    func lives(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        let first = try #require(Day(Self.start))
        for child in school.children { try await school.topUp(child, Int64.random(in: 0...3_000, using: &dice)) }
        let services = [UUID.v7(), .v7(), .v7()]
        for (place, id) in services.enumerated() {
            let offer = OfferService(
                id: id, school: school.school, provider: "Школа № 7", title: "Услуга \(place)", about: "",
                terms: .init(rhythm: [.month, .month, .visit][place], from: first - 60, until: nil), price: .roubles(Int64.random(in: 100...900, using: &dice)),
                places: place == 1 ? 2 : nil, audience: .init(grades: [], classes: []), by: school.accountant)
            try await school.database.transaction { [now = school.now] in try offer.run(in: $0, at: now) }
        }
        var day = 0
        while day < 80 {
            let now = school.now + Double(day) * 86_400
            let seeds = (0..<6).map { _ in dice.next() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in seeds { group.addTask { try await act(seed, services, at: now) } }
                for _ in 1...2 { group.addTask { [school] in _ = try await ChargeSubscriptions.bringUpToDate(school.database, school.outbox, at: now) } }
                try await group.waitForAll()
            }
            // Once more when all is quiet: whoever is subscribed and has the money is charged.
            _ = try await ChargeSubscriptions.bringUpToDate(school.database, school.outbox, at: now)
            try await check(seed, at: now)
            day += Int.random(in: 1...12, using: &dice)
        }
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }

    private func act(_ seed: UInt64, _ services: [UUID], at now: Date) async throws {
        var dice = SeededGenerator(seed: seed)
        let child = school.children[Int.random(in: 0...2, using: &dice)]
        let service = services[Int.random(in: 0...2, using: &dice)]
        let (database, outbox, mother) = (school.database, school.outbox, school.mother)
        do {
            switch Int.random(in: 0...9, using: &dice) {
            case 0, 1, 2:
                let subscribe = SubscribeChild(id: dice.uuid(), service: service, child: child, agreed: nil, by: mother)
                // A form sent twice at the same moment; the first may be cut off.
                let cut = Int.random(in: 0...3, using: &dice) == 0
                async let other: Void = database.transaction { try subscribe.run(in: $0, outbox, at: now) }
                try? await database.transaction { tx in
                    try subscribe.run(in: tx, outbox, at: now)
                    if cut { throw CutOff() }
                }
                try await other
            case 3, 4:
                let running = try await database.read { try $0.subscriptions(.account(Account.id(of: child))).first { $0.endsOn == nil } }
                guard let running else { return }
                let end = EndSubscription(id: running.id, child: child, by: mother)
                _ = try await database.transaction { try end.run(in: $0, outbox, at: now) }
            case 5:
                let change = ChangePrice(service: service, school: school.school, price: .roubles(Int64.random(in: 100...900, using: &dice)), by: school.accountant)
                try await database.transaction { _ = try change.run(in: $0, at: now) }
            case 6: try await school.topUp(child, Int64.random(in: 1...1_500, using: &dice), at: now)
            case 7: try await school.decide([school.charge(child, Int64.random(in: 1...400, using: &dice), .collective, id: dice.uuid(), sale: dice.uuid())], at: now)
            default:
                let charge = ChargeClass(service: services[2], day: SchoolZone.moscow.day(of: now), children: school.children, by: school.accountant)
                _ = try await charge.run(database, outbox, at: now)
            }
        } catch is SubscriptionRefused {}
    }

    private func check(_ seed: UInt64, at now: Date) async throws {
        let today = SchoolZone.moscow.day(of: now)
        let wrong = try await school.database.read { tx in
            // A month that runs, subscribed to and affordable, is paid; and every paid one was subscribed to when it was paid.
            try tx.rows(
                """
                select 'unpaid ' || u.id from subscription u join paid_service s on s.id = u.service_id join meals_account m on m.id = u.account_id
                left join service_due d on d.service_id = s.id and d.account_id = m.id and d.state <> 'lapsed' and d.period = to_char(\(today), 'YYYY-MM')
                where u.ends_on is null and s.rhythm = 'month' and u.starts_on <= \(today)
                    and (d.id is null or d.state = 'due' and m.balance - m.held >= d.amount)
                union all
                select 'twice ' || d.period from service_due d where d.state = 'paid' group by d.service_id, d.account_id, d.period having count(*) > 1
                union all
                select 'not his ' || d.id from service_due d join subscription u on u.id = d.subscription_id
                where d.state = 'paid' and (u.account_id <> d.account_id or u.service_id <> d.service_id or d.first_on < u.starts_on)
                union all
                select 'price ' || d.id from service_due d join paid_service s on s.id = d.service_id
                where s.rhythm = 'month' and d.first_on = date_trunc('month', d.first_on)::date and d.amount <> (
                    select price from service_price p where p.service_id = s.id and p.starts_on <= d.first_on order by starts_on desc, number desc limit 1)
                union all
                select 'too many ' || s.id from paid_service s where s.places < (
                    select count(*) from subscription u where u.service_id = s.id and (u.ends_on is null or u.ends_on >= \(today)))
                """, as: String.self)
        }
        #expect(wrong.isEmpty, "seed \(seed), \(today.iso): \(wrong)")
        #expect(try await school.firstDifference() == nil, "seed \(seed), \(today.iso)")
    }
}
