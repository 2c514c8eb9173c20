import Events
import Foundation
import Kernel
import Service
import Support
import Testing

@testable import Ledger
@testable import Postgres

/// The schema as it was: numbered files up to 022 and what they made of the functions. Accounts know their school (024) already, for
/// the program that opens and reads them here is today's.
private let before = LedgerService.migrations.map { series in
    series.name == "ledger"
        ? Migrations(
            series.name,
            files: series.files.filter { $0.number < 23 || $0.number == 24 }.map { ($0.name, $0.text) },
            functions: series.functions.filter { $0.name == "follow_school" }.map { ($0.name, $0.text) })
        : series
}

/// Books that were kept before charges were one row go on with the others.
@Suite("Books of before", .database(before)) struct UpgradeTests {
    let school = SchoolOfTests()

    @Test("BY-02, AC-05, AC-12: charges of before are read, refunded, taken back and counted beside new ones", arguments: UInt64(1)...4)
    func booksGoOn(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        for child in school.children {
            try await school.database.transaction { [school] tx in
                guard let account = try tx.lockedAccount(.child(child), at: school.now) else { return }
                try tx.post(
                    TopUp(id: .v7(), amount: .roubles(1000), method: .terminal), to: account, school.outbox, at: school.now)
            }
        }
        var balances = Dictionary(uniqueKeysWithValues: school.children.map { ($0, Money.roubles(1000)) })
        /// Charges and how much of each is still paid.
        var paid: [(charge: Charge, left: Money)] = []
        func buy(_ many: Int, at now: Date) async throws {
            let charges = (0..<many).map { _ in
                school.charge(
                    school.children.randomElement(using: &dice) ?? school.masha, Int64.random(in: 1...60, using: &dice),
                    dice.chance(50) ? .personal : .collective)
            }
            for (charge, outcome) in zip(charges, try await school.decide(charges, at: now)) where outcome?.state == .posted {
                balances[charge.personID, default: .zero] -= charge.amount
                paid.append((charge, charge.amount))
            }
        }
        func takeBack(at now: Date) async throws {
            let (charge, left) = paid.remove(at: dice.below(paid.count))
            #expect(try await school.withdraw([charge], at: now).first??.state == .reversed)
            balances[charge.personID, default: .zero] += left
        }
        for _ in 1...4 { try await buy(2 + dice.below(5), at: school.now) }
        try await takeBack(at: school.now)
        let old = paid.count

        try await Migrations.apply(LedgerService.migrations, to: school.database)
        #expect(try await school.firstDifference() == nil)
        let later = school.now.addingTimeInterval(60)
        for step in 1...30 {
            switch dice.below(4) {
            case 0 where paid.count > 3: try await takeBack(at: later)
            case 1 where paid.count > 3:
                let at = dice.below(paid.count)
                let (charge, left) = paid[at]
                let part = Money(kopecks: Int64.random(in: 1...left.kopecks, using: &dice))
                let ask = AskRefund(id: .v7(), chargeID: charge.chargeID, child: charge.personID, amount: part, reason: "Ошибка",
                    by: school.mother)
                let decide = DecideRefund(id: ask.id, child: charge.personID, refusal: nil, by: school.accountant)
                try await school.database.transaction { [school] tx in
                    try ask.run(in: tx, at: later)
                    try decide.run(in: tx, school.outbox, at: later)
                }
                balances[charge.personID, default: .zero] += part
                if part == left { paid.remove(at: at) } else { paid[at].left = left - part }
            default: try await buy(1 + dice.below(3), at: later)
            }
            #expect(try await school.firstDifference() == nil, "seed \(seed), step \(step)")
        }
        #expect(old > 5)
        for child in school.children {
            #expect(try await school.account(child)?.balance == balances[child], "seed \(seed)")
            let statement = try await school.database.read { [school] tx in
                try tx.statement(of: Account.id(of: child), from: .distantPast, until: school.now.addingTimeInterval(600))
            }
            #expect(statement.closing == balances[child])
            #expect(statement.lines.reduce(Money.zero) { $0 + ($1.balance == nil ? .zero : $1.amount) } == balances[child])
        }
        // What the supplier had before was counted already.
        let supplier = OrganisationAccount.supplier.id(of: school.school)
        let earned = try await school.database.rows("select sum(amount)::bigint from leg where account_id = \(supplier)", as: Money.self)
        #expect(earned.first == paid.reduce(Money.zero) { $0 + $1.left })
    }
}

/// The schema before accounts knew their school.
private let beforeSchools = LedgerService.migrations.map { series in
    series.name == "ledger" ? Migrations(series.name, files: series.files.filter { $0.number < 24 }.map { ($0.name, $0.text) }) : series
}

/// Accounts that were opened before they knew their school learn of it.
@Suite("Accounts of before", .database(beforeSchools)) struct AccountUpgradeTests {
    let school = SchoolOfTests()

    @Test("D-01, SC-01: every account gets the supplier and the zone of its own school, and goes on") func learn() async throws {
        let zones = [(school.school, SchoolZone.moscow), (UUID.v7(), try #require(SchoolZone("Asia/Yekaterinburg")))]
        try await school.database.transaction { [school] tx in
            for (id, zone) in zones { try tx.openBooks(of: id, version: 1, zone: zone, at: school.now) }
            for (number, child) in school.children.enumerated() {
                let (id, of) = (Account.id(of: child), zones[number % 2].0)
                try tx.execute(
                    "insert into account (id, kind, school_id, person_id, opened_at) values (\(id), 'meals', \(of), \(child), \(school.now))")
                try tx.execute(
                    """
                    insert into meals_account (id, person_id, school_id, number, pupil_code, pupil_version, is_open, version)
                    values (\(id), \(child), \(of), \("027000000\(number)"), \("I44F2EUE\(number)"), 1, true, 1)
                    """)
            }
        }
        try await Migrations.apply(LedgerService.migrations, to: school.database)
        let learnt = try await school.database.rows(
            "select school_id, supplier_id, time_zone from meals_account", as: UUID.self, UUID.self, String.self)
        #expect(learnt.count == school.children.count)
        for (id, supplier, zone) in learnt {
            #expect(supplier == OrganisationAccount.supplier.id(of: id) && zone == zones.first { $0.0 == id }?.1.identifier)
        }
        for child in school.children {
            try await school.topUp(child, 10)
            #expect(try await school.decide([school.charge(child, 3)]).first??.state == .posted)
        }
        #expect(try await school.firstDifference() == nil)
    }
}
