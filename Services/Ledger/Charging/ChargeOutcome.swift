import Events
import Foundation
import Kernel

/// How an attempt stands in the books. It ends once: `posted` may still become `reversed`, nothing else changes.
enum ChargeState: String {
    case posted, declined, withdrawn, reversed
}

/// What the books did with one command.
enum ChargeVerdict: String {
    /// Decided just now.
    case new
    /// Decided before; the answer is given again.
    case `repeat`
    /// The id is known with other contents, or as that of another movement.
    case differs
    /// Another attempt of the same sale is still paid: its withdrawal is on the way.
    case early
}

/// The answer of the books to one command.
struct ChargeOutcome: Equatable {
    let verdict: ChargeVerdict
    let state: ChargeState?
    let reason: DeclineReason?
    let amount: Money?
    let kind: PurchaseKind?
    /// What could be spent when it was refused, and what of the day's limit.
    let available: Money?
    let limitLeft: Money?
    let day: Day?
    let at: Date?
    /// The allowance that the charge used up.
    let usedAllowance: UUID?
    /// The sum under which the guardians want to be told, when this charge took the balance under it.
    var lowBelow: Money? = nil
    /// The account after the decision; nil when the child has none.
    let account: AccountState?
}

/// What is said about an attempt: always the one way in which it ended, however often and by which command asked.
enum ChargeAnswer: Equatable {
    case accepted(ChargeAccepted)
    case declined(ChargeDeclined)
    case withdrawn(ChargeWithdrawn)
}

/// The four values that name an attempt.
struct Attempt: Hashable {
    let chargeID: UUID
    let saleID: UUID
    let number: Int
    let personID: UUID

    /// The sentence about how the attempt ended.
    ///
    /// - Parameter charge: the command that asked for it, when it is the one being answered; a withdrawal knows only
    ///   what the books know.
    func answer(_ outcome: ChargeOutcome, to charge: Charge? = nil) -> ChargeAnswer? {
        guard let state = outcome.state, let at = outcome.at else { return nil }
        let amount = charge?.amount ?? outcome.amount ?? .zero
        let kind = charge?.kind ?? outcome.kind ?? .personal
        switch state {
        case .posted:
            guard let charge, let day = outcome.day, let account = outcome.account else { return nil }
            return .accepted(
                ChargeAccepted(
                    chargeID: chargeID, saleID: saleID, attempt: number, personID: personID, amount: amount,
                    kind: kind, what: charge.what, day: day, postedAt: at, account: account))
        case .declined:
            guard let reason = outcome.reason else { return nil }
            return .declined(
                ChargeDeclined(
                    chargeID: chargeID, saleID: saleID, attempt: number, personID: personID, amount: amount,
                    kind: kind, reason: reason, available: outcome.available, limitLeft: outcome.limitLeft, at: at))
        case .withdrawn, .reversed:
            let wasPosted = state == .reversed
            return .withdrawn(
                ChargeWithdrawn(
                    chargeID: chargeID, saleID: saleID, attempt: number, personID: personID, wasPosted: wasPosted,
                    amount: outcome.amount ?? (wasPosted ? amount : .zero), at: at,
                    account: wasPosted ? outcome.account : nil))
        }
    }
}
