import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// A charge by itself goes a shorter way than many (`PostCharge.swift`), to the same end.
@Suite("One charge", .database(LedgerService.migrations)) struct OneChargeTests {
    let school = SchoolOfTests()

    @Test("AC-07, AC-08, AC-10, AC-11, BY-01: a charge by itself is decided, written and answered as among many", arguments: UInt64(1)...8)
    func asAmongMany(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        for child in school.children {
            try await school.topUp(child, Int64.random(in: 100...900, using: &dice))
            if Bool.random(using: &dice) { try await school.limit(child, Int64.random(in: 0...300, using: &dice)) }
        }
        // One has money held back for a lunch; a subsidy pays for another.
        let lunch = GrantAllowances(schoolID: school.school, day: school.today, amount: .roubles(Int64.random(in: 90...200, using: &dice)))
        if seed % 2 == 0 { _ = try await school.database.transaction { [school] in try lunch.run(in: $0, school.outbox) } }
        if seed % 3 == 0 {
            let subsidy = GrantSubsidy(
                id: .v7(), child: school.egor, title: "Питание многодетных", certificate: "17", issuer: "УСЗН", validFrom: school.today,
                validUntil: school.today + 20, purpose: .any, amount: .roubles(150), rhythm: .once, by: school.accountant)
            try await school.database.transaction { [now = school.now] in try subsidy.run(in: $0, at: now) }
        }
        let allowances = try await school.database.rows("select id from allowance", as: UUID.self)

        var asked: [Charge] = []
        var ends: [String: Int] = [:]
        for step in 0..<60 {
            let now = school.now.addingTimeInterval(Double(step) * 4000)
            let known = asked.randomElement(using: &dice)
            let isRepeat = Int.random(in: 0...5, using: &dice) == 0
            let charge = school.charge(
                Int.random(in: 0...30, using: &dice) == 0 ? UUID.v7() : school.children.randomElement(using: &dice) ?? school.masha,
                Int64.random(in: 1...150, using: &dice), Bool.random(using: &dice) ? .personal : .collective,
                id: isRepeat ? known?.chargeID ?? .v7() : .v7(),
                sale: Int.random(in: 0...4, using: &dice) == 0 ? known?.saleID ?? .v7() : .v7(),
                expires: Int.random(in: 0...9, using: &dice) == 0 ? now.addingTimeInterval(-1) : nil,
                offline: Int.random(in: 0...9, using: &dice) == 0 ? school.today.adding(days: Int.random(in: -2...4, using: &dice)) : nil,
                allowance: Int.random(in: 0...9, using: &dice) == 0 ? allowances.randomElement(using: &dice) : nil,
                till: step % 2 == 0 ? school.till : nil)
            let command = isRepeat && Bool.random(using: &dice) ? known ?? charge : charge
            asked.append(command)
            let (many, one) = try await school.database.transaction { tx in
                try tx.execute("savepoint before")
                // Named twice it is a batch; the first is decided, the second is a repeat.
                let many = (try tx.decide([command, command], at: now)[0], try Self.written(by: command, in: tx))
                try tx.execute("rollback to savepoint before")
                return (many, (try tx.decide([command], at: now)[0], try Self.written(by: command, in: tx)))
            }
            #expect(one.0 == many.0, "seed \(seed), step \(step)")
            #expect(one.1 == many.1, "seed \(seed), step \(step)")
            ends[one.0.map { "\($0.verdict) \($0.state.map { "\($0)" } ?? "")" } ?? "none", default: 0] += 1
        }
        #expect(ends["new posted", default: 0] > 5 && ends.count > 3, "the history has little in it: \(ends)")
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-10, BY-01: the shorter way posts what is plain, and does nothing at all with what is not") func onlyPlain() async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 100) }
        try await school.limit(school.egor, 5)
        try await school.database.execute("update meals_account set held = 100, version = version + 1 where person_id = \(school.timur)")
        // Of a pupil who left.
        let closed = UUID.v7()
        for pupil in [school.pupil(closed, number: 9), school.pupil(closed, number: 9, version: 2, ended: true)] {
            try await school.database.transaction { [school] tx in
                try WhenPupilAppears(pupil: pupil, version: pupil.version).react(in: tx, school.outbox, at: school.now)
            }
        }
        let posted = school.charge(school.masha, 10)
        let others = [
            school.charge(school.masha, 1000), school.charge(.v7(), 1), school.charge(school.egor, 6, .personal),
            school.charge(school.timur, 1), school.charge(school.masha, 1, expires: school.now.addingTimeInterval(-1)),
            school.charge(closed, 1), school.charge(closed, 1, offline: school.today),
        ]
        for (charge, isPlain) in [(posted, true)] + others.map({ ($0, false) }) {
            let answered = try await school.database.transaction { [school] tx in
                try tx.execute(.posting(charge, at: school.now)) == 1
            }
            #expect(answered == isPlain, "\(charge)")
        }
        for (known, constraint) in [
            (posted, "charge_pkey"), (school.charge(school.masha, 1, sale: posted.saleID, attempt: 2), "charge_sale_paid_once"),
        ] {
            let refusal = await #expect(throws: PostgresError.self) {
                try await school.database.execute(SQL.posting(known, at: school.now))
            }
            #expect(refusal?.constraint == constraint && refusal?.isDuplicate == true)
        }
        #expect(try await school.database.rows("select id from charge where state <> 'transfer'", as: UUID.self) == [posted.chargeID])
        // Held by hand, for no allowance.
        try await school.database.execute("update meals_account set held = 0 where person_id = \(school.timur)")
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a sale's next attempt by itself waits until the paid one is given back, and nothing is done until then")
    func nextAttemptWaits() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let first = school.charge(school.masha, 10)
        let second = school.charge(school.masha, 10, sale: first.saleID, attempt: 2)
        try await school.decide([first])
        for _ in 1...2 { #expect(try await school.decide([second]).first??.verdict == .early) }
        // The same attempt again hears its end, though its sale is paid.
        #expect(try await school.decide([first]).first??.verdict == .repeat)
        #expect(try await school.database.rows("select id from charge where state <> 'transfer'", as: UUID.self) == [first.chargeID])
        try await school.withdraw([first])
        #expect(try await school.decide([second]).first??.verdict == .new)
        #expect(try await school.account(school.masha)?.balance == .roubles(90))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a command that comes by itself at several copies at once is charged once, and each copy says the same", arguments: UInt64(1)...4)
    func copiesAgree(_ seed: UInt64) async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 1000) }
        var dice = SeededGenerator(seed: seed)
        // Two attempts of each sale: whichever is paid, the other waits.
        let asked = (0..<10).flatMap { number -> [Charge] in
            let first = school.charge(school.children[number % 3], 10, number % 2 == 0 ? .personal : .collective, id: dice.uuid(), sale: dice.uuid())
            return [first, school.charge(first.personID, 10, first.kind, id: dice.uuid(), sale: first.saleID, attempt: 2)]
        }
        let orders = (1...6).map { _ in asked.shuffled(using: &dice) }
        let ends = try await withThrowingTaskGroup(of: [UUID: ChargeOutcome].self) { group in
            for order in orders {
                group.addTask { [school] in
                    var ends: [UUID: ChargeOutcome] = [:]
                    for charge in order { ends[charge.chargeID] = try await school.decide([charge])[0] }
                    return ends
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for sale in 0..<10 {
            let verdicts = asked[sale * 2...sale * 2 + 1].map { attempt in ends.compactMap { $0[attempt.chargeID]?.verdict } }
            let paid = verdicts[0].contains(.new) ? 0 : 1
            #expect(verdicts[paid].count { $0 == .new } == 1 && verdicts[paid].count { $0 == .repeat } == 5, "\(verdicts)")
            #expect(verdicts[1 - paid].count { $0 == .early } == 6, "\(verdicts)")
        }
        for child in school.children {
            let paid = asked.count { $0.personID == child } / 2
            #expect(try await school.account(child)?.balance == .roubles(1000 - 10 * Int64(paid)))
        }
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: a copy of before asks the function that it knows, and hears the same") func copyOfBefore() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let charge = school.charge(school.masha, 10)
        for outcome in ["new", "repeat"] {
            let heard = try await school.database.rows(
                """
                select outcome, state, balance from decide_charge(
                    \(charge.chargeID), \(charge.saleID), 1, \(charge.personID), \(charge.amount), \(charge.kind.rawValue), \(charge.what),
                    null, null, \(charge.soldAt), null, null, null, \(school.now))
                """, as: String.self, String.self, Money.self)
            #expect(heard.count == 1)
            #expect(heard.first.map { $0.0 == outcome && $0.1 == "posted" && $0.2 == .roubles(90) } == true, "\(heard)")
        }
    }

    /// Everything that a charge leaves in the books.
    private static func written(by charge: Charge, in transaction: borrowing Transaction) throws -> [String?] {
        let id = charge.chargeID
        let rows = try transaction.rows(
            """
            select (select (to_jsonb(k) - 'number')::text from charge k where k.id = \(id)),
                (select to_jsonb(t)::text from movement t where t.id = \(id)),
                (select jsonb_agg(e order by e.account_id)::text from leg e where e.movement_id = \(id)),
                (select to_jsonb(m)::text from meals_account m where m.person_id = \(charge.personID)),
                (select jsonb_agg(a order by a.id)::text from allowance a), (select jsonb_agg(s order by s.id)::text from subsidy s),
                (select sum(amount)::text from organisation_movement)
            """,
            as: String?.self, String?.self, String?.self, String?.self, String?.self, String?.self, String?.self)
        return rows.flatMap { [$0.0, $0.1, $0.2, $0.3, $0.4, $0.5, $0.6] }
    }

    /// What is wrong with the row of a top-up, and under which name it is refused.
    static let wrong = [
        (#"{"kind": "gift", "method": null}"#, "transfer_kind_known"),
        (#"{"purchase": "gift"}"#, "transfer_purchase_known"),
        (#"{"purchase": "personal", "sale_id": "ID"}"#, "transfer_charge_says_purchase"),
        (#"{"kind": "charge", "method": null}"#, "transfer_charge_says_purchase"),
        (#"{"method": "parcel"}"#, "transfer_method_known"),
        (#"{"method": null}"#, "transfer_top_up_says_how"),
        (#"{"kind": "payout"}"#, "transfer_top_up_says_how"),
        (#"{"method": "cashDesk", "receipt": ""}"#, "transfer_desk_gives_receipt"),
        (#"{"reverses": "CHARGE"}"#, "transfer_reversal_names_charge"),
        (#"{"reverses": "ID"}"#, "transfer_reverses_charge"),
        (#"{"refunds": "CHARGE"}"#, "transfer_refund_names_charge"),
        (#"{"refunds": "ID"}"#, "transfer_refunds_charge"),
        (#"{"kind": "reversal", "method": null, "purchase": "personal", "sale_id": "ID", "reverses": "KNOWN"}"#, "transfer_names_charge"),
        (#"{"kind": "refund", "method": null, "purchase": "personal", "sale_id": "ID", "refunds": "KNOWN"}"#, "transfer_names_charge"),
        (
            #"{"kind": "refund", "method": null, "purchase": "personal", "sale_id": "ID", "refunds": "CHARGE", "asked_by_id": "ID", "by_id": "ID"}"#,
            "transfer_refund_takes_two"
        ),
        (#"{"returns": "ID"}"#, "transfer_return_names_top_up"),
        (#"{"kind": "familyTransfer", "method": null}"#, "transfer_in_family_names_other"),
        (#"{"amount": 0}"#, "transfer_amount_positive"),
        (#"{"amount": 99}"#, "transfer_has_entries"),
        (#"{"id": "CHARGE"}"#, "charge_pkey"),
    ]

    @Test("BY-02: the books refuse a transfer that does not say what its kind has to say, and take it when it does", arguments: wrong)
    func refused(_ columns: String, _ constraint: String) async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let charge = school.charge(school.masha, 10)
        try await school.decide([charge])
        let known = try #require(try await school.database.rows("select id from transfer", as: UUID.self).first)
        let refusal = await #expect(throws: PostgresError.self) { try await topUp(with: columns, charge.chargeID, known) }
        #expect(refusal?.constraint == constraint)
        try await topUp(with: "{}", charge.chargeID, known)
    }

    /// Writes a top-up by hand, with some columns changed; `ID` in them is its own identifier, `CHARGE` that of a charge, `KNOWN` that of
    /// another top-up.
    private func topUp(with columns: String, _ charge: UUID, _ known: UUID) async throws {
        let account = Account.id(of: school.masha)
        let id = columns.contains(#""id": "CHARGE""#) ? charge : UUID.v7()
        let changed = columns.replacing("CHARGE", with: charge.text).replacing("KNOWN", with: known.text).replacing("ID", with: id.text)
        try await school.database.execute(
            """
            with moved as (
                insert into transfer select (jsonb_populate_record(null::transfer, jsonb_build_object(
                    'id', \(id), 'kind', 'topUp', 'account_id', \(account), 'made_at', now(), 'business_on', current_date, 'amount', 100,
                    'what', '', 'method', 'terminal', 'offline', false) || \(changed)::jsonb)).*
            )
            insert into entry (transfer_id, account_id, amount, position, balance) values
                (\(id), \(account), 100, 3, 9100), (\(id), \(OrganisationAccount.terminal.id(of: school.school)), -100, null, null)
            """)
    }
}
