import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Takes what is owed for a period from the child's own money, or notes that it is not there (AC-10, AC-11).
///
/// A subsidy pays for meals only, and the daily limit is for what a child buys himself (AC-07): neither counts here.
struct ChargeDue {
    let due: UUID
    /// The teacher or guardian; nil for the schedule.
    let by: UUID?
    /// Whether a refusal is noted also when one was before.
    let notesRefusal: Bool

    enum Outcome: Equatable {
        case paid
        /// There is not enough: what could have been paid.
        case noMoney(Money)
        /// Nothing is owed any more.
        case lapsed
    }

    /// However often it runs and whoever runs it, what is owed is paid once: the row of the child's account is the lock.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Outcome {
        guard
            let (child, accountID) = try transaction.first(
                "select m.person_id, m.id from service_due d join meals_account m on m.id = d.account_id where d.id = \(due)",
                as: UUID.self, UUID.self)
        else { return .lapsed }
        _ = try transaction.lock(accounts: [accountID])
        guard
            let (state, amount, what, first, last, attempts, service, provider, school, rhythm) = try transaction.first(
                """
                select d.state, d.amount, d.what, d.first_on, d.last_on, d.attempts, s.id, s.provider_id, s.school_id, s.rhythm
                from service_due d join paid_service s on s.id = d.service_id where d.id = \(due)
                """,
                as: String.self, Money.self, String.self, Day.self, Day.self, Int.self, UUID.self, UUID.self, UUID.self, String.self),
            let account = try transaction.account(of: child, at: now)
        else { return .lapsed }
        guard state == ServiceDue.State.due.rawValue else { return state == ServiceDue.State.paid.rawValue ? .paid : .lapsed }
        guard account.isOpen, account.schoolID == school, account.today <= last else {
            try transaction.execute("update service_due set state = 'lapsed', ended_at = \(now) where id = \(due)")
            return .lapsed
        }
        let attempt = attempts + 1
        let charge = UUID.derived(from: due, "attempt.\(attempt)")
        let isEnough = amount <= account.available
        if !isEnough, attempts > 0, !notesRefusal { return .noMoney(account.available) }
        // What is posted moves the account to its balance, and the money to who provides the service (`post_charge.sql`).
        try transaction.execute(
            """
            insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, by_id, sold_at, decided_at,
                business_on, state, reason, available, position, balance)
            select \(charge), \(due), \(attempt), \(child), m.id, \(isEnough ? provider : nil), \(amount), 'service', \(what), \(by), \(now),
                \(now), \(account.today), \(isEnough ? "posted" : "declined"),
                \(isEnough ? String?.none : DeclineReason.notEnoughMoney.rawValue), \(isEnough ? Money?.none : account.available),
                case when \(isEnough) then m.position + 1 end, m.balance - case when \(isEnough) then \(amount) else 0 end
            from meals_account m where m.id = \(accountID)
            """)
        guard isEnough else {
            try transaction.execute("update service_due set attempts = \(attempt) where id = \(due)")
            try outbox.publish(
                ServiceDeclined(
                    chargeID: charge, dueID: due, serviceID: service, personID: child, amount: amount, what: what, reason: .notEnoughMoney,
                    available: account.available, triedUntil: rhythm == ServiceRhythm.visit.rawValue ? nil : last, by: by, at: now,
                    account: account.state),
                in: transaction)
            return .noMoney(account.available)
        }
        try transaction.execute(
            """
            update service_due set state = 'paid', attempts = \(attempt), charge_id = \(charge), ended_at = \(now) where id = \(due)
            """)
        guard let after = try transaction.account(of: child, at: now) else { return .paid }
        try outbox.publish(
            ServiceCharged(
                chargeID: charge, dueID: due, serviceID: service, personID: child, amount: amount, what: what, firstDay: first,
                lastDay: last, by: by, postedAt: now, account: after.state),
            in: transaction)
        try outbox.publish(AccountChanged(account: after.state), in: transaction)
        if let low = try transaction.lowBelow(of: child), account.balance >= low, after.balance < low {
            try outbox.publish(
                BalanceLow(chargeID: charge, personID: child, below: low, at: now, account: after.state), in: transaction)
        }
        return .paid
    }
}

extension Transaction {
    /// Notes that a period is owed; once for a child and service, whoever notes it first. The account must be locked.
    ///
    /// - Returns: its id, also when it was noted before.
    func owe(_ period: ServicePeriod, of service: PaidService, by subscription: Subscription, at now: Date) throws -> UUID? {
        try execute(
            """
            insert into service_due (id, subscription_id, service_id, account_id, period, first_on, last_on, amount, what, made_at)
            values (\(UUID.derived(from: subscription.id, "due.\(period.key)")), \(subscription.id), \(service.id),
                \(subscription.accountID), \(period.key), \(period.first), \(period.last), \(period.amount), \(service.words(period)), \(now))
            on conflict do nothing
            """)
        return try first(
            """
            select id from service_due
            where service_id = \(service.id) and account_id = \(subscription.accountID) and period = \(period.key) and state <> 'lapsed'
            """, as: UUID.self)
    }
}
