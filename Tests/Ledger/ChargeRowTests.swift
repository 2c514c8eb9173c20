import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Synchronization
import Testing

@testable import Ledger

/// A charge that is paid with own money alone is one row, its movement and both its legs (`post_charge.sql`).
@Suite("Charges of one row", .database(LedgerService.migrations)) struct ChargeRowTests {
    let school = SchoolOfTests()
    /// A school whose supplier is paid for no child of ours.
    private static let elsewhere = UUID.v7()

    private func open() async throws {
        try await school.open()
        try await school.database.transaction { [school] tx in
            try tx.openBooks(of: Self.elsewhere, version: 1, zone: .moscow, at: school.now)
            try school.openProvider(in: tx)
        }
    }

    /// What the rows written so far come to.
    private struct Model {
        var balances: [UUID: Int64] = [:]
        var places: [UUID: Int64] = [:]
        var rows = 0
        /// What was posted: its id, sale and child.
        var posted: [(id: UUID, sale: UUID, child: UUID)] = []
    }

    /// One row by hand, as text for each column, with a defect or without.
    private struct Row {
        var columns: [String: String]
        let child: UUID
        let amount: Int64
        var moves = true
        var isRight: Bool

        static let names = [
            "id", "sale_id", "attempt", "person_id", "account_id", "payee_id", "amount", "purchase", "what", "decided_at", "business_on",
            "state", "reason", "offline", "position", "balance", "refunded", "subsidised",
        ]

        var text: String { "(" + Self.names.map { columns[$0] ?? "null" }.joined(separator: ", ") + ")" }

        init(_ school: SchoolOfTests, _ model: Model, topUp: UUID, withServices: Bool, _ dice: inout SeededGenerator) {
            child = school.children.randomElement(using: &dice) ?? school.masha
            amount = Int64(1 + dice.below(4000))
            let after = model.balances[child, default: 0] - amount
            let isOffline = dice.chance(10)
            let other = school.children.first { [child] in $0 != child } ?? school.egor
            func quoted(_ id: UUID) -> String { "'\(id.text)'::uuid" }
            let supplier = OrganisationAccount.supplier.id(of: school.school)
            let (purchase, payee) = [("personal", supplier), ("collective", supplier), ("service", school.provider)][dice.below(withServices ? 3 : 2)]
            columns = [
                "id": quoted(.v7()), "sale_id": quoted(.v7()), "attempt": "1", "person_id": quoted(child),
                "account_id": quoted(Account.id(of: child)), "payee_id": quoted(payee),
                "amount": "\(amount)", "purchase": "'\(purchase)'", "what": "'Обед'", "decided_at": "now()",
                "business_on": "'\(school.today)'::date", "state": "'posted'", "reason": "null::text", "offline": "\(isOffline)",
                "position": "\(model.places[child, default: 0] + 1)", "balance": "\(after)", "refunded": "0", "subsidised": "0",
            ]
            isRight = after >= 0 || isOffline
            let known = model.posted.randomElement(using: &dice)
            let defects: [[String: String]] = [
                ["amount": "0"], ["amount": "-5"], ["amount": "null"], ["amount": "\(amount + 1)"],
                ["payee_id": quoted(.v7())], ["payee_id": quoted(OrganisationAccount.terminal.id(of: school.school))],
                ["payee_id": quoted(OrganisationAccount.supplier.id(of: elsewhere))],
                ["payee_id": quoted(payee == supplier ? school.provider : supplier)],
                ["payee_id": quoted(Account.id(of: other))], ["payee_id": "null"], ["position": "null"],
                ["position": "\(model.places[child, default: 0])"], ["position": "\(model.places[child, default: 0] + 2)"],
                ["balance": "\(after + 1)"], ["balance": "\(after - 1)"], ["balance": "null"],
                ["person_id": quoted(other)], ["account_id": quoted(Account.id(of: other))], ["account_id": quoted(.v7())],
                ["account_id": "null"], ["purchase": "'gift'"], ["purchase": "null"], ["what": "null"], ["business_on": "null"],
                ["state": "'declined'", "reason": "'tooLate'"], ["state": "'withdrawn'"], ["state": "'reversed'"], ["state": "'open'"],
                ["state": "'transfer'"], ["sale_id": "null"], ["attempt": "null"], ["person_id": "null"],
                ["reason": "'tooLate'"], ["refunded": "1"], ["subsidised": "1"], ["subsidised": "-1"], ["id": quoted(topUp)],
                ["id": quoted(known?.id ?? topUp)],
                known.map { ["sale_id": quoted($0.sale), "person_id": quoted($0.child)] } ?? ["id": quoted(topUp)],
            ]
            guard dice.chance(35) else { return }
            if dice.chance(15) {
                // An attempt without money is written too, and moves nothing.
                columns.merge(
                    ["payee_id": "null", "position": "null", "state": "'declined'", "reason": "'tooLate'"], uniquingKeysWith: { $1 })
                (moves, isRight) = (false, true)
            } else {
                columns.merge(defects.randomElement(using: &dice) ?? [:], uniquingKeysWith: { $1 })
                // A sale of his own that is paid is refused for the sale, that of another child for the person.
                isRight = false
            }
        }
    }

    @Test(
        "BY-01, BY-02: whatever rows a statement brings, the account moves by those that are right, once, and by none when any is wrong",
        arguments: UInt64(1)...12)
    func rowsAreTakenOrRefused(_ seed: UInt64) async throws {
        try await open()
        var dice = SeededGenerator(seed: seed)
        let withServices = seed % 3 == 0
        var model = Model()
        func topUp(_ child: UUID, _ model: inout Model) async throws {
            try await school.topUp(child, 100)
            model.balances[child, default: 0] += 10_000
            model.places[child, default: 0] += 1
        }
        for child in school.children { try await topUp(child, &model) }
        let paidIn = try #require(
            try await school.database.read { try $0.first("select id from transfer where kind = 'topUp' limit 1", as: UUID.self) })
        var refused = 0
        for step in 0..<70 {
            if dice.chance(15), let child = school.children.randomElement(using: &dice) { try await topUp(child, &model) }
            var after = model
            var rows: [Row] = []
            for _ in 0..<(dice.chance(30) ? 1 + dice.below(3) : 1) {
                let row = Row(school, after, topUp: paidIn, withServices: withServices, &dice)
                rows.append(row)
                after.rows += 1
                guard row.moves, row.isRight else { continue }
                after.balances[row.child, default: 0] -= row.amount
                after.places[row.child, default: 0] += 1
            }
            let isRight = rows.allSatisfy(\.isRight)
            var refusal: String?
            do {
                let written = try await school.database.rows(
                    """
                    insert into charge (\(unescaped: Row.names.joined(separator: ", ")))
                    values \(unescaped: rows.map(\.text).joined(separator: ", ")) returning id, sale_id, person_id, state
                    """, as: UUID.self, UUID.self, UUID.self, String.self)
                after.posted += written.filter { $0.3 == "posted" }.map { ($0.0, $0.1, $0.2) }
                model = after
            } catch let error as PostgresError {
                refusal = error.constraint ?? error.message
                refused += 1
            }
            #expect((refusal == nil) == isRight, "seed \(seed), step \(step): \(refusal ?? "taken"): \(rows.map(\.text))")
            let kept = try await school.database.rows(
                "select person_id, balance, position from meals_account", as: UUID.self, Int64.self, Int64.self)
            for (child, balance, place) in kept {
                #expect(balance == model.balances[child, default: 0] && place == model.places[child, default: 0], "seed \(seed), step \(step)")
            }
            #expect(try await school.database.rows("select count(*) from charge where state <> 'transfer'", as: Int.self) == [model.rows])
        }
        #expect(refused > 5 && model.posted.count > 10, "seed \(seed)")
        let difference = try await school.firstDifference()
        // Services that nobody owed are what the check of all books finds here.
        #expect(withServices ? difference?.contains("what is owed for a paid service") == true : difference == nil, "seed \(seed)")
    }

    @Test("BY-02: an entry has no place that a charge of one row has, and a charge none that an entry has")
    func placesAreUsedOnce() async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        try await school.decide([school.charge(school.masha, 10)])
        let (id, account) = (UUID.v7(), Account.id(of: school.masha))
        for (place, isFree) in [(1, false), (2, false), (3, true)] {
            do {
                try await school.database.execute(
                    """
                    with moved as (
                        insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method)
                        values (\(id), 'topUp', \(account), now(), current_date, 100, '', 'terminal')
                    )
                    insert into entry (transfer_id, account_id, amount, position, balance) values
                        (\(id), \(account), 100, \(place), 9100), (\(id), \(OrganisationAccount.terminal.id(of: school.school)), -100, null, null)
                    """)
                #expect(isFree, "place \(place) was taken twice")
            } catch let error as PostgresError {
                #expect(!isFree && error.constraint == "entry_place_unique", "place \(place): \(error)")
            }
        }
    }

    @Test("BY-01: an id that is a charge, or a movement of money, is never another one, whoever comes with it at the same moment")
    func idsAreUsedOnce() async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 100) }
        var ends: [String: Int] = [:]
        for round in 1...30 {
            // One id as a purchase of one child, one that another cannot pay, and what a third brings to the desk.
            let id = UUID.v7()
            let (plain, dear) = (school.charge(school.masha, 1, id: id), school.charge(school.egor, 1000, id: id))
            let desk = TopUpAtDesk(id: id, child: school.timur, amount: .roubles(1), receipt: "\(round)", by: school.accountant)
            let atDesk: @Sendable () async -> Void = { [school] in
                _ = try? await school.database.once { tx in try desk.run(in: tx, school.outbox, at: school.now) }
            }
            let atTill: @Sendable (Charge) async -> Void = { [school] charge in
                _ = try? await school.database.transaction { tx in _ = try tx.decide([charge], at: school.now) }
            }
            // All at once; every third time the desk is first, and every third time it is last.
            if round % 3 == 1 { await atDesk() }
            await withTaskGroup(of: Void.self) { group in
                for charge in [plain, dear].shuffled() { group.addTask { await atTill(charge) } }
                if round % 3 == 0 { group.addTask { await atDesk() } }
            }
            if round % 3 == 2 { await atDesk() }
            let kinds = try await school.database.rows("select kind from movement where id = \(id)", as: String.self)
            let known = try await school.database.rows("select state from charge where id = \(id)", as: String.self)
            #expect(
                known == (kinds == ["charge"] ? ["posted"] : kinds == ["topUp"] ? ["transfer"] : ["declined"]),
                "round \(round): \(kinds), \(known)")
            ends[kinds.first ?? "none", default: 0] += 1
        }
        #expect(ends["topUp", default: 0] >= 10 && ends.count > 1, "\(ends)")
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01: whoever comes with an id that another is just writing waits for him, and then finds it", arguments: [true, false])
    func idsAreWaitedFor(_ chargeIsFirst: Bool) async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 100) }
        let id = UUID.v7()
        let charge = school.charge(school.masha, 1, id: id)
        let desk = TopUpAtDesk(id: id, child: school.timur, amount: .roubles(1), receipt: "1", by: school.accountant)
        let isWritten = Mutex(false)
        let isOver = Mutex(false)
        @Sendable func write(asCharge: Bool, in tx: borrowing Transaction) throws {
            if asCharge {
                _ = try tx.decide([charge], at: school.now)
            } else {
                _ = try desk.run(in: tx, school.outbox, at: school.now)
            }
        }
        async let first: Void = school.database.transaction { tx in
            try write(asCharge: chargeIsFirst, in: tx)
            isWritten.withLock { $0 = true }
            // Open until the other one waits, or did not have to.
            let end = ContinuousClock.now + .seconds(60)
            var waiting = 0
            while waiting == 0, !isOver.withLock({ $0 }), ContinuousClock.now < end {
                waiting = try tx.first(
                    """
                    select count(*) from pg_locks where locktype = 'transactionid' and not granted
                        and transactionid = pg_current_xact_id()::xid
                    """, as: Int.self) ?? 0
            }
            #expect(waiting == 1)
        }
        try await eventually("the first is written") { isWritten.withLock { $0 } }
        if chargeIsFirst {
            await #expect(throws: (any Error).self) { try await school.database.transaction { tx in try write(asCharge: false, in: tx) } }
        } else {
            #expect(try await school.decide([charge]).first??.verdict == .differs)
            #expect(try await school.withdraw([charge]).first??.verdict == .differs)
        }
        isOver.withLock { $0 = true }
        try await first
        let kinds = try await school.database.rows("select kind from movement where id = \(id)", as: String.self)
        #expect(kinds == [chargeIsFirst ? "charge" : "topUp"])
        #expect(try await school.firstDifference() == nil)
    }

    @Test(
        "BY-01: a row that says only that its id is a transfer's is written with that transfer, and says nothing else",
        arguments: [
            ("gen_random_uuid(), now(), 'transfer', null::bigint", "charge_of_transfer_known"),
            ("ID, now(), 'transfer', null", "charge_pkey"), ("NEXT, now(), 'transfer', 5", "charge_of_transfer_is_bare"),
            ("NEXT, now(), 'transfer', null", "charge_pkey"), ("NEXT, now(), 'withdrawn', null", "charge_says_whose"),
        ])
    func transfersHaveTheirIds(_ row: String, _ constraint: String) async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let (next, account) = (UUID.v7(), Account.id(of: school.masha))
        let known = try await school.database.rows("select id, decided_at from charge where state = 'transfer'", as: UUID.self, Date.self)
        #expect(try await school.database.rows("select id from transfer", as: UUID.self) == known.map(\.0))
        let id = try #require(known.first?.0)
        let refusal = await #expect(throws: PostgresError.self) {
            // Beside a top-up that is right, in its statement.
            try await school.database.execute(
                """
                with moved as (
                    insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method)
                    values (\(next), 'topUp', \(account), now(), current_date, 100, '', 'terminal')
                ), legs as (
                    insert into entry (transfer_id, account_id, amount, position, balance) values
                        (\(next), \(account), 100, 2, 10100), (\(next), \(OrganisationAccount.terminal.id(of: school.school)), -100, null, null)
                )
                insert into charge (id, decided_at, state, amount)
                select \(unescaped: row.replacing("ID", with: "'\(id.text)'::uuid").replacing("NEXT", with: "'\(next.text)'::uuid"))
                """)
        }
        #expect(refusal?.constraint == constraint)
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-01, BY-02: what is written by hand as a charge's movement takes the id of no attempt, and the check of all books finds it")
    func movementsOfNoAttempt() async throws {
        try await school.open()
        for child in school.children { try await school.topUp(child, 100) }
        let (own, declined, free) = (school.charge(school.masha, 10), school.charge(school.masha, 1000), school.charge(school.egor, 10))
        try await school.decide([own])
        try await school.decide([declined])
        let account = Account.id(of: school.egor)
        for (id, constraint) in [(own.chargeID, "charge_pkey"), (declined.chargeID, "charge_pkey"), (free.chargeID, nil)] {
            var refusal: String?
            do {
                try await school.database.execute(
                    """
                    with moved as (
                        insert into transfer (id, kind, account_id, made_at, business_on, amount, purchase, what, sale_id)
                        values (\(id), 'charge', \(account), now(), current_date, 100, 'personal', '', \(id))
                    ), took as (
                        update meals_account set balance = balance - 100, position = position + 1, version = version + 1 where id = \(account)
                    ), noted as (
                        insert into organisation_movement (account_id, amount) values (\(OrganisationAccount.supplier.id(of: school.school)), 100)
                    )
                    insert into entry (transfer_id, account_id, amount, position, balance) values
                        (\(id), \(account), -100, 2, 9900), (\(id), \(OrganisationAccount.supplier.id(of: school.school)), 100, null, null)
                    """)
            } catch let error as PostgresError { refusal = error.constraint }
            #expect(refusal == constraint)
            if refusal != nil { #expect(try await school.firstDifference() == nil) }
        }
        #expect(try await school.decide([free]).first??.verdict == .differs)
        let difference = try await school.firstDifference()
        #expect(difference?.hasSuffix("charge \(free.chargeID.text) is transfer") == true, "\(difference ?? "none")")
    }
}
