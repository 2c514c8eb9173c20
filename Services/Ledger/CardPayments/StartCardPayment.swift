import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A guardian decides to pay by card: the attempt is written down before anybody is asked for anything (AC-02).
///
/// The id is made by the form before it is sent, so a form sent twice is one payment.
struct StartCardPayment: Equatable {
    let id: UUID
    let child: UUID
    let amount: Money
    /// The fee that the payer has seen; another one by now is refused, not charged.
    let fee: Money
    /// Where a receipt goes, if the school makes them.
    let email: String?
    let by: UUID

    /// - Throws: ``CardPaymentRefused``.
    func run(in transaction: borrowing Transaction, at now: Date) throws -> CardPayment {
        guard amount >= CardRules.least, amount <= CardRules.most else { throw CardPaymentRefused.notAnAmount }
        // Locked, so that two forms at a time see and count each other.
        guard let account = try transaction.lockedAccount(.child(child), at: now) else { throw CardPaymentRefused.noAccount }
        if let known = try transaction.cardPayment(.id(id)) {
            guard known.child == child, known.amount == amount, known.by == by else {
                throw CardPaymentRefused.repeatedWithOtherContents
            }
            return known
        }
        guard account.isOpen else { throw CardPaymentRefused.accountClosed }
        guard try transaction.waitingCardPayments(of: child).count < CardRules.mostOpen else { throw CardPaymentRefused.tooManyOpen }
        let terms = try transaction.cardTerms(of: account.schoolID)
        guard terms.isOpen else { throw CardPaymentRefused.notTaken }
        guard CardRules.fee(of: amount, at: terms.fee) == fee else { throw CardPaymentRefused.feeChanged }
        var receipt: CardReceipt?
        if terms.receipts, let taxSystem = terms.taxSystem {
            guard let email, Self.isAddress(email) else { throw CardPaymentRefused.noAddress }
            receipt = CardReceipt(
                email: email, line: "Аванс за питание, лицевой счёт \(account.number)", taxSystem: taxSystem, vat: terms.vat)
        }
        try transaction.execute(
            """
            insert into card_payment (id, account_id, person_id, school_id, by_id, amount, fee, receipt, state, ask_at, made_at)
            values (\(id), \(account.id), \(child), \(account.schoolID), \(by), \(amount), \(fee),
                \(receipt.map { JSON($0) }), 'asked', \(now + CardRules.pause(afterAsks: 0)), \(now))
            on conflict do nothing
            """)
        // Another child's form has taken the id at this moment.
        guard let kept = try transaction.cardPayment(.id(id)) else { throw CardPaymentRefused.repeatedWithOtherContents }
        guard kept.child == child, kept.amount == amount, kept.by == by else {
            throw CardPaymentRefused.repeatedWithOtherContents
        }
        return kept
    }

    /// Whether a receipt can be sent there: something on both sides of one @, no spaces.
    static func isAddress(_ text: String) -> Bool {
        text.count <= 128 && text.wholeMatch(of: /[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]{2,}/) != nil
    }
}

/// Why no payment was begun.
enum CardPaymentRefused: Error, Equatable {
    case notAnAmount, noAccount, accountClosed
    /// The school takes no cards.
    case notTaken
    /// The fee is not the one that the payer has seen.
    case feeChanged
    /// There is no address for the receipt.
    case noAddress
    /// So many payments of the account wait for the payer already.
    case tooManyOpen
    case repeatedWithOtherContents
}
