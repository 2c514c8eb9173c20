import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A guardian sets what the child may spend per day on personal purchases, or lifts the limit (AC-07).
///
/// The account's row is locked by the change as it is by a sale, so the limit holds from the next sale on (BY-05).
struct SetDailyLimit {
    let child: UUID
    /// Nil lifts the limit; zero forbids personal purchases.
    let limit: Money?
    let by: UUID

    /// The most that a form accepts: beyond it is a slip of the finger.
    static let most = Money(kopecks: 1_000_000)

    /// - Returns: the account as it stands afterwards; nil when the child has none.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Account? {
        let id = Account.id(of: child)
        guard
            let (before) = try transaction.first(
                "select daily_limit from meals_account where id = \(id) for update", as: Money?.self)
        else { return nil }
        if before != limit {
            try transaction.execute(
                "update meals_account set daily_limit = \(limit), version = version + 1 where id = \(id)")
            try transaction.execute(
                """
                insert into limit_change (account_id, version, limit_before, limit_after, by_id, made_at)
                select id, version, \(before), daily_limit, \(by), \(now) from meals_account where id = \(id)
                """)
        }
        guard let account = try transaction.account(of: child, at: now) else { return nil }
        if before != limit { try outbox.publish(AccountChanged(account: account.state), in: transaction) }
        return account
    }
}
