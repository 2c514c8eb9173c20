import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Transfers in a family", .database(LedgerService.migrations)) struct FamilyTests {
    let school = SchoolOfTests()

    @Test("AC-09: money moves at once from one child to the other, and both accounts say so")
    func moves() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        try await school.move(school.masha, school.egor, 200)
        #expect(try await school.account(school.masha)?.balance == .roubles(300))
        #expect(try await school.account(school.egor)?.balance == .roubles(200))
        #expect(try await school.said().suffix(2) == ["ledger.account.changed.v1", "ledger.account.changed.v1"])
        #expect(try await school.firstDifference() == nil)
    }

    @Test("AC-09: what cannot be moved stays: more than there is, what is held, to a closed account, to oneself, nothing")
    func refused() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let grant = GrantAllowances(schoolID: school.school, day: school.today, amount: .roubles(128))
        _ = try await school.database.transaction { [school] in try grant.run(in: $0, school.outbox) }
        await #expect(throws: TransferRefused.notEnough(.roubles(72))) { try await school.move(school.masha, school.egor, 73) }
        await #expect(throws: TransferRefused.sameChild) { try await school.move(school.masha, school.masha, 1) }
        await #expect(throws: TransferRefused.notAnAmount) { try await school.move(school.masha, school.egor, 0) }
        await #expect(throws: TransferRefused.noAccount) { try await school.move(school.masha, .v7(), 1) }
        try await school.leave(school.egor)
        await #expect(throws: TransferRefused.receiverClosed) { try await school.move(school.masha, school.egor, 1) }
        #expect(try await school.account(school.masha)?.balance == .roubles(200))
        #expect(try await school.firstDifference() == nil)
    }

    @Test("BY-04: what a child who has left still has goes to a brother without an office")
    func leaverGives() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        try await school.leave(school.masha)
        try await school.move(school.masha, school.egor, 200)
        #expect(try await school.account(school.egor)?.balance == .roubles(200))
    }

    @Test("AC-09: a form sent twice moves once; sent with other contents it moves nothing")
    func once() async throws {
        try await school.open()
        try await school.topUp(school.masha, 500)
        let id = UUID.v7()
        for _ in 1...3 { try await school.move(school.masha, school.egor, 200, id: id) }
        await #expect(throws: TransferRefused.repeatedWithOtherContents) { try await school.move(school.masha, school.egor, 201, id: id) }
        await #expect(throws: TransferRefused.repeatedWithOtherContents) { try await school.move(school.egor, school.masha, 200, id: id) }
        #expect(try await school.account(school.egor)?.balance == .roubles(200))
        #expect(try await school.firstDifference() == nil)
    }

    @Test(
        "BY-02: the database itself refuses a family transfer that is none, and an account below zero",
        arguments: [
            ("a third leg", "transfer_has_entries"), ("one child only", "transfer_has_entries"), ("below zero", "entry_above_floor"),
            ("to itself", "transfer_in_family_leaves_its_account"),
        ])
    func booksRefuse(_ wrong: String, _ constraint: String) async throws {
        try await school.open()
        try await school.topUp(school.masha, 100)
        let ids = (id: UUID.v7(), masha: Account.id(of: school.masha), egor: Account.id(of: school.egor), timur: Account.id(of: school.timur))
        let supplier = OrganisationAccount.supplier.id(of: school.school)
        let legs: SQL =
            switch wrong {
            case "a third leg":
                "(\(ids.id), \(ids.masha), -100, 2, 9900), (\(ids.id), \(ids.egor), 100, 1, 100), (\(ids.id), \(ids.timur), 5, 1, 5), (\(ids.id), \(supplier), -5, null, null)"
            case "one child only": "(\(ids.id), \(ids.masha), -100, 2, 9900), (\(ids.id), \(supplier), 100, null, null)"
            case "below zero": "(\(ids.id), \(ids.masha), -100, 2, -100), (\(ids.id), \(ids.egor), 100, 1, 100)"
            default: "(\(ids.id), \(ids.masha), -100, 2, 9900), (\(ids.id), \(ids.egor), 100, 1, 100)"
            }
        let other = wrong == "to itself" ? ids.masha : ids.egor
        let refusal = await #expect(throws: PostgresError.self) {
            try await school.database.execute(
                """
                with moved as (
                    insert into transfer (id, kind, account_id, other_id, made_at, business_on, amount, what)
                    values (\(ids.id), 'familyTransfer', \(ids.masha), \(other), now(), current_date, 100, '')
                )
                insert into entry (transfer_id, account_id, amount, position, balance) values \(legs)
                """)
        }
        #expect(refusal?.constraint == constraint)
    }

    @Test("BY-04: transfers in circles beside sales from several connections neither make nor lose money, and nobody is told of a deadlock", arguments: UInt64(1)...4)
    func circles(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        for child in school.children { try await school.topUp(child, 300) }
        var plans: [[(from: UUID, to: UUID, roubles: Int64, isSale: Bool)]] = []
        for _ in 1...6 {
            plans.append(
                (1...25).map { _ in
                    let from = Int.random(in: 0...2, using: &dice)
                    let to = (from + Int.random(in: 1...2, using: &dice)) % 3
                    return (
                        school.children[from], school.children[to], Int64.random(in: 1...120, using: &dice), Int.random(in: 0...4, using: &dice) == 0
                    )
                })
        }
        let sold = try await withThrowingTaskGroup(of: Money.self) { group in
            for plan in plans {
                group.addTask { [school] in
                    var sold = Money.zero
                    for step in plan {
                        if step.isSale {
                            let outcome = try await school.decide([school.charge(step.from, step.roubles, .collective)]).first ?? nil
                            if outcome?.state == .posted { sold += .roubles(step.roubles) }
                        } else {
                            do { try await school.move(step.from, step.to, step.roubles) } catch TransferRefused.notEnough {}
                        }
                    }
                    return sold
                }
            }
            return try await group.reduce(.zero, +)
        }
        let kept = try await school.database.read { try $0.first("select sum(balance)::bigint, min(balance) from meals_account", as: Money.self, Money.self) }
        #expect(kept?.0 == .roubles(900) - sold, "seed \(seed)")
        #expect(try #require(kept).1 >= .zero, "seed \(seed)")
        #expect(try await school.firstDifference() == nil, "seed \(seed)")
    }
}

extension SchoolOfTests {
    /// A guardian moves money from one child to another.
    func move(_ from: UUID, _ to: UUID, _ roubles: Int64, id: UUID = .v7()) async throws {
        let transfer = TransferInFamily(id: id, from: from, to: to, amount: .roubles(roubles), by: mother)
        try await database.transaction { [outbox, now] in try transfer.run(in: $0, outbox, at: now) }
    }

    /// The child leaves the school: the account closes.
    func leave(_ child: UUID) async throws {
        let number = (children.firstIndex(of: child) ?? 0) + 1
        let left = pupil(child, number: number, version: 2, ended: true)
        try await database.transaction { [outbox, now] in try WhenPupilAppears(pupil: left, version: 2).react(in: $0, outbox, at: now) }
    }
}
