import Events
import Kernel

/// What a child may spend in one business day on personal purchases (AC-07).
///
/// Collective purchases never count (D-01); the books apply the same rule in `decide_charges`, and a test holds
/// the two against each other.
struct DailyLimit: Equatable {
    /// Nil: no limit has been set.
    let limit: Money?
    /// Spent on personal purchases on the day in question, after what was given back that day.
    let spent: Money

    /// What is left today; nil without a limit, never below zero (a lowered limit may lie under what is spent).
    var left: Money? {
        limit.map { max($0 - spent, .zero) }
    }

    /// True when the limit forbids this purchase.
    func forbids(_ amount: Money, _ kind: PurchaseKind) -> Bool {
        guard kind == .personal, let left else { return false }
        return amount > left
    }

    /// How full the limit is, in whole percent from 0 to 100; nil without a limit.
    var percent: Int? {
        guard let limit else { return nil }
        guard limit > .zero else { return 100 }
        return Int(min(100, spent.kopecks * 100 / limit.kopecks))
    }
}
