public import Foundation
public import Kernel

/// Who eats: the child alone, or the class by its teacher’s request (D-02).
public enum PurchaseKind: String, DescribedEnum {
    case personal
    case collective
}

/// Why a charge or a sale was refused; a cashier can read it aloud.
public enum DeclineReason: String, DescribedEnum {
    case notEnoughMoney
    case dailyLimit
    case noAccount
    case accountClosed
    /// It came after its time to live.
    case tooLate
    /// It was withdrawn before it came.
    case withdrawn
    /// The parents have banned something of it (BY-05). Canteen says so by itself, before any money is asked for.
    case banned
}

/// How money came in (AC-05).
public enum TopUpMethod: String, DescribedEnum {
    case cashDesk
    case bankCard
    case terminal
    case bankRegister
}

/// What became of money set aside for a sale without the network.
public enum AllowanceState: String, DescribedEnum {
    /// Set aside; no till has it.
    case granted
    /// One till may spend it.
    case lent
    case used
    case released
}

/// A pupil’s meals account as it stands after what the event tells.
public struct AccountState: Codable, Sendable, Equatable {
    public let accountID: UUID
    public let version: Int64
    public let personID: UUID
    public let schoolID: UUID
    public let accountNumber: String
    public let balance: Money
    /// None = no limit (AC-11).
    public let dailyLimit: Money?
    /// Counted against the limit on `day`.
    public let spentToday: Money
    /// The business day in the school’s zone.
    public let day: Day
    public let isOpen: Bool

    public init(
        accountID: UUID, version: Int64, personID: UUID, schoolID: UUID, accountNumber: String, balance: Money,
        dailyLimit: Money? = nil, spentToday: Money, day: Day, isOpen: Bool
    ) {
        self.accountID = accountID
        self.version = version
        self.personID = personID
        self.schoolID = schoolID
        self.accountNumber = accountNumber
        self.balance = balance
        self.dailyLimit = dailyLimit
        self.spentToday = spentToday
        self.day = day
        self.isOpen = isOpen
    }

    static var example: AccountState {
        AccountState(
            accountID: Example.account, version: 41, personID: Example.child, schoolID: Example.school,
            accountNumber: "4071000714", balance: Money(kopecks: 84_550), dailyLimit: Money(kopecks: 30_000),
            spentToday: Money(kopecks: 10_450), day: Example.day, isOpen: true)
    }
}

/// An account was opened, closed, filled, charged or limited.
public struct AccountChanged: VersionedEvent {
    public static let name = "ledger.account.changed.v1"

    public let account: AccountState
    public let ended: Bool

    public init(
        account: AccountState, ended: Bool = false
    ) {
        self.account = account
        self.ended = ended
    }

    public var aggregate: UUID { account.accountID }

    public var version: Int64 { account.version }

    public static var example: AccountChanged {
        AccountChanged(
            account: .example, ended: false)
    }
}

/// A charge was posted.
public struct ChargeAccepted: Event {
    public static let name = "ledger.charge.accepted.v1"

    public let chargeID: UUID
    public let saleID: UUID
    public let attempt: Int
    public let personID: UUID
    public let amount: Money
    public let kind: PurchaseKind
    /// What the statement says was bought.
    public let what: String
    public let day: Day
    public let postedAt: Date
    public let account: AccountState

    public init(
        chargeID: UUID, saleID: UUID, attempt: Int, personID: UUID, amount: Money, kind: PurchaseKind, what: String,
        day: Day, postedAt: Date, account: AccountState
    ) {
        self.chargeID = chargeID
        self.saleID = saleID
        self.attempt = attempt
        self.personID = personID
        self.amount = amount
        self.kind = kind
        self.what = what
        self.day = day
        self.postedAt = postedAt
        self.account = account
    }

    public var aggregate: UUID { saleID }

