import Events
import Foundation
import Kernel
import Postgres

/// One line of an account: a movement, or an attempt that was refused (AC-05, BY-05).
struct StatementLine: Equatable {
    enum Happening: Equatable {
        case charge(PurchaseKind)
        case reversal(PurchaseKind)
        case topUp(TopUpMethod)
        case refusal(PurchaseKind, DeclineReason)
    }

    let id: UUID
    let happening: Happening
    let at: Date
    /// The business day it counts for; another than that of `at` when it was sold without a connection.
    let day: Day
    let what: String
    let receipt: String?
    let by: UUID?
    let device: UUID?
    let saleID: UUID?
    let isOffline: Bool
    /// True for a charge that was given back later.
    let isReversed: Bool
    /// What moved, with its sign; for a refusal what was asked.
    let amount: Money
    /// The balance after it; nil for a refusal.
    let balance: Money?
}

/// What may be left out of a statement.
enum StatementKind: String, CaseIterable {
    case all, topUps = "top-ups", collective, personal

    func shows(_ line: StatementLine) -> Bool {
        switch (self, line.happening) {
        case (.all, _), (.topUps, .topUp): true
        case (.collective, .charge(.collective)), (.collective, .reversal(.collective)): true
        case (.collective, .refusal(.collective, _)): true
        case (.personal, .charge(.personal)), (.personal, .reversal(.personal)), (.personal, .refusal(.personal, _)): true
        default: false
        }
    }
}

/// A period of an account, every movement and refusal in it, newest first.
struct AccountStatement: Equatable {
    let opening: Money
    let lines: [StatementLine]
}

extension Transaction {
    /// Everything that happened to an account from one moment until before another.
    func statement(of accountID: UUID, from: Date, until: Date) throws -> AccountStatement {
        let opening =
            try first(
                """
                select e.balance from entry e join transfer t on t.id = e.transfer_id
                where e.account_id = \(accountID) and t.made_at < \(from)
                order by e.position desc limit 1
                """, as: Money.self) ?? .zero
        let rows = try rows(
            """
            select t.id, t.kind, t.purchase, t.method, null::text, t.made_at, t.business_on, t.what, t.receipt, t.by_id,
                t.device_id, t.sale_id, t.offline, r.id is not null, e.amount, e.balance, e.position
            from entry e
            join transfer t on t.id = e.transfer_id
            left join transfer r on r.reverses = t.id
            where e.account_id = \(accountID) and t.made_at >= \(from) and t.made_at < \(until)
            union all
            select c.id, 'refusal', c.purchase, null, c.reason, c.decided_at,
                coalesce(c.business_on, c.decided_at::date), c.what, null, c.by_id, c.device_id, c.sale_id, false, false,
                c.amount, null, null
            from charge c
            where c.account_id = \(accountID) and c.state = 'declined' and c.decided_at >= \(from)
                and c.decided_at < \(until)
            order by 6 desc, 17 desc nulls first
            """,
            as: UUID.self, String.self, String?.self, String?.self, String?.self, Date.self, Day.self, String.self,
            String?.self, UUID?.self, UUID?.self, UUID?.self, Bool.self, Bool.self, Money.self, Money?.self, Int64?.self)
        let lines = rows.compactMap { row -> StatementLine? in
            let purchase = row.2.flatMap(PurchaseKind.init) ?? .personal
            let happening: StatementLine.Happening? =
                switch row.1 {
                case "charge": .charge(purchase)
                case "reversal": .reversal(purchase)
                case "topUp": .topUp(row.3.flatMap(TopUpMethod.init) ?? .cashDesk)
                case "refusal": row.4.flatMap(DeclineReason.init).map { .refusal(purchase, $0) }
                default: nil
                }
            return happening.map {
                StatementLine(
                    id: row.0, happening: $0, at: row.5, day: row.6, what: row.7, receipt: row.8, by: row.9,
                    device: row.10, saleID: row.11, isOffline: row.12, isReversed: row.13, amount: row.14,
                    balance: row.15)
            }
        }
        return AccountStatement(opening: opening, lines: lines)
    }

    /// What the latest lunches by the class's request cost, on average: it tells how long the money lasts.
    func usualLunch(of accountID: UUID) throws -> Money? {
        try first(
            """
            select (sum(amount) / count(*))::bigint from (
                select amount from charge
                where account_id = \(accountID) and state = 'posted' and purchase = 'collective'
                order by decided_at desc limit 5
            ) latest having count(*) > 0
            """, as: Money.self)
    }
}
