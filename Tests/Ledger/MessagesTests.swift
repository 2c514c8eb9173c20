import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Messages", .database(LedgerService.migrations)) struct MessagesTests {
    let school = SchoolOfTests()

    private func ask(_ charges: Charge...) async throws {
        let commands = charges.map { Received($0) }
        try await school.database.transaction { [school] in
            try WhenChargeIsAsked(now: school.now).react(to: commands, in: $0, school.outbox)
        }
    }

    private func giveUp(_ charges: Charge...) async throws {
        let commands = charges.map { Received(school.withdrawal(of: $0)) }
        try await school.database.transaction { [school] in
            try WhenChargeIsWithdrawn(now: school.now).react(to: commands, in: $0, school.outbox)
        }
    }

    /// What was said of a charge: name, balance told with it, whether it was given back.
    private func answers(_ charge: Charge) async throws -> [String] {
        try await school.database.read {
            try $0.rows(
                """
                select type || coalesce(' ' || (data->'account'->>'balance'), '') || coalesce(' ' || (data->>'reason'), '')
                    || coalesce(' ' || (data->>'wasPosted'), '')
                from outbox cross join lateral (select convert_from(body, 'UTF8')::jsonb->'data' as data) said
                where data->>'chargeID' = \(charge.chargeID.text) order by seq
                """, as: String.self)
        }
    }

    @Test("BY-01: a charge is answered once per command, and always with the one end that its attempt has")
    func answeredWithItsEnd() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let (lunch, second) = (school.charge(school.masha, 128), school.charge(school.masha, 128))
        try await ask(lunch, second, lunch)
        try await giveUp(lunch, second)
        try await ask(lunch)
        #expect(
            try await answers(lunch) == [
                "ledger.charge.accepted.v1 7200", "ledger.charge.accepted.v1 7200", "ledger.charge.withdrawn.v1 20000 true",
                "ledger.charge.withdrawn.v1 20000 true",
            ])
        #expect(
            try await answers(second) == [
                "ledger.charge.declined.v1 notEnoughMoney", "ledger.charge.declined.v1 notEnoughMoney",
            ])
    }

    @Test("BY-01: what was given up unseen is answered as withdrawn, now and when the late original comes")
    func tombstoneIsSaid() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let charge = school.charge(school.masha, 128)
        try await giveUp(charge)
        try await ask(charge)
        #expect(try await answers(charge) == ["ledger.charge.withdrawn.v1 false", "ledger.charge.withdrawn.v1 false"])
    }

    @Test("BY-01: a repeat with other contents is parked, and so is a sum that is none; nothing is said or moved")
    func wrongCommandsAreParked() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let charge = school.charge(school.masha, 10)
        try await ask(charge)
        let before = try await school.said().count
        await #expect(throws: Unacceptable.self) {
            try await ask(school.charge(school.masha, 11, id: charge.chargeID, sale: charge.saleID))
        }
        await #expect(throws: Unacceptable.self) { try await ask(school.charge(school.masha, 0)) }
        await #expect(throws: Unacceptable.self) { try await ask(school.charge(school.masha, -10)) }
        await #expect(throws: NotYet.self) { try await ask(school.charge(school.masha, 10, sale: charge.saleID, attempt: 2)) }
        #expect(try await school.said().count == before)
        #expect(try await school.account(school.masha)?.balance == .roubles(190))
    }

    @Test("An allowance that a charge used up is said to be used")
    func usedAllowanceIsSaid() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let grant = GrantAllowances(schoolID: school.school, day: school.today, amount: .roubles(128))
        _ = try await school.database.transaction { [school] in try grant.run(in: $0, school.outbox) }
        try await ask(school.charge(school.masha, 128, .collective))
        #expect(try await school.said().suffix(3) == [
            "ledger.allowance.changed.v1", "ledger.charge.accepted.v1", "ledger.allowance.changed.v1",
        ])
    }

    @Test("A restored reader is told every account, subscription and allowance again, and where banks send money")
    func republication() async throws {
        try await school.open()
        try await school.topUp(school.masha, 200)
        let details = BankDetails(
            payee: "ООО «Питание»", account: "40702810500000000001", bank: "ПАО Сбербанк", bic: "044525225", correspondent: "0", inn: nil, kpp: nil)
        for _ in 1...2 { try await school.database.transaction { [school] in try $0.set(details, of: school.school, school.outbox, at: school.now) } }
        #expect(try await school.said().suffix(2) == ["ledger.bank-details.changed.v1", "ledger.bank-details.changed.v1"])
        let told = try await Republication.run(
            LedgerService.republications, to: "canteen.ledger", outbox: school.outbox, database: school.database)
        #expect(told.map(\.count) == [3, 0, 0, 1])
    }

    @Test("Every queue of Ledger is its own, and commands compete")
    func hearings() {
        #expect(
            LedgerHearings.all.map(\.queue) == [
                "ledger.directory", "ledger.pupils", "ledger.charges", "ledger.transfers", "ledger.tills", "ledger.bans",
            ])
        #expect(LedgerHearings.charges.bindings == [Charge.name, WithdrawCharge.name])
        #expect(!LedgerHearings.directory.bindings.contains(PersonChanged.name))
    }
}
