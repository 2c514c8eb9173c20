import Foundation
import Kernel

/// Rules of top-ups by card; values only.
enum CardRules {
    static let least = Money(kopecks: 1_000)
    static let most = Money(kopecks: 1_500_000)
    /// How many payments of one account may wait for the payer at a time, whoever began them: beyond that somebody only begins.
    static let mostOpen = 5
    /// The sums that most people choose.
    static let presets = [Money(kopecks: 20_000), Money(kopecks: 50_000), Money(kopecks: 100_000), Money(kopecks: 200_000)]

    /// What the payer adds to a sum (BY-03), to whole kopecks, half of one upwards.
    /// - Parameter fee: in hundredths of a percent.
    static func fee(of amount: Money, at fee: Int) -> Money {
        Money(kopecks: (amount.kopecks * Int64(fee) + 5_000) / 10_000)
    }

    /// How long to wait before the acquirer is asked again: a payer who is at it is waited for closely, one who has left is
    /// looked for calmly.
    static func pause(afterAsks asks: Int) -> TimeInterval {
        let steps: [TimeInterval] = [2, 3, 5, 8, 15, 30, 60, 120, 300]
        return asks < steps.count ? steps[max(0, asks)] : 600
    }

    /// The acquirer remembers a key for a day: whoever has not heard of his payment by then never got an address to pay at.
    static let keyLives: TimeInterval = 23 * 3600

    /// What comes to the card when money of a payment goes back: the fee with the last of it, so that whoever gets all of it
    /// back gets all that he paid.
    /// - Parameter left: of the payment's sum, before.
    static func back(_ amount: Money, of left: Money, fee: Money) -> Money { amount == left ? amount + fee : amount }

    /// What the acquirer's word leads to.
    enum Step: Equatable {
        case wait
        case credit
        /// Take what is held.
        case capture
        /// Let go of what is held: the account was closed.
        case letGo
        /// Paid for a closed account: back to the card.
        case giveBack
        case end(reason: String)
        /// The acquirer tells of another sum or order than we asked for.
        case dispute
    }

    /// - Parameters:
    ///   - total: what we asked for.
    ///   - isOpen: whether the child's account is.
    static func step(_ payment: AcquirerPayment, order: UUID, total: Money, isOpen: Bool) -> Step {
        guard payment.order == order, payment.total == total else { return .dispute }
        switch payment.status {
        case .pending: return .wait
        case .waitingForCapture: return isOpen ? .capture : .letGo
        case .succeeded: return isOpen ? .credit : .giveBack
        case .canceled: return .end(reason: payment.reason ?? "")
        }
    }
}
