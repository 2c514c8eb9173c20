import Foundation
import Kernel
import Messaging
import Postgres

/// A partner's payment comes onto an account, once whatever is repeated, reordered or sent twice at the same time.
///
/// The partner's number is the key: it is written in the transaction that credits, and the transfer's id follows from it.
struct TakePartnerPayment {
    let partner: Partner
    let payment: PartnerPay

    /// - Throws: ``PartnerRefusal``; nothing was changed then.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> PartnerAnswer.Credited {
        if let known = try known(in: transaction) { return known }
        guard PartnerWords.isAccount(payment.account) else { throw PartnerRefusal.accountFormat }
        guard let amount = payment.amount, amount > .zero else { throw PartnerRefusal.badAmount }
        guard let account = try transaction.lockedAccount(.number(payment.account), at: now) else {
            throw PartnerRefusal.accountNotFound
        }
        // Whoever had the same number and the same account a moment earlier has gone on by now.
        if let known = try known(in: transaction) { return known }
        guard account.isOpen else { throw PartnerRefusal.accountClosed }
        if amount < partner.least { throw PartnerRefusal.tooSmall }
        if amount > partner.most { throw PartnerRefusal.tooLarge }

        let id = UUID.derived(from: partner.id, "payment.\(payment.number)")
        let written = try transaction.first(
            """
            insert into partner_payment
                (partner_id, number, account_id, account_number, amount, dated, partner_day, received_at, transfer_id)
            values (\(partner.id), \(payment.number), \(account.id), \(payment.account), \(amount), \(payment.dated),
                \(payment.day), \(now), \(id))
            on conflict (partner_id, number) do nothing
            returning own_number
            """, as: Int64.self)
        guard let (ownNumber) = written else {
            // Somebody else had the number with another account at the same moment, and has committed.
            guard let known = try known(in: transaction) else { throw PartnerRefusal.temporary }
            return known
        }
        try transaction.post(
            TopUp(id: id, amount: amount, method: partner.method, what: partner.title), to: account, outbox, at: now)
        return PartnerAnswer.Credited(ownNumber: ownNumber, amount: amount, at: now, isRepeat: false)
    }

    private func known(in transaction: borrowing Transaction) throws -> PartnerAnswer.Credited? {
        guard
            let (ownNumber, account, amount, at) = try transaction.first(
                """
                select own_number, account_number, amount, received_at from partner_payment
                where partner_id = \(partner.id) and number = \(payment.number)
                """, as: Int64.self, String.self, Money.self, Date.self)
        else { return nil }
        guard account == payment.account, amount == payment.amount else { throw PartnerRefusal.differs }
        // A late repeat of what was cancelled meanwhile must not look like money on the account.
        if try transaction.isCancelled(payment.number, of: partner) { throw PartnerRefusal.cancelled }
        return PartnerAnswer.Credited(ownNumber: ownNumber, amount: amount, at: at, isRepeat: true)
    }
}

extension Transaction {
    /// Keeps for the accountant that a number came again with other contents.
    func noteConflict(_ payment: PartnerPay, of partner: Partner, at now: Date) throws {
        try execute(
            """
            insert into partner_conflict (partner_id, number, account_number, amount, first_seen_at, last_seen_at)
            values (\(partner.id), \(payment.number), \(String(payment.account.prefix(40))), \(payment.amount), \(now), \(now))
            on conflict (partner_id, number, account_number, amount) do update
            set last_seen_at = excluded.last_seen_at, times = partner_conflict.times + 1
            """)
    }
}
