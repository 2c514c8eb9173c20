import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import RabbitMQ
import Service
import Support
import Synchronization
import Testing

@testable import Ledger

/// Who sells, and hears what became of it: the other end of Ledger's commands, with an outbox and a memory of its own.
private struct Seller: Sendable {
    let database: Database
    let outbox = Outbox(service: "canteen")
    let broker: BrokerConfiguration
    private let logger = Logger(label: "storm")

    static let memory = Migrations(
        "storm",
        files: [
            (
                "001-answers",
                """
                create table asked (charge_id uuid primary key, child uuid not null, amount bigint not null, withdrawn boolean not null);
                create table answer (charge_id uuid not null, ending text not null, child uuid not null, amount bigint not null,
                    primary key (charge_id, ending));
                create table set_aside (allowance_id uuid primary key, version bigint not null, state text not null);
                """
            )
        ])

    init(_ site: StormSite) async throws {
        broker = site.broker
        let maker = Database(DatabaseConfiguration(conninfo: site.conninfo, poolSize: 1), logger: logger)
        _ = try await maker.transaction { try $0.execute("create schema canteen") }
        await maker.close()
        database = Database(DatabaseConfiguration(conninfo: site.conninfo, poolSize: 4, schema: "canteen"), logger: logger)
        try await Migrations.apply([.messaging, Self.memory], to: database)
        let channel = BrokerChannel(broker)
        try await channel.declare(try Topology.shared.merging(Self.answers.topology))
        await channel.close()
    }

    /// Every answer, with what it moved on the child's account.
    private static let answers = Hearing(
        queue: "storm.answers", batch: 100,
        [
            .batch(ChargeAccepted.self) { heard, tx, _ in
                try note(heard.map { ($0.event.chargeID, "accepted", $0.event.personID, -$0.event.amount) }, in: tx)
            },
            .batch(ChargeDeclined.self) { heard, tx, _ in
                try note(heard.map { ($0.event.chargeID, "declined \($0.event.reason.rawValue)", $0.event.personID, .zero) }, in: tx)
            },
            .batch(ChargeWithdrawn.self) { heard, tx, _ in
                try note(
                    heard.map { ($0.event.chargeID, $0.event.wasPosted ? "reversed" : "withdrawn", $0.event.personID, $0.event.wasPosted ? $0.event.amount : .zero) },
                    in: tx)
            },
            .batch(ServiceCharged.self) { heard, tx, _ in
                try note(heard.map { ($0.event.dueID, "service", $0.event.personID, -$0.event.amount) }, in: tx)
            },
            .batch(AllowanceChanged.self) { heard, tx, _ in
                try tx.execute(
                    """
                    insert into set_aside (allowance_id, version, state)
                    select distinct on (id) id, version, state
                    from unnest(\(heard.map(\.event.allowanceID)), \(heard.map(\.event.version)), \(heard.map(\.event.state.rawValue)))
                        as heard(id, version, state)
                    order by id, version desc
                    on conflict (allowance_id) do update set version = excluded.version, state = excluded.state
                    where excluded.version > set_aside.version
                    """)
            },
        ])

