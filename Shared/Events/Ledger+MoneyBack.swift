public import Foundation
public import Kernel

/// A mistaken charge was given back, in part or as a whole, after a tutor confirmed it (AC-12).
public struct RefundPosted: Event {
    public static let name = "ledger.refund.posted.v1"

    public let refundID: UUID
    public let chargeID: UUID
    public let saleID: UUID
    public let personID: UUID
    public let amount: Money
    public let kind: PurchaseKind
    /// What the statement says was bought.
    public let what: String
    /// In the words of who asked.
    public let reason: String
    public let askedBy: UUID
    public let confirmedBy: UUID
    public let postedAt: Date
    public let account: AccountState

    public init(
        refundID: UUID, chargeID: UUID, saleID: UUID, personID: UUID, amount: Money, kind: PurchaseKind, what: String,
        reason: String, askedBy: UUID, confirmedBy: UUID, postedAt: Date, account: AccountState
    ) {
        self.refundID = refundID
        self.chargeID = chargeID
        self.saleID = saleID
        self.personID = personID
        self.amount = amount
        self.kind = kind
        self.what = what
        self.reason = reason
        self.askedBy = askedBy
        self.confirmedBy = confirmedBy
        self.postedAt = postedAt
        self.account = account
    }

    public var aggregate: UUID { chargeID }

    public static var example: RefundPosted {
        RefundPosted(
            refundID: Example.refund, chargeID: Example.charge, saleID: Example.sale, personID: Example.child,
            amount: Money(kopecks: 4_500), kind: .personal, what: "Обед № 2", reason: "Пробили дважды",
            askedBy: Example.guardian, confirmedBy: Example.cashier, postedAt: Example.moment, account: .example)
    }
}

/// A charge took the balance under the sum that the guardians named; said once each time it passes it.
public struct BalanceLow: Event {
    public static let name = "ledger.balance.low.v1"

    public let chargeID: UUID
    public let personID: UUID
    /// The sum that the guardians named.
    public let below: Money
    public let at: Date
    public let account: AccountState

    public init(chargeID: UUID, personID: UUID, below: Money, at: Date, account: AccountState) {
        self.chargeID = chargeID
        self.personID = personID
        self.below = below
        self.at = at
        self.account = account
    }

    public var aggregate: UUID { account.accountID }

    public static var example: BalanceLow {
        BalanceLow(
            chargeID: Example.charge, personID: Example.child, below: Money(kopecks: 100_000), at: Example.moment, account: .example)
    }
}
