import Foundation
import Kernel

/// Whoever takes bank cards for us on pages of his own (AC-02): the port that the rest of the service knows.
///
/// Everything that changes something carries a key of idempotence: asked again with the same key, it is done once.
protocol Acquirer: Sendable {
    /// Asks for a payment that the payer then makes on the acquirer's page.
    func create(_ order: CardOrder) async throws(AcquirerFailure) -> AcquirerPayment
    /// What became of it.
    func payment(_ id: String) async throws(AcquirerFailure) -> AcquirerPayment
    /// Takes money that is only held on the card.
    func capture(_ id: String, amount: Money, key: UUID) async throws(AcquirerFailure) -> AcquirerPayment
    /// Lets go of money that is only held on the card.
    func cancel(_ id: String, key: UUID) async throws(AcquirerFailure) -> AcquirerPayment
    /// Gives paid money back to the card it came from.
    /// - Parameter reason: up to 250 characters, as the payer may read it in his statement.
    func refund(
        _ id: String, amount: Money, reason: String, receipt: CardReceipt?, key: UUID
    ) async throws(AcquirerFailure) -> AcquirerRefund
    /// What became of a refund.
    func refund(_ id: String) async throws(AcquirerFailure) -> AcquirerRefund
}

/// What is asked of the acquirer.
struct CardOrder: Equatable, Sendable {
    /// Ours; the key of idempotence, and told with the payment so that we know it again.
    let id: UUID
    /// What the payer pays, the fee included.
    let total: Money
    let description: String
    /// Where the payer comes back to.
    let returnAddress: String
    let receipt: CardReceipt?
}

/// What a receipt by 54-ФЗ says: one line, an advance.
struct CardReceipt: Codable, Equatable, Sendable {
    /// Where it is sent.
    let email: String
    /// What is paid for, up to 128 characters.
    let line: String
    /// Tag 1055.
    let taxSystem: Int
    /// Tag 1199.
    let vat: Int
}

/// A payment as the acquirer tells it.
struct AcquirerPayment: Equatable, Sendable {
    enum Status: String, Sendable {
        case pending
        /// The money is held on the card.
        case waitingForCapture = "waiting_for_capture"
        case succeeded, canceled
    }

    let id: String
    let status: Status
    /// In roubles; nil when it is another currency or none.
    let total: Money?
    /// Ours, as we told it.
    let order: UUID?
    /// Where the payer goes; nil once he need not.
    let payAt: String?
    /// The last four digits of the card.
    let card: String?
    /// Why it was cancelled.
    let reason: String?
}

/// A refund as the acquirer tells it.
struct AcquirerRefund: Equatable, Sendable {
    enum Status: String, Sendable { case pending, succeeded, canceled }

    let id: String
    let status: Status
    let reason: String?
}

/// Why the acquirer gave no answer that counts.
enum AcquirerFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// Whether it was done is not known: ask again with the same key.
    case unknown(String)
    /// Our shop or secret is not accepted: nothing is decided by it, and the operator must look.
    case notTrusted(String)
    /// It was not done and will not be.
    case refused(code: String, String)
    /// There is no such payment.
    case notFound

    var description: String {
        switch self {
        case .unknown(let why): "not known whether it was done: \(why)"
        case .notTrusted(let why): "the acquirer does not accept our shop and secret (acquirer.shop, acquirer.secret): \(why)"
        case .refused(let code, let words): "refused, \(code): \(words)"
        case .notFound: "there is no such payment"
        }
    }
}