    public static var example: ChargeAccepted {
        ChargeAccepted(
            chargeID: Example.charge, saleID: Example.sale, attempt: 1, personID: Example.child,
            amount: Money(kopecks: 10_450), kind: .personal, what: "Обед № 2", day: Example.day,
            postedAt: Example.moment, account: .example)
    }
}

/// A charge was refused; nothing moved.
public struct ChargeDeclined: Event {
    public static let name = "ledger.charge.declined.v1"

    public let chargeID: UUID
    public let saleID: UUID
    public let attempt: Int
    public let personID: UUID
    public let amount: Money
    public let kind: PurchaseKind
    public let reason: DeclineReason
    /// What the account could have paid.
    public let available: Money?
    /// What the daily limit would have allowed.
    public let limitLeft: Money?
    public let at: Date

    public init(
        chargeID: UUID, saleID: UUID, attempt: Int, personID: UUID, amount: Money, kind: PurchaseKind,
        reason: DeclineReason, available: Money? = nil, limitLeft: Money? = nil, at: Date
    ) {
        self.chargeID = chargeID
        self.saleID = saleID
        self.attempt = attempt
        self.personID = personID
        self.amount = amount
        self.kind = kind
        self.reason = reason
        self.available = available
        self.limitLeft = limitLeft
        self.at = at
    }

    public var aggregate: UUID { saleID }

    public static var example: ChargeDeclined {
        ChargeDeclined(
            chargeID: Example.charge, saleID: Example.sale, attempt: 1, personID: Example.child,
            amount: Money(kopecks: 10_450), kind: .personal, reason: .notEnoughMoney,
            available: Money(kopecks: 4_500), limitLeft: Money(kopecks: 30_000), at: Example.moment)
    }
}

/// An attempt was closed: its charge was reversed, or can never post any more.
public struct ChargeWithdrawn: Event {
    public static let name = "ledger.charge.withdrawn.v1"

    public let chargeID: UUID
    public let saleID: UUID
    public let attempt: Int
    public let personID: UUID
    /// True when money had moved and was given back.
    public let wasPosted: Bool
    public let amount: Money
    public let at: Date
    /// After the reversal; none when nothing had moved.
    public let account: AccountState?

    public init(
        chargeID: UUID, saleID: UUID, attempt: Int, personID: UUID, wasPosted: Bool, amount: Money, at: Date,
        account: AccountState? = nil
    ) {
        self.chargeID = chargeID
        self.saleID = saleID
        self.attempt = attempt
        self.personID = personID
        self.wasPosted = wasPosted
        self.amount = amount
        self.at = at
        self.account = account
    }

    public var aggregate: UUID { saleID }

    public static var example: ChargeWithdrawn {
        ChargeWithdrawn(
            chargeID: Example.charge, saleID: Example.sale, attempt: 1, personID: Example.child, wasPosted: true,
            amount: Money(kopecks: 10_450), at: Example.moment, account: .example)
    }
}

/// Money came in.
public struct TopUpPosted: Event {
    public static let name = "ledger.top-up.posted.v1"

    public let topUpID: UUID
    public let personID: UUID
    public let amount: Money
    public let method: TopUpMethod
    /// Number of the cash desk’s or the bank’s paper.
    public let receipt: String?
    /// The accountant at the desk.
    public let by: UUID?
    public let postedAt: Date
    public let account: AccountState

    public init(
        topUpID: UUID, personID: UUID, amount: Money, method: TopUpMethod, receipt: String? = nil, by: UUID? = nil,
        postedAt: Date, account: AccountState
    ) {
        self.topUpID = topUpID
        self.personID = personID
        self.amount = amount
        self.method = method
        self.receipt = receipt
        self.by = by
        self.postedAt = postedAt
        self.account = account
    }

    public var aggregate: UUID { topUpID }

    public static var example: TopUpPosted {
        TopUpPosted(
            topUpID: Example.topUp, personID: Example.child, amount: Money(kopecks: 50_000), method: .cashDesk,
            receipt: "ПКО-118", by: Example.accountant, postedAt: Example.moment, account: .example)
    }
}

