import Foundation
import Kernel

/// How a refund is shared among the accounts that paid the charge (AC-12, AC-08): in the reverse of the order in which they
/// were spent, so own money comes back before a subsidy's. A rule without I/O.
struct RefundShares: Equatable {
    /// What an account still has in the charge.
    struct Part: Equatable {
        let accountID: UUID
        /// Paid by it and not given back yet; never below zero.
        let left: Money
    }

    let shares: [Part]

    /// - Parameters:
    ///   - amount: what is given back.
    ///   - parts: in the order in which they get their money back.
    /// - Returns: nil when the accounts paid less than that.
    init?(_ amount: Money, among parts: [Part]) {
        var rest = amount
        var shares: [Part] = []
        for part in parts where rest > .zero && part.left > .zero {
            let share = min(rest, part.left)
            shares.append(Part(accountID: part.accountID, left: share))
            rest -= share
        }
        guard rest == .zero else { return nil }
        self.shares = shares
    }
}

/// Where a request to give money back for a mistaken charge stands.
enum RefundState: String, Encodable, Sendable {
    case asked, confirmed, refused
}

/// Why a refund was not asked for or not decided.
enum RefundRefused: Error, Equatable {
    /// There is no such charge on this account, or it was taken back already.
    case noCharge
    case notAnAmount
    /// What can still be given back.
    case tooMuch(Money)
    case noReason
    /// A request about this charge waits already.
    case waitsAlready
    /// The same form was sent before with other contents.
    case repeatedWithOtherContents
    /// Another movement has its id: it can be refused only.
    case idTaken
    case noRequest
    /// Whoever asked cannot decide (AC-12: two people take part).
    case ownRequest
}
