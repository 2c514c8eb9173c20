import Foundation
import Kernel
import Postgres

/// An attempt to top up by card, as it stands.
struct CardPayment: Equatable, Sendable {
    enum State: String, Sendable {
        case asked, open, credited, cancelled, refused, returning, returned, disputed

        /// Whether nothing more will become of it.
        var isEnd: Bool { ![.asked, .open, .returning].contains(self) }
    }

    let id: UUID
    let accountID: UUID
    let child: UUID
    let schoolID: UUID
    let by: UUID
    let amount: Money
    let fee: Money
    let receipt: CardReceipt?
    let state: State
    let acquirerID: String?
    let payAt: String?
    let card: String?
    let asks: Int
    let askedAt: Date?
    let madeAt: Date
    /// The acquirer's name of the refund, of one that goes back because its account was closed.
    var refundID: String?

    var total: Money { amount + fee }
    /// Of the transfer that it becomes.
    var transferID: UUID { .derived(from: id, "ledger.card") }
    /// Keys of idempotence of what may follow.
    var captureKey: UUID { .derived(from: id, "ledger.card.capture") }
    var cancelKey: UUID { .derived(from: id, "ledger.card.cancel") }
    var refundKey: UUID { .derived(from: id, "ledger.card.refund") }

    /// What is asked of the acquirer; the same whenever it is asked again.
    func order(returnTo publicAddress: String, accountNumber: String) -> CardOrder {
        CardOrder(
            id: id, total: total, description: "Пополнение лицевого счёта \(accountNumber)",
            returnAddress: publicAddress + path, receipt: receipt)
    }

    /// The page that says how it stands.
    var path: String { "/ledger/children/\(child.text)/payments/\(id.text)" }
}

/// A payment that somebody has begun and not finished.
struct WaitingCardPayment: Equatable, Sendable {
    let id: UUID
    let total: Money
    let madeAt: Date
}

/// Which payment to read.
enum CardPaymentKey {
    case id(UUID)
    case acquirer(String)
}

extension Transaction {
    /// Payments of a child's account that wait for the payer or for the acquirer's first word, newest first.
    func waitingCardPayments(of child: UUID) throws -> [WaitingCardPayment] {
        try rows(
            """
            select id, amount + fee, made_at from card_payment
            where account_id = \(Account.id(of: child)) and state in ('asked', 'open') order by made_at desc, id
            """, as: UUID.self, Money.self, Date.self
        ).map { WaitingCardPayment(id: $0.0, total: $0.1, madeAt: $0.2) }
    }

    func cardPayment(_ key: CardPaymentKey, isLocked: Bool = false) throws -> CardPayment? {
        let condition: SQL =
            switch key {
            case .id(let id): "id = \(id)"
            case .acquirer(let id): "acquirer_id = \(id)"
            }
        let lock: SQL = isLocked ? "for update" : ""
        return try first(
            """
            select id, account_id, person_id, school_id, by_id, amount, fee, receipt, state, acquirer_id, pay_at, card,
                asks, asked_at, made_at, refund_id
            from card_payment where \(condition) \(lock)
            """,
            as: UUID.self, UUID.self, UUID.self, UUID.self, UUID.self, Money.self, Money.self, JSON<CardReceipt>?.self,
            String.self, String?.self, String?.self, String?.self, Int.self, Date?.self, Date.self, String?.self
        ).map { row in
            CardPayment(
                id: row.0, accountID: row.1, child: row.2, schoolID: row.3, by: row.4, amount: row.5, fee: row.6,
                receipt: row.7?.value, state: CardPayment.State(rawValue: row.8) ?? .disputed, acquirerID: row.9,
                payAt: row.10, card: row.11, asks: row.12, askedAt: row.13, madeAt: row.14, refundID: row.15)
        }
    }
}