/// Money set aside beforehand, so that a child eats when the network is down.
public struct AllowanceChanged: VersionedEvent {
    public static let name = "ledger.allowance.changed.v1"

    public let allowanceID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let day: Day
    public let amount: Money
    public let state: AllowanceState
    /// The till it is lent to.
    public let till: UUID?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        allowanceID: UUID, version: Int64, personID: UUID, day: Day, amount: Money, state: AllowanceState,
        till: UUID? = nil, ended: Bool = false
    ) {
        self.allowanceID = allowanceID
        self.version = version
        self.personID = personID
        self.day = day
        self.amount = amount
        self.state = state
        self.till = till
        self.ended = ended
    }

    public var aggregate: UUID { allowanceID }

    public static var example: AllowanceChanged {
        AllowanceChanged(
            allowanceID: Example.allowance, version: 2, personID: Example.child, day: Example.day,
            amount: Money(kopecks: 10_450), state: .lent, till: Example.till, ended: false)
    }
}

/// Canteen asks Ledger to take the price of a sale. The id derives from sale and attempt; a repeat changes nothing.
public struct Charge: Command {
    public static let name = "ledger.charge.v1"

    public let chargeID: UUID
    public let saleID: UUID
    /// Counts from 1; at most one attempt of a sale succeeds.
    public let attempt: Int
    public let personID: UUID
    public let amount: Money
    public let kind: PurchaseKind
    public let what: String
    public let tillID: UUID?
    /// Who sold or requested it.
    public let by: UUID?
    public let soldAt: Date
    /// Past it the answer is “too late” and the attempt is closed.
    public let expiresAt: Date?
    /// The till’s date, for a sale made without the network.
    public let offlineDay: Day?
    public let allowanceID: UUID?

    public init(
        chargeID: UUID, saleID: UUID, attempt: Int, personID: UUID, amount: Money, kind: PurchaseKind, what: String,
        tillID: UUID? = nil, by: UUID? = nil, soldAt: Date, expiresAt: Date? = nil, offlineDay: Day? = nil,
        allowanceID: UUID? = nil
    ) {
        self.chargeID = chargeID
        self.saleID = saleID
        self.attempt = attempt
        self.personID = personID
        self.amount = amount
        self.kind = kind
        self.what = what
        self.tillID = tillID
        self.by = by
        self.soldAt = soldAt
        self.expiresAt = expiresAt
        self.offlineDay = offlineDay
        self.allowanceID = allowanceID
    }

    public var aggregate: UUID { saleID }

    public static var example: Charge {
        Charge(
            chargeID: Example.charge, saleID: Example.sale, attempt: 1, personID: Example.child,
            amount: Money(kopecks: 10_450), kind: .personal, what: "Обед № 2", tillID: Example.till, by: Example.cashier,
            soldAt: Example.moment, expiresAt: Example.later, offlineDay: Example.day, allowanceID: Example.allowance)
    }
}

/// Canteen closes an attempt that was not answered in time.
public struct WithdrawCharge: Command {
    public static let name = "ledger.charge.withdraw.v1"

    public let chargeID: UUID
    public let saleID: UUID
    public let attempt: Int
    public let personID: UUID
    /// For the operator’s eyes.
    public let reason: String

    public init(
        chargeID: UUID, saleID: UUID, attempt: Int, personID: UUID, reason: String
    ) {
        self.chargeID = chargeID
        self.saleID = saleID
        self.attempt = attempt
        self.personID = personID
        self.reason = reason
    }

    public var aggregate: UUID { saleID }

    /// Closing an attempt never becomes pointless.
    public var expiresAt: Date? { nil }

    public static var example: WithdrawCharge {
        WithdrawCharge(
            chargeID: Example.charge, saleID: Example.sale, attempt: 1, personID: Example.child,
            reason: "no answer within 1 s")
    }
}
