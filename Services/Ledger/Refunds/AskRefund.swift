import Foundation
import Kernel
import Postgres

/// A guardian or a cashier says that a charge was a mistake (AC-12). Nothing moves until a tutor has confirmed it.
///
/// The id is made by the form before it is sent, so a form sent twice asks once.
struct AskRefund {
    let id: UUID
    let chargeID: UUID
    let child: UUID
    let amount: Money
    let reason: String
    let by: UUID

    static let longestReason = 300

    /// - Throws: `RefundRefused`.
    func run(in transaction: borrowing Transaction, at now: Date) throws {
        guard !reason.isEmpty, reason.count <= Self.longestReason else { throw RefundRefused.noReason }
        guard amount > .zero else { throw RefundRefused.notAnAmount }
        let accountID = Account.id(of: child)
        _ = try transaction.lock(accounts: [accountID])
        if let (charge, sum, who, words) = try transaction.first(
            "select charge_id, amount, asked_by, reason from refund_request where id = \(id)",
            as: UUID.self, Money.self, UUID.self, String.self)
        {
            guard charge == chargeID, sum == amount, who == by, words == reason else {
                throw RefundRefused.repeatedWithOtherContents
            }
            return
        }
        guard
            let (left, school) = try transaction.first(
                """
                select k.amount - k.refunded, m.school_id from charge k join meals_account m on m.id = k.account_id
                where k.id = \(chargeID) and k.account_id = \(accountID) and k.state = 'posted'
                """, as: Money.self, UUID.self)
        else { throw RefundRefused.noCharge }
        guard amount <= left else { throw RefundRefused.tooMuch(left) }
        guard try !transaction.isPosted(id) else { throw RefundRefused.repeatedWithOtherContents }
        guard
            try transaction.execute(
                """
                insert into refund_request (id, charge_id, account_id, school_id, amount, reason, asked_by, asked_at)
                values (\(id), \(chargeID), \(accountID), \(school), \(amount), \(reason), \(by), \(now))
                on conflict (charge_id) where state = 'asked' do nothing
                """) == 1
        else { throw RefundRefused.waitsAlready }
    }
}
