import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A guardian subscribes a child to a paid service (ID-35). What is owed for the period that runs is taken at once: without the
/// money there is no subscription (AC-11).
struct SubscribeChild {
    /// Made by the form, so that a form sent twice subscribes once.
    let id: UUID
    let service: UUID
    let child: UUID
    /// What the page said is taken at once; nil when nobody was told. Another price asks again.
    let agreed: Money?
    let by: UUID

    /// - Throws: `SubscriptionRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        let accountID = Account.id(of: child)
        guard try transaction.lock(accounts: [accountID]).contains(accountID), let account = try transaction.account(of: child, at: now)
        else { throw SubscriptionRefused.noAccount }
        // One after the other, so that the last place is given once.
        try transaction.execute("select from paid_service where id = \(service) for update")
        guard let offer = try transaction.paidService(service, on: account.today), offer.schoolID == account.schoolID else {
            throw SubscriptionRefused.noService
        }
        let known = try transaction.subscriptions(.children([child], of: service))
        if let same = try transaction.subscriptions(.one(id)).first {
            guard same.serviceID == service, same.child == child else { throw SubscriptionRefused.repeatedWithOtherContents }
            return
        }
        guard account.isOpen else { throw SubscriptionRefused.noAccount }
        guard !known.contains(where: { $0.endsOn == nil }) else { throw SubscriptionRefused.subscribedAlready }
        guard offer.isOffered(on: account.today), try transaction.isOffered(offer, to: child) else { throw SubscriptionRefused.noService }
        // Whoever left and is still there until the end of what he has paid, stays.
        if let leaving = known.first(where: { $0.isAlive(on: account.today) }) {
            try transaction.execute(
                """
                update subscription set ends_on = null, ended_by = null, ended_at = null, subscribed_by = \(by), subscribed_at = \(now),
                    version = version + 1 where id = \(leaving.id)
                """)
            try tell(leaving.id, account, in: transaction, outbox)
            return
        }
        if let left = offer.placesLeft, left <= 0 { throw SubscriptionRefused.noPlaces }
        let startsOn = max(account.today, offer.terms.from)
        let isPaid = try transaction.paidUntil(service, accountID, from: account.today) != nil
        if offer.rhythm == .once, isPaid { throw SubscriptionRefused.subscribedAlready }
        let period = offer.rhythm == .visit ? nil : offer.period(holding: account.today, startsOn: startsOn)
        let due = isPaid ? .zero : period?.amount ?? .zero
        if let agreed, agreed != due { throw SubscriptionRefused.priceChanged(due) }
        guard due <= account.available || due == .zero else { throw SubscriptionRefused.notEnough(due, account.available) }
        try transaction.execute(
            """
            insert into subscription (id, service_id, account_id, school_id, starts_on, subscribed_by, subscribed_at)
            values (\(id), \(service), \(accountID), \(offer.schoolID), \(startsOn), \(by), \(now))
            """)
        try tell(id, account, in: transaction, outbox)
        guard let period, due > .zero, let subscription = try transaction.subscriptions(.one(id)).first,
            let owed = try transaction.owe(period, of: offer, by: subscription, at: now)
        else { return }
        _ = try ChargeDue(due: owed, by: by, notesRefusal: true).run(in: transaction, outbox, at: now)
    }

    private func tell(_ id: UUID, _ account: Account, in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        guard let subscription = try transaction.subscriptions(.one(id)).first,
            let event = try transaction.subscriptionChanged(subscription, on: account.today)
        else { return }
        try outbox.publish(event, in: transaction)
    }
}

/// A guardian ends a subscription, or it ends by itself: what has begun and is paid stays the child's, nothing more is charged, and
/// what was not paid is not owed (AC-11).
struct EndSubscription {
    let id: UUID
    let child: UUID
    /// Nil when it ends by itself.
    let by: UUID?

    /// Ending twice changes nothing.
    /// - Throws: `SubscriptionRefused.noService`, `.paidForGood`.
    @discardableResult
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Bool {
        let accountID = Account.id(of: child)
        _ = try transaction.lock(accounts: [accountID])
        guard let subscription = try transaction.subscriptions(.one(id)).first, subscription.accountID == accountID,
            let account = try transaction.account(of: child, at: now),
            let service = try transaction.paidService(subscription.serviceID, on: account.today)
        else { throw SubscriptionRefused.noService }
        guard subscription.endsOn == nil else { return false }
        let paid = try transaction.paidUntil(service.id, accountID, from: account.today)
        let endsOn: Day
        switch Leaving(service.rhythm, paidUntil: paid, today: account.today) {
        case .afterPaid(let last): endsOn = last
        case .paidForGood:
            guard by == nil else { throw SubscriptionRefused.paidForGood }
            endsOn = account.today
        // A visit of today may still be noted; what is paid by the month ends with the day before.
        case .atOnce: endsOn = service.rhythm == .visit ? account.today : account.today - 1
        }
        try transaction.execute(
            """
            update subscription set ends_on = \(endsOn), ended_by = \(by), ended_at = \(now), version = version + 1 where id = \(id)
            """)
        if service.rhythm != .visit {
            try transaction.execute(
                "update service_due set state = 'lapsed', ended_at = \(now) where subscription_id = \(id) and state = 'due'")
        }
        guard let ended = try transaction.subscriptions(.one(id)).first,
            let event = try transaction.subscriptionChanged(ended, on: account.today)
        else { return true }
        try outbox.publish(event, in: transaction)
        return true
    }
}

/// Why a child was not subscribed, or stays so.
enum SubscriptionRefused: Error, Equatable {
    /// There is no such service at the child's school, it is over, or it is not offered to him.
    case noService
    case noAccount
    case noPlaces
    case subscribedAlready
    /// Another sum than the page said.
    case priceChanged(Money)
    /// What is due at once, and what there is.
    case notEnough(Money, Money)
    /// It is paid as a whole: a mistake goes the way of a refund.
    case paidForGood
    /// The same form was sent before for another child or service.
    case repeatedWithOtherContents
}

extension Transaction {
    /// Whether a service is offered to a child, by his grade and class.
    func isOffered(_ service: PaidService, to child: UUID) throws -> Bool {
        if service.audience.grades.isEmpty, service.audience.classes.isEmpty { return true }
        let pupil = try Directory.child(child, in: self)
        return service.audience.includes(grade: pupil?.className?.grade, classID: pupil?.classID)
    }
}
