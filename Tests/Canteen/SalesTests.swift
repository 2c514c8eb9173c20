import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Canteen

@Suite("Sales", .database(CanteenService.migrations)) struct SalesTests {
    let canteen = CanteenOfTests()

    @Test("A sale asks Ledger once; an accepted charge completes it and both are said once, however often they come")
    func completes() async throws {
        try await canteen.open()
        let id = UUID.v7()
        #expect(try await canteen.sell(id, of: [(canteen.tea, 2), (canteen.bun, 1)]).amount == Money(kopecks: 6_250))
        for _ in 1...3 { try await canteen.sell(id, of: [(canteen.tea, 2), (canteen.bun, 1)]) }
        for _ in 1...3 { try await canteen.accept(id) }
        #expect(try await canteen.sell(id, of: [(canteen.tea, 2), (canteen.bun, 1)]).state == .completed)
        #expect(try await canteen.said(id) == ["ledger.charge.v1", "canteen.sale.completed.v1"])
    }

    @Test("The same sale with other contents is refused and changes nothing")
    func differs() async throws {
        try await canteen.open()
        let id = UUID.v7()
        try await canteen.sell(id)
        await #expect(throws: SellGoods.Refused.differs) { try await canteen.sell(id, of: [(canteen.tea, 2)]) }
        await #expect(throws: SellGoods.Refused.differs) { try await canteen.sell(id, of: [(canteen.bun, 1)]) }
        #expect(try await canteen.said(id) == ["ledger.charge.v1"])
    }

    @Test("A sale repeated after a price has changed is still the same sale at the old price")
    func priceChanged() async throws {
        try await canteen.open()
        let id = UUID.v7()
        try await canteen.sell(id)
        _ = try await canteen.database.transaction { [canteen] in
            try Product.put("Чай", group: "Напитки", price: Money(kopecks: 9_900), school: canteen.school, in: $0)
        }
        #expect(try await canteen.sell(id).amount == Money(kopecks: 1_500))
    }

    @Test("AC-11, BY-05: a declined charge refuses the sale with its reason")
    func declines() async throws {
        try await canteen.open()
        let id = UUID.v7()
        try await canteen.sell(id)
        try await canteen.decline(id)
        try await canteen.decline(id)
        let sale = try await canteen.sale(id)
        #expect(sale?.state == .refused)
        #expect(sale?.reason == .notEnoughMoney)
        #expect(sale?.available == Money(kopecks: 700))
        #expect(try await canteen.said(id) == ["ledger.charge.v1", "canteen.sale.refused.v1"])
    }

    @Test("BY-01: what was given up ends by its withdrawal, even if the charge had been accepted")
    func givenUp() async throws {
        try await canteen.open()
        let id = UUID.v7()
        try await canteen.sell(id)
        try await canteen.giveUp(id)
        try await canteen.giveUp(id)
        try await canteen.accept(id)
        #expect(try await canteen.sale(id)?.state == .pending)
        try await canteen.withdraw(id, wasPosted: true)
        try await canteen.accept(id)
        #expect(try await canteen.sale(id)?.state == .refused)
        #expect(try await canteen.sale(id)?.reason == .withdrawn)
        #expect(try await canteen.said(id) == ["ledger.charge.v1", "ledger.charge.withdraw.v1", "canteen.sale.refused.v1"])
    }

    @Test("A till that hears nothing for a second is answered, and the sale is given up")
    func timesOut() async throws {
        try await canteen.open()
        let id = UUID.v7()
        let selling = SellAndWait(database: canteen.database, outbox: canteen.outbox)
        #expect(selling.patience == .seconds(1))
        let sale = try await selling.run(canteen.selling(id), now: canteen.now)
        #expect(sale.state == .pending)
        #expect(try await canteen.attempt(id) == "withdrawing")
    }

    @Test("A till that waits is told as soon as Ledger has answered")
    func waits() async throws {
        try await canteen.open()
        let id = UUID.v7()
        async let sold = SellAndWait(database: canteen.database, outbox: canteen.outbox, patience: .seconds(300)).run(canteen.selling(id), now: canteen.now)
        try await eventually { try await canteen.sale(id) != nil }
        try await canteen.accept(id)
        _ = CanteenService.salesEnded.sayEnded()
        #expect(try await sold.state == .completed)
    }

    @Test("A sale that its copy forgot is given up by any other")
    func forgotten() async throws {
        try await canteen.open()
        let (old, fresh) = (UUID.v7(), UUID.v7())
        try await canteen.sell(old)
        try await canteen.sell(fresh)
        try await canteen.database.execute("update attempt set asked_at = now() - interval '1 minute' where sale_id = \(old)")
        let loop = GivingUpForgotten(database: canteen.database, outbox: canteen.outbox, logger: Logger(label: "test"))
        #expect(try await loop.giveUp() == 1)
        #expect(try await loop.giveUp() == 0)
        #expect(try await canteen.attempt(old) == "withdrawing")
        #expect(try await canteen.attempt(fresh) == "asked")
    }

    @Test("Many copies that take the same sale at once ask Ledger once")
    func sameSaleEverywhere() async throws {
        try await canteen.open()
        for _ in 1...10 {
            let id = UUID.v7()
            let states = try await withThrowingTaskGroup(of: Sale.self) { group in
                for _ in 1...6 { group.addTask { try await canteen.sell(id) } }
                return try await group.reduce(into: []) { $0.append($1.state) }
            }
            #expect(states == Array(repeating: .pending, count: 6))
            #expect(try await canteen.said(id) == ["ledger.charge.v1"])
        }
    }

    @Test("An answer and a withdrawal at the same moment leave one end")
    func racingEnds() async throws {
        try await canteen.open()
        for _ in 1...20 {
            let id = UUID.v7()
            try await canteen.sell(id)
            async let accepting: Void = canteen.accept(id)
            async let givingUp: Void = canteen.giveUp(id)
            _ = try await (accepting, givingUp)
            let withdrawn = try await canteen.said(id).contains("ledger.charge.withdraw.v1")
            #expect(try await canteen.sale(id)?.state == (withdrawn ? .pending : .completed))
            #expect(try await canteen.attempt(id) == (withdrawn ? "withdrawing" : "accepted"))
        }
    }

    @Test("The hint at the till is the newest account that was heard of, whatever the order")
    func hints() async throws {
        try await canteen.open()
        for batch in [[3, 2], [1], [2, 4, 4], [3]] as [[Int64]] {
            let accounts = batch.map { canteen.account(version: $0, balance: $0 * 100) }
            try await canteen.database.transaction { try WhenLedgerAnswers.remember(accounts, in: $0) }
        }
        let balances: [Int64] = try await canteen.database.rows("select balance_kopecks from account_hint", as: Int64.self)
        #expect(balances == [400])
    }
}