    private static func note(_ answers: [(UUID, String, UUID, Money)], in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            insert into answer (charge_id, ending, child, amount)
            select distinct * from unnest(\(answers.map(\.0)), \(answers.map(\.1)), \(answers.map(\.2)), \(answers.map(\.3)))
            on conflict do nothing
            """)
    }

    /// Carries the commands off and hears the answers, until it is cancelled.
    func run() async {
        let relay = Relay(outbox, database: database.configuration, broker: broker, logger: logger)
        let loop = HearingLoop(Self.answers, outbox: outbox, database: database, broker: broker, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await relay.run() }
            group.addTask { try? await loop.run() }
        }
    }

    /// Says commands; whether or not the database lived through it, they are said again until it did.
    func say(_ charges: [Charge], withdrawing: [Charge]) async throws {
        try await insist { [outbox] tx in
            try tx.execute(
                """
                insert into asked (charge_id, child, amount, withdrawn)
                select * from unnest(\(charges.map(\.chargeID)), \(charges.map(\.personID)), \(charges.map(\.amount)), \(charges.map { _ in false }))
                on conflict do nothing
                """)
            try tx.execute("update asked set withdrawn = true where charge_id = any(\(withdrawing.map(\.chargeID)))")
            try outbox.publish(charges, in: tx)
            try outbox.publish(
                withdrawing.map {
                    WithdrawCharge(chargeID: $0.chargeID, saleID: $0.saleID, attempt: $0.attempt, personID: $0.personID, reason: "no answer within 1 s")
                }, in: tx)
        }
    }

    func insist<T: Sendable>(_ body: @escaping @Sendable (borrowing Transaction) throws -> T) async throws -> T {
        try await Self.insist(on: database, body)
    }

    /// Once more and once more, until the database is there and has done it.
    static func insist<T: Sendable>(on database: Database, _ body: @escaping @Sendable (borrowing Transaction) throws -> T) async throws -> T {
        try await persistently(within: StormSite.patience) { try await database.transaction { try body($0) } }
    }

    func count(_ sql: SQL) async throws -> Int { try await insist { try $0.first(sql, as: Int.self) ?? 0 } }
}

/// What was acknowledged to those who asked over HTTP.
private final class Promised: Sendable {
    struct Sums {
        var moved: [UUID: Money] = [:]
        var limits: [UUID: Money?] = [:]
        var subscribed: Set<UUID> = []
        var refunds = 0
        var transfers = 0
        /// Whether everything has fallen on them.
        var isOver = false
    }
    private let kept = Mutex(Sums())
    var sums: Sums { kept.withLock { $0 } }
    func note(_ change: (inout Sums) -> Void) { kept.withLock { change(&$0) } }
}

/// Two copies of the real program, thousands of commands from many sides, and everything is killed at some time: the books are
/// right afterwards, every command has one end, nothing was charged twice and nothing is lost.
///
/// Nothing here depends on how fast anything is: everybody asks until he is answered, and what falls on them falls when so much
/// has been answered.
@Suite("Storm", .serialized) struct StormTests {
    private static let sellers = 3
    private static let batches = 40
    private static let perBatch = 18

    @Test("BY-01, BY-02, BY-04, AC-07, AC-09, AC-12, ID-35: kill -9 of copies, broker and database in the middle of everything loses and doubles nothing")
    func storm() async throws {
        let site = try await StormSite()
        do {
            try await rage(site)
        } catch {
            await site.end()
            throw error
        }
        await site.end()
    }

    private func rage(_ site: StormSite) async throws {
        let seller = try await Seller(site)
        let promised = Promised()
        for copy in 0...1 { try site.start(copy) }
        let selling = Task { await seller.run() }
        defer { selling.cancel() }
        for (place, child) in site.children.enumerated() { try await topUp(site, promised, child, 400, "first-\(place)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.sellers { group.addTask { try await sell(site, seller, UInt64(number + 1)) } }
            for number in 0..<site.families.count { group.addTask { try await live(site, seller, promised, number) } }
            group.addTask {
                defer { promised.note { $0.isOver = true } }
                try await rageAgainst(site, seller)
            }
            group.addTask { try await setAside(site, promised) }
            try await group.waitForAll()
        }
        try await eventually(within: StormSite.patience, "every command is answered") {
            try await seller.count(
                """
                select count(*) from asked q where not exists (select from answer a where a.charge_id = q.charge_id)
                    or q.withdrawn and not exists (select from answer a where a.charge_id = q.charge_id and a.ending <> 'accepted')
                """) == 0
        }
        try await releaseAll(site)
        try await eventually(within: StormSite.patience, "nothing waits to be said") {
            try await Seller.insist(on: site.ledger) { tx in (try tx.first("select count(*) from outbox", as: Int.self) ?? 0) == 0 }
        }
        try await eventually(within: StormSite.patience, "everything said is heard") {
            let kept = try await Seller.insist(on: site.ledger) { try $0.first("select coalesce(sum(version), 0)::bigint from allowance", as: Int.self) }
            return try await seller.count("select coalesce(sum(version), 0)::bigint from set_aside") == kept
        }
        for copy in 0...1 where !site.isRunning(copy) { Issue.record("copy \(copy) ended by itself: \(site.log(copy).suffix(2_000))") }
        for copy in 0...1 { try await eventually(within: StormSite.patience, "copy \(copy) serves") { await site.isServing(copy) } }
        let ends = try await site.stop()
        #expect(ends == [.exited(0), .exited(0)], "both leave in peace: \((0...1).map { site.log($0).suffix(4_000) })")
        #expect(try await site.verify().hasPrefix("The books are right"))
        try await compare(site, seller, promised)
        try await compareAllowances(site, seller)
    }

    /// The books against what was answered and acknowledged.
    private func compare(_ site: StormSite, _ seller: Seller, _ promised: Promised) async throws {
        let ends = try await seller.insist {
            try $0.rows("select string_agg(split_part(ending, ' ', 1), ' + ' order by ending) from answer group by charge_id", as: String.self)
        }
        #expect(Set(ends).isSubset(of: ["accepted", "declined", "withdrawn", "accepted + reversed", "service"]), "\(Set(ends))")
        #expect(Set(ends).isSuperset(of: ["accepted", "declined", "withdrawn", "service"]), "\(Set(ends))")
        let answered = try await seller.insist { try $0.rows("select child, sum(amount)::bigint from answer group by child", as: UUID.self, Money.self) }
        let moved = Dictionary(answered.map { ($0.0, $0.1) }, uniquingKeysWith: { $1 })
        let sums = promised.sums
        for child in site.children {
            let account = try #require(try await Seller.insist(on: site.ledger) { try $0.account(of: child, at: Date()) })
            #expect(account.balance == (moved[child] ?? .zero) + (sums.moved[child] ?? .zero), "child \(child.text)")
            #expect(account.dailyLimit == (sums.limits[child] ?? nil), "child \(child.text)")
            #expect(account.balance >= .zero && account.held == .zero)
        }
        let twice = try await Seller.insist(on: site.ledger) { tx in
            try tx.first(
                """
                select (select count(*) from (select from charge where state = 'posted' group by sale_id, person_id having count(*) > 1) s)
                    + (select count(*) from (select from service_due where state = 'paid' group by service_id, account_id, period having count(*) > 1) d)
                """, as: Int.self)
        }
        #expect(twice == 0)
        let paid = try await Seller.insist(on: site.ledger) {
            try $0.first("select count(distinct (service_id, account_id)) from service_due where state = 'paid'", as: Int.self)
        }
        #expect(paid == sums.subscribed.count)
        #expect(sums.refunds > 0 && sums.transfers > 0)
    }

    /// What was set aside was used by one purchase or given back, and whoever listens knows which.
    private func compareAllowances(_ site: StormSite, _ seller: Seller) async throws {
        let kept = try await Seller.insist(on: site.ledger) { tx in
            try tx.rows("select a.id, a.state, (select count(*) from charge c where c.allowance_id = a.id) from allowance a", as: UUID.self, String.self, Int.self)
        }
        #expect(kept.allSatisfy { $0.1 == "used" && $0.2 == 1 || $0.1 == "released" && $0.2 == 0 })
        #expect(Set(kept.map(\.1)) == ["used", "released"])
        let heard = try await seller.insist { try $0.rows("select allowance_id, state from set_aside", as: UUID.self, String.self) }
        #expect(Dictionary(heard.map { ($0.0, $0.1) }, uniquingKeysWith: { $1 }) == Dictionary(kept.map { ($0.0, $0.1) }, uniquingKeysWith: { $1 }))
    }

    // MARK: - Who asks

    /// Sells, says it twice at times, gives up at times, and at times comes too late.
    private func sell(_ site: StormSite, _ seller: Seller, _ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed &* 1_000_003)
        var sold: [Charge] = []
        for _ in 0..<Self.batches {
            var charges: [Charge] = []
            for _ in 0..<Self.perBatch {
                if let again = sold.randomElement(using: &dice), Int.random(in: 0...9, using: &dice) == 0 {
                    charges.append(again)
                    continue
                }
                let isLate = Int.random(in: 0...14, using: &dice) == 0
                charges.append(
                    Charge(
                        chargeID: UUID.v7(), saleID: UUID.v7(), attempt: 1, personID: site.children[Int.random(in: 0..<site.children.count, using: &dice)],
                        amount: Money(kopecks: Int64.random(in: 100...4_000, using: &dice)), kind: Bool.random(using: &dice) ? .personal : .collective,
                        what: "Обед № 2", soldAt: Date(), expiresAt: isLate ? Date(timeIntervalSinceNow: -1) : nil))
            }
            sold += charges
            let givenUp = (0..<3).compactMap { _ in sold.randomElement(using: &dice) }
            // One that Ledger hears of by its withdrawal alone, or by it first.
            try await seller.say(charges, withdrawing: Array(Set(givenUp.map(\.chargeID))).compactMap { id in givenUp.first { $0.chargeID == id } })
        }
    }

    private func topUp(_ site: StormSite, _ promised: Promised, _ child: UUID, _ roubles: Int64, _ receipt: String) async throws {
        let status = try await site.post(
            "/ledger/children/\(child.text)/top-ups", ["id": UUID.v7().text, "amount": "\(roubles)", "receipt": receipt], by: site.accountant)
        #expect(status == 303)
        promised.note { $0.moved[child, default: .zero] += .roubles(roubles) }
    }

    /// A family tops up, moves money, sets limits, subscribes, and asks for refunds that the tutor confirms.
    private func live(_ site: StormSite, _ seller: Seller, _ promised: Promised, _ number: Int) async throws {
        var dice = SeededGenerator(seed: UInt64(number + 100) &* 1_000_003)
        let family = site.families[number]
        for step in 0..<16 {
            let place = Int.random(in: 0...2, using: &dice)
            let child = family.children[place]
            let path = "/ledger/children/\(child.text)"
            switch step % 5 {
            case 0: try await topUp(site, promised, child, Int64.random(in: 20...200, using: &dice), "f\(number)-\(step)")
            case 1:
                let other = family.children[(place + 1) % 3]
                let roubles = Int64.random(in: 1...60, using: &dice)
                let status = try await site.post("\(path)/transfers", ["id": UUID.v7().text, "to": other.text, "amount": "\(roubles)"], by: family.guardian)
                #expect([303, 422].contains(status))
                guard status == 303 else { continue }
                promised.note {
                    $0.transfers += 1
                    $0.moved[child, default: .zero] -= .roubles(roubles)
                    $0.moved[other, default: .zero] += .roubles(roubles)
                }
            case 2:
                let limit = Bool.random(using: &dice) ? Int64.random(in: 50...400, using: &dice) : nil
                #expect(try await site.post("\(path)/limit", ["limit": limit.map { "\($0)" } ?? ""], by: family.guardian) == 303)
                promised.note { $0.limits[child] = limit.map { Money.roubles($0) } }
            case 3:
                let status = try await site.post(
                    "\(path)/services/\(site.club.text)/subscription", ["id": UUID.v7().text], by: family.guardian)
                #expect([303, 422].contains(status))
                if status == 303 { promised.note { $0.subscribed.insert(child) } }
            default: try await refund(site, seller, promised, child, family.guardian, &dice)
            }
        }
    }

    private func refund(
        _ site: StormSite, _ seller: Seller, _ promised: Promised, _ child: UUID, _ guardian: UUID, _ dice: inout SeededGenerator
    ) async throws {
        let known = try await seller.insist {
            try $0.first(
                "select charge_id, -amount from answer a where ending = 'accepted' and child = \(child) order by charge_id limit 1", as: UUID.self, Money.self)
        }
        guard let (charge, amount) = known else { return }
        let (id, part) = (UUID.v7(), Money(kopecks: Int64.random(in: 1...amount.kopecks, using: &dice)))
        let path = "/ledger/children/\(child.text)"
        let asked = try await site.post("\(path)/charges/\(charge.text)/refund", ["id": id.text, "amount": part.typed, "reason": "Ошибка"], by: guardian)
        #expect([303, 404, 422].contains(asked))
        guard asked == 303 else { return }
        let confirmed = try await site.post("\(path)/refunds/\(id.text)/confirmation", [:], by: site.tutor)
        #expect([303, 404, 422].contains(confirmed))
        guard confirmed == 303 else { return }
        promised.note {
            $0.refunds += 1
            $0.moved[child, default: .zero] += part
        }
    }

    // MARK: - What is set aside

    /// The price of a lunch is set aside for today and for days that are over, and what of it was not eaten expires, again and
    /// again, until everything has fallen on them.
    private func setAside(_ site: StormSite, _ promised: Promised) async throws {
        try await site.command("grant-allowances", "--amount", "35")
        let today = SchoolZone.moscow.day(of: Date())
        var round = 0
        repeat {
            round += 1
            let grant = GrantAllowances(schoolID: site.school, day: today + (-round), amount: Money(kopecks: Int64(1_000 + round % 7 * 500)))
            _ = try await Seller.insist(on: site.ledger) { try grant.run(in: $0, Outbox(service: "ledger")) }
            try await site.command("release-allowances")
        } while !promised.sums.isOver
    }

    /// Also of today.
    private func releaseAll(_ site: StormSite) async throws {
        let release = ReleaseAllowances(schoolID: site.school, before: SchoolZone.moscow.day(of: Date()) + 1)
        _ = try await Seller.insist(on: site.ledger) { try release.run(in: $0, Outbox(service: "ledger")) }
    }

    // MARK: - What falls on them

    /// Everything is killed once while there is work, in an order in which each meets the others at work.
    private func rageAgainst(_ site: StormSite, _ seller: Seller) async throws {
        func answers(_ count: Int) async throws {
            try await eventually(within: StormSite.patience, "\(count) answers") { try await seller.count("select count(*) from answer") >= count }
        }
        try await answers(150)
        site.kill(0)
        try await answers(300)
        try site.start(0)
        try await site.restart("postgres")
        try await answers(600)
        site.kill(1)
        try await site.restart("rabbitmq")
        try site.start(1)
        try await answers(1_000)
        site.kill(0)
        site.kill(1)
        for copy in 0...1 { try site.start(copy) }
        try await answers(1_400)
        site.kill(1)
        try site.start(1)
    }
}
