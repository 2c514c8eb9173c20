public import Foundation
public import Kernel

/// How often a paid service is paid for (ID-35).
public enum ServiceRhythm: String, DescribedEnum {
    case once
    /// By the calendar month, the first and the last by their days.
    case month
    /// Each visit that a teacher notes (AC-13).
    case visit
}

/// A guardian subscribed a child to a paid service, or the subscription ends (ID-35).
public struct SubscriptionChanged: VersionedEvent {
    public static let name = "ledger.subscription.changed.v1"

    public let subscriptionID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let schoolID: UUID
    public let serviceID: UUID
    /// What the service is called.
    public let title: String
    public let rhythm: ServiceRhythm
    /// What a whole period costs from now on.
    public let price: Money
    public let startsOn: Day
    /// The last day, included; none while nobody has ended it.
    public let endsOn: Day?
    /// The guardian, or the member of staff who closed the service; none when it ended by itself.
    public let by: UUID?
    public let at: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        subscriptionID: UUID, version: Int64, personID: UUID, schoolID: UUID, serviceID: UUID, title: String,
        rhythm: ServiceRhythm, price: Money, startsOn: Day, endsOn: Day? = nil, by: UUID? = nil, at: Date, ended: Bool = false
    ) {
        self.subscriptionID = subscriptionID
        self.version = version
        self.personID = personID
        self.schoolID = schoolID
        self.serviceID = serviceID
        self.title = title
        self.rhythm = rhythm
        self.price = price
        self.startsOn = startsOn
        self.endsOn = endsOn
        self.by = by
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { subscriptionID }

    public static var example: SubscriptionChanged {
        SubscriptionChanged(
            subscriptionID: Example.subscription, version: 2, personID: Example.child, schoolID: Example.school,
            serviceID: Example.paidService, title: "Кружок робототехники", rhythm: .month, price: Money(kopecks: 240_000),
            startsOn: Example.day, endsOn: Example.day + 10, by: Example.guardian, at: Example.moment)
    }
}

/// A period or visit of a paid service was paid from a child’s account (AC-13).
public struct ServiceCharged: Event {
    public static let name = "ledger.service.charged.v1"

    public let chargeID: UUID
    /// What was owed; one for a child, a service and a period.
    public let dueID: UUID
    public let serviceID: UUID
    public let personID: UUID
    public let amount: Money
    /// What the statement says it was.
    public let what: String
    public let firstDay: Day
    public let lastDay: Day
    /// The teacher or guardian who did it; none for the schedule.
    public let by: UUID?
    public let postedAt: Date
    public let account: AccountState

    public init(
        chargeID: UUID, dueID: UUID, serviceID: UUID, personID: UUID, amount: Money, what: String, firstDay: Day, lastDay: Day,
        by: UUID? = nil, postedAt: Date, account: AccountState
    ) {
        self.chargeID = chargeID
        self.dueID = dueID
        self.serviceID = serviceID
        self.personID = personID
        self.amount = amount
        self.what = what
        self.firstDay = firstDay
        self.lastDay = lastDay
        self.by = by
        self.postedAt = postedAt
        self.account = account
    }

    public var aggregate: UUID { dueID }

    public static var example: ServiceCharged {
        ServiceCharged(
            chargeID: Example.charge, dueID: Example.serviceDue, serviceID: Example.paidService, personID: Example.child,
            amount: Money(kopecks: 240_000), what: "Кружок робототехники, ноябрь 2026", firstDay: Example.day,
            lastDay: Example.day + 10, by: Example.guardian, postedAt: Example.moment, account: .example)
    }
}

/// A period or visit of a paid service could not be paid; nothing moved (D-02).
public struct ServiceDeclined: Event {
    public static let name = "ledger.service.declined.v1"

    public let chargeID: UUID
    public let dueID: UUID
    public let serviceID: UUID
    public let personID: UUID
    public let amount: Money
    /// What the statement says it was.
    public let what: String
    public let reason: DeclineReason
    /// What the account could have paid.
    public let available: Money?
    /// Until when it is tried again as soon as there is money; none when only a teacher can.
    public let triedUntil: Day?
    public let by: UUID?
    public let at: Date
    public let account: AccountState

    public init(
        chargeID: UUID, dueID: UUID, serviceID: UUID, personID: UUID, amount: Money, what: String, reason: DeclineReason,
        available: Money? = nil, triedUntil: Day? = nil, by: UUID? = nil, at: Date, account: AccountState
    ) {
        self.chargeID = chargeID
        self.dueID = dueID
        self.serviceID = serviceID
        self.personID = personID
        self.amount = amount
        self.what = what
        self.reason = reason
        self.available = available
        self.triedUntil = triedUntil
        self.by = by
        self.at = at
        self.account = account
    }

    public var aggregate: UUID { dueID }

    public static var example: ServiceDeclined {
        ServiceDeclined(
            chargeID: Example.charge, dueID: Example.serviceDue, serviceID: Example.paidService, personID: Example.child,
            amount: Money(kopecks: 240_000), what: "Кружок робототехники, ноябрь 2026", reason: .notEnoughMoney,
            available: Money(kopecks: 84_550), triedUntil: Example.day + 10, by: Example.accountant, at: Example.moment,
            account: .example)
    }
}

/// A charge for a paid service was given back, in part or as a whole, after a tutor confirmed it (AC-12).
public struct ServiceRefunded: Event {
    public static let name = "ledger.service.refunded.v1"

    public let refundID: UUID
    public let chargeID: UUID
    public let dueID: UUID
    public let personID: UUID
    public let amount: Money
    /// What the statement says it was.
    public let what: String
    /// In the words of who asked.
    public let reason: String
    public let askedBy: UUID
    public let confirmedBy: UUID
    public let postedAt: Date
    public let account: AccountState

    public init(
        refundID: UUID, chargeID: UUID, dueID: UUID, personID: UUID, amount: Money, what: String, reason: String, askedBy: UUID,
        confirmedBy: UUID, postedAt: Date, account: AccountState
    ) {
        self.refundID = refundID
        self.chargeID = chargeID
        self.dueID = dueID
        self.personID = personID
        self.amount = amount
        self.what = what
        self.reason = reason
        self.askedBy = askedBy
        self.confirmedBy = confirmedBy
        self.postedAt = postedAt
        self.account = account
    }

    public var aggregate: UUID { chargeID }

    public static var example: ServiceRefunded {
        ServiceRefunded(
            refundID: Example.refund, chargeID: Example.charge, dueID: Example.serviceDue, personID: Example.child,
            amount: Money(kopecks: 120_000), what: "Кружок робототехники, ноябрь 2026", reason: "Болели две недели",
            askedBy: Example.guardian, confirmedBy: Example.accountant, postedAt: Example.moment, account: .example)
    }
}
