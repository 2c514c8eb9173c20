import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A tutor confirms that a charge was a mistake, and the money is back at once; or says why it was none (AC-12).
///
/// The sum of a charge's refunds never exceeds the charge. A refund on the day of the purchase gives the daily limit back (D-01).
struct DecideRefund {
    let id: UUID
    let child: UUID
    /// Nil confirms; words refuse.
    let refusal: String?
    let by: UUID

    /// Deciding twice the same way changes nothing.
    /// - Throws: `RefundRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        let accountID = Account.id(of: child)
        _ = try transaction.lock(accounts: [accountID])
        guard
            let (state, chargeID, amount, reason, asker) = try transaction.first(
                """
                select state, charge_id, amount, reason, asked_by from refund_request
                where id = \(id) and account_id = \(accountID)
                """, as: String.self, UUID.self, Money.self, String.self, UUID.self)
        else { throw RefundRefused.noRequest }
        guard state == RefundState.asked.rawValue else { return }
        guard asker != by else { throw RefundRefused.ownRequest }
        if let refusal {
            guard !refusal.isEmpty, refusal.count <= AskRefund.longestReason else { throw RefundRefused.noReason }
            try transaction.execute(
                """
                update refund_request set state = 'refused', decided_by = \(by), decided_at = \(now), answer = \(refusal)
                where id = \(id)
                """)
            return
        }
        try post(chargeID, accountID, amount, reason, asker, in: transaction, outbox, at: now)
    }

    private func post(
        _ chargeID: UUID, _ accountID: UUID, _ amount: Money, _ reason: String, _ asker: UUID,
        in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date
    ) throws {
        guard
            let (sale, purchase, what, device, left, account) = try transaction.first(
                """
                select sale_id, purchase, what, device_id, amount - refunded, account_id from charge
                where id = \(chargeID) and account_id = \(accountID) and state = 'posted'
                """, as: UUID.self, String.self, String.self, UUID?.self, Money.self, UUID.self),
            let bought = Purchase(rawValue: purchase), account == accountID
        else { throw RefundRefused.noCharge }
        guard amount <= left else { throw RefundRefused.tooMuch(left) }
        // Something else was posted by the request's id since it was asked for.
        guard try !transaction.isPosted(id) else { throw RefundRefused.idTaken }
        guard let before = try transaction.account(of: child, at: now) else { throw RefundRefused.noCharge }
        let paid = try transaction.leftInCharge(chargeID)
        guard let shares = RefundShares(amount, among: paid.personal.map(\.part)), let supplier = paid.supplier else {
            throw RefundRefused.tooMuch(left)
        }
        let places = Dictionary(paid.personal.map { ($0.part.accountID, $0.place) }, uniquingKeysWith: { $1 })
        try transaction.post(
            Posting(
                id: id, kind: .refund, accountID: accountID, amount: amount, day: before.today, what: what, by: by, askedBy: asker,
                refund: .init(chargeID: chargeID, saleID: sale, purchase: bought, device: device),
                legs: shares.shares.map { .init(accountID: $0.accountID, place: places[$0.accountID] ?? .meals, amount: $0.left) }
                    + [.organisation(supplier, -amount)]),
            at: now)
        try transaction.execute("update charge set refunded = refunded + \(amount) where id = \(chargeID)")
        try transaction.execute(
            """
            update meals_account m set spent = m.spent - \(amount)
            from charge k
            where m.id = \(accountID) and k.id = \(chargeID) and k.purchase = 'personal' and k.business_on = m.spent_on
            """)
        try transaction.execute(
            "update refund_request set state = 'confirmed', decided_by = \(by), decided_at = \(now) where id = \(id)")
        guard let after = try transaction.account(of: child, at: now) else { throw RefundRefused.noCharge }
        guard let kind = bought.kind else {
            try outbox.publish(
                ServiceRefunded(
                    refundID: id, chargeID: chargeID, dueID: sale, personID: child, amount: amount, what: what, reason: reason, askedBy: asker,
                    confirmedBy: by, postedAt: now, account: after.state),
                in: transaction)
            return try outbox.publish(AccountChanged(account: after.state), in: transaction)
        }
        try outbox.publish(
            RefundPosted(
                refundID: id, chargeID: chargeID, saleID: sale, personID: child, amount: amount, kind: kind, what: what,
                reason: reason, askedBy: asker, confirmedBy: by, postedAt: now, account: after.state),
            in: transaction)
    }
}

extension Transaction {
    /// What each account still has in a charge, after its refunds: the personal ones in the order in which they get money
    /// back, and the supplier that gives it.
    fileprivate func leftInCharge(_ chargeID: UUID) throws -> (
        personal: [(part: RefundShares.Part, place: Posting.Leg.Place)], supplier: UUID?
    ) {
        let rows = try rows(
            """
            select e.account_id, a.kind, -sum(e.amount)::bigint
            from (select \(chargeID)::uuid as id union all select t.id from transfer t where t.refunds = \(chargeID)) part
            cross join lateral (select l.account_id, l.amount from leg l where l.movement_id = part.id offset 0) e
            join account a on a.id = e.account_id
            left join subsidy s on s.id = e.account_id
            group by e.account_id, a.kind, s.valid_until
            order by a.kind = 'meals' desc, s.valid_until desc, e.account_id desc
            """, as: UUID.self, String.self, Money.self)
        let personal = rows.compactMap { row -> (part: RefundShares.Part, place: Posting.Leg.Place)? in
            guard let place = Posting.Leg.Place(rawValue: row.1) else { return nil }
            return (RefundShares.Part(accountID: row.0, left: row.2), place)
        }
        return (personal, rows.first { Posting.Leg.Place(rawValue: $0.1) == nil }?.0)
    }
}
