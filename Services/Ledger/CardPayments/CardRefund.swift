import Foundation
import Kernel
import Messaging
import Postgres

/// Money of a card payment on its way back to the card, as it stands (AC-02).
struct CardRefund: Equatable, Sendable {
    enum State: String, Encodable, Sendable {
        /// Held on the account; the acquirer was asked, or will be.
        case asked
        case returned
        /// The acquirer did not do it: the money is free again.
        case refused
    }

    /// Ours; the key of idempotence.
    let id: UUID
    let paymentID: UUID
    let accountID: UUID
    let amount: Money
    /// What comes to the card.
    let total: Money
    let reason: String
    let receipt: CardReceipt?
    let by: UUID
    let askedAt: Date
    let state: State
    let acquirerID: String?
    let asks: Int
    let endedAt: Date?
    let answer: String?

    /// Of the transfer that it becomes: of its own, so that no form can have taken it before.
    var transferID: UUID { .derived(from: id, "ledger.card.return") }
}

/// Why nothing is given back.
enum CardRefundRefused: Error, Equatable {
    /// There is no such payment at the school, or nobody paid it.
    case noPayment
    /// What of it can still go back: not more than it brought, and not more than is free on the account.
    case tooMuch(Money)
    case noReason
    /// There is no address for the receipt.
    case noAddress
    /// Another part of the payment is on its way back.
    case waitsAlready
    case repeatedWithOtherContents
}

/// An accountant gives money of a card payment back to the card it came from: it is held from this moment, so nobody spends
/// it while the acquirer is asked (AC-02, AC-12).
struct AskCardRefund {
    let id: UUID
    let paymentID: UUID
    let schoolID: UUID
    let amount: Money
    let reason: String
    /// Where the receipt of the return goes, if the school makes them.
    let email: String?
    let by: UUID

    static let longestReason = 200

    /// - Throws: ``CardRefundRefused``; nothing was changed then.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> CardRefund {
        guard !reason.isEmpty, reason.count <= Self.longestReason else { throw CardRefundRefused.noReason }
        guard let child = try transaction.cardPayment(.id(paymentID))?.child,
            let account = try transaction.lockedAccount(.child(child), at: now), account.schoolID == schoolID
        else { throw CardRefundRefused.noPayment }
        if let known = try transaction.cardRefund(id) {
            guard known.paymentID == paymentID, known.amount == amount, known.reason == reason, known.by == by else {
                throw CardRefundRefused.repeatedWithOtherContents
            }
            return known
        }
        // The acquirer would take it for the payment's own key.
        guard try transaction.cardPayment(.id(id)) == nil else { throw CardRefundRefused.repeatedWithOtherContents }
        guard let payment = try transaction.cardPayment(.id(paymentID)), payment.state == .credited else {
            throw CardRefundRefused.noPayment
        }
        let refunds = try transaction.cardRefunds(of: [paymentID])
        guard !refunds.contains(where: { $0.state == .asked }) else { throw CardRefundRefused.waitsAlready }
        let left = Self.left(of: payment, after: refunds)
        let most = max(.zero, min(left, account.available))
        guard amount > .zero, amount <= most else { throw CardRefundRefused.tooMuch(most) }
        let receipt = try receipt(account, in: transaction)
        let isNew = try transaction.execute(
            """
            insert into card_refund (id, payment_id, account_id, school_id, amount, total, reason, receipt, asked_by, asked_at, ask_at)
            values (\(id), \(paymentID), \(account.id), \(schoolID), \(amount),
                \(CardRules.back(amount, of: left, fee: payment.fee)), \(reason), \(receipt.map { JSON($0) }), \(by), \(now),
                \(now + CardRules.pause(afterAsks: 0)))
            on conflict (id) do nothing
            """) == 1
        // Another payment's form has taken the id at this moment.
        guard isNew else { throw CardRefundRefused.repeatedWithOtherContents }
        try transaction.execute(
            "update meals_account set held = held + \(amount), version = version + 1 where id = \(account.id)")
        try transaction.tell(child, outbox, at: now)
        guard let made = try transaction.cardRefund(id) else { throw CardRefundRefused.noPayment }
        return made
    }

    /// What of a payment has not gone back.
    static func left(of payment: CardPayment, after refunds: [CardRefund]) -> Money {
        payment.amount - refunds.filter { $0.state != .refused }.map(\.amount).total
    }

    private func receipt(_ account: Account, in transaction: borrowing Transaction) throws -> CardReceipt? {
        let terms = try transaction.cardTerms(of: account.schoolID)
        guard terms.receipts, let taxSystem = terms.taxSystem else { return nil }
        guard let email, StartCardPayment.isAddress(email) else { throw CardRefundRefused.noAddress }
        return CardReceipt(
            email: email, line: "Возврат аванса за питание, лицевой счёт \(account.number)", taxSystem: taxSystem, vat: terms.vat)
    }
}

extension Transaction {
    func cardRefund(_ id: UUID, isLocked: Bool = false) throws -> CardRefund? {
        try cardRefunds("id = \(id)", isLocked ? "for update" : "").first
    }

    /// Of these payments, in the order in which they were asked for.
    func cardRefunds(of payments: [UUID]) throws -> [CardRefund] { try cardRefunds("payment_id = any(\(payments))", "") }

    private func cardRefunds(_ condition: SQL, _ lock: SQL) throws -> [CardRefund] {
        try rows(
            """
            select id, payment_id, account_id, amount, total, reason, receipt, asked_by, asked_at, state, acquirer_id, asks,
                ended_at, answer
            from card_refund where \(condition) order by asked_at, id \(lock)
            """,
            as: UUID.self, UUID.self, UUID.self, Money.self, Money.self, String.self, JSON<CardReceipt>?.self, UUID.self, Date.self,
            String.self, String?.self, Int.self, Date?.self, String?.self
        ).map { row in
            CardRefund(
                id: row.0, paymentID: row.1, accountID: row.2, amount: row.3, total: row.4, reason: row.5, receipt: row.6?.value,
                by: row.7, askedAt: row.8, state: CardRefund.State(rawValue: row.9) ?? .asked, acquirerID: row.10, asks: row.11,
                endedAt: row.12, answer: row.13)
        }
    }
}
