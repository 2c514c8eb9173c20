import Foundation
import Kernel
import Messaging
import Postgres

/// A partner takes a payment back, as a whole and once: the money leaves the account by a movement of its own, if it is still
/// there and free (AC-03).
struct CancelPartnerPayment {
    let partner: Partner
    let cancel: PartnerCancel

    /// - Throws: ``PartnerRefusal``; nothing was changed then.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> PartnerAnswer.Cancelled {
        guard
            let (child, topUp, ownNumber, amount) = try transaction.first(
                """
                select m.person_id, p.transfer_id, p.own_number, p.amount
                from partner_payment p join meals_account m on m.id = p.account_id
                where p.partner_id = \(partner.id) and p.number = \(cancel.number)
                """, as: UUID.self, UUID.self, Int64.self, Money.self)
        else { throw PartnerRefusal.paymentNotFound }
        if let asked = cancel.amount, asked != amount { throw PartnerRefusal.differs }
        guard let account = try transaction.lockedAccount(.child(child), at: now) else { throw PartnerRefusal.paymentNotFound }
        if let (at, number) = try transaction.first(
            "select received_at, cancel_number from partner_cancel where partner_id = \(partner.id) and number = \(cancel.number)",
            as: Date.self, String?.self)
        {
            guard number == cancel.cancelNumber else { throw PartnerRefusal.cancelled }
            return PartnerAnswer.Cancelled(ownNumber: ownNumber, amount: amount, at: at)
        }
        guard partner.mayCancel, amount <= account.available else { throw PartnerRefusal.notCancellable }
        let id = UUID.derived(from: partner.id, "cancel.\(cancel.number)")
        guard
            try transaction.execute(
                """
                insert into partner_cancel (partner_id, number, cancel_number, dated, received_at, transfer_id)
                values (\(partner.id), \(cancel.number), \(cancel.cancelNumber), \(cancel.dated.map { String($0.prefix(40)) }), \(now), \(id))
                on conflict do nothing
                """) == 1
        else { throw PartnerRefusal.differs }
        // Back to where it came from, also when the pupil is at another school by now.
        guard
            let (source) = try transaction.first(
                "select account_id from entry where transfer_id = \(topUp) and position is null", as: UUID.self)
        else { throw PartnerRefusal.paymentNotFound }
        try transaction.post(
            Posting(
                id: id, kind: .return, accountID: account.id, amount: amount, day: account.today, what: partner.title, by: nil,
                returned: .init(topUpID: topUp, method: partner.method),
                legs: [.meals(account.id, -amount), .organisation(source, amount)]),
            at: now)
        try transaction.tell(child, outbox, at: now)
        return PartnerAnswer.Cancelled(ownNumber: ownNumber, amount: amount, at: now)
    }
}

extension Transaction {
    func isCancelled(_ number: String, of partner: Partner) throws -> Bool {
        try first("select true from partner_cancel where partner_id = \(partner.id) and number = \(number)", as: Bool.self) ?? false
    }

    /// How a payment stands, for a partner that asks by its own number of it.
    /// - Throws: ``PartnerRefusal`` when there is none or it was taken back.
    func partnerPayment(_ number: String, of partner: Partner) throws -> PartnerAnswer.Credited {
        guard
            let (ownNumber, amount, at) = try first(
                "select own_number, amount, received_at from partner_payment where partner_id = \(partner.id) and number = \(number)",
                as: Int64.self, Money.self, Date.self)
        else { throw PartnerRefusal.paymentNotFound }
        if try isCancelled(number, of: partner) { throw PartnerRefusal.cancelled }
        return PartnerAnswer.Credited(ownNumber: ownNumber, amount: amount, at: at, isRepeat: true)
    }
}
