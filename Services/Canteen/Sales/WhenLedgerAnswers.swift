import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Ledger says about a charge ends the attempt, and the attempt ends the sale.
///
/// A whole batch is applied at once. Answers may come twice and late: an attempt leaves `asked` or `withdrawing` once.
enum WhenLedgerAnswers {
    /// The money is taken: the sale is complete, unless it was given up meanwhile; then the withdrawal that is under way
    /// will take the charge back.
    static func accepted(
        _ answers: [Received<ChargeAccepted>], in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        let charges = answers.map(\.event.chargeID)
        try lock(answers.map(\.event.saleID), in: transaction)
        let sales = try Sale.found(
            """
            with ended as (
                update attempt set state = 'accepted'
                from sale asked
                where charge_id = any(\(charges)) and attempt.state = 'asked' and asked.id = sale_id and asked.state = 'pending'
                returning sale_id
            )
            update sale set state = 'completed' where id in (select sale_id from ended)
            returning \(Sale.list)
            """, in: transaction)
        guard !sales.isEmpty else { return }
        CanteenService.salesEnded.note(sales.map(\.id))
        let charge = Dictionary(answers.map { ($0.event.saleID, $0.event) }, uniquingKeysWith: { first, _ in first })
        try outbox.publish(
            sales.compactMap { sale in
                charge[sale.id].map {
                    SaleCompleted(
                        saleID: sale.id, personID: sale.personID, schoolID: sale.schoolID, amount: sale.amount,
                        kind: sale.kind, meal: sale.meal, items: sale.items, tillID: sale.tillID, tillName: sale.tillName,
                        soldAt: sale.soldAt, day: sale.day, chargeID: $0.chargeID)
                }
            }, in: transaction)
    }

    /// There is no money, the limit is reached, or it is too late: the sale is refused with a reason to read aloud.
    static func declined(
        _ answer: Received<ChargeDeclined>, in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        let event = answer.event
        try lock([event.saleID], in: transaction)
        let ended = try transaction.execute(
            """
            update attempt set state = 'declined'
            where charge_id = \(event.chargeID) and state in ('asked', 'withdrawing')
            """)
        guard ended == 1 else { return }
        try refuse(
            event.saleID, reason: event.reason, available: event.available, limitLeft: event.limitLeft, at: event.at,
            in: transaction, outbox: outbox)
    }

    /// The charge was withdrawn: no money moved, or what moved is back.
    static func withdrawn(
        _ answer: Received<ChargeWithdrawn>, in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        let event = answer.event
        try lock([event.saleID], in: transaction)
        let ended = try transaction.execute(
            "update attempt set state = 'withdrawn' where charge_id = \(event.chargeID) and state = 'withdrawing'")
        guard ended == 1 else { return }
        try refuse(
            event.saleID, reason: .withdrawn, available: nil, limitLeft: nil, at: event.at, in: transaction, outbox: outbox)
    }

    /// Sales before attempts, always, so that no two wait for each other.
    private static func lock(_ sales: [UUID], in transaction: borrowing Transaction) throws {
        _ = try transaction.rows("select id from sale where id = any(\(sales)) order by id for update", as: UUID.self)
    }

    private static func refuse(
        _ sale: UUID, reason: DeclineReason, available: Money?, limitLeft: Money?, at: Date,
        in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        let refused = try Sale.found(
            """
            update sale set state = 'refused', reason = \(reason.rawValue), available_kopecks = \(available),
                limit_left_kopecks = \(limitLeft)
            where id = \(sale) and state = 'pending'
            returning \(Sale.list)
            """, in: transaction)
        CanteenService.salesEnded.note(refused.map(\.id))
        try outbox.publish(
            refused.map {
                SaleRefused(
                    saleID: $0.id, personID: $0.personID, schoolID: $0.schoolID, amount: $0.amount, reason: reason,
                    items: $0.items, tillName: $0.tillName, at: at, day: $0.day)
            }, in: transaction)
    }

    /// What the till may show beside a name: the account as last heard.
    static func remember(_ accounts: [AccountState], in transaction: borrowing Transaction) throws {
        // The newest state of each account; a batch may bring several.
        var newest: [UUID: AccountState] = [:]
        for account in accounts where (newest[account.personID]?.version ?? -1) < account.version {
            newest[account.personID] = account
        }
        let states = newest.values.sorted { $0.personID.uuidString < $1.personID.uuidString }
        guard !states.isEmpty else { return }
        try transaction.execute(
            """
            insert into account_hint as known
                (person_id, balance_kopecks, daily_limit_kopecks, spent_kopecks, day, is_open, version)
            select * from unnest(\(states.map(\.personID)), \(states.map(\.balance)), \(states.map(\.dailyLimit)),
                \(states.map(\.spentToday)), \(states.map(\.day)), \(states.map(\.isOpen)), \(states.map(\.version)))
            on conflict (person_id) do update set balance_kopecks = excluded.balance_kopecks,
                daily_limit_kopecks = excluded.daily_limit_kopecks, spent_kopecks = excluded.spent_kopecks,
                day = excluded.day, is_open = excluded.is_open, version = excluded.version, heard_at = now()
            where excluded.version > known.version
            """)
    }
}
