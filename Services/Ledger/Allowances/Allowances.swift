import Events
import Foundation
import Kernel
import Messaging
import Postgres

extension Transaction {
    /// The named allowances as others are told of them.
    func allowances(_ ids: [UUID]) throws -> [AllowanceChanged] {
        try rows(
            """
            select a.id, a.version, m.person_id, a.day, a.amount, a.state, a.till_id
            from allowance a join meals_account m on m.id = a.account_id
            where a.id = any(\(ids)) order by a.id
            """,
            as: UUID.self, Int64.self, UUID.self, Day.self, Money.self, String.self, UUID?.self
        ).map { row in
            let state = AllowanceState(rawValue: row.5) ?? .released
            return AllowanceChanged(
                allowanceID: row.0, version: row.1, personID: row.2, day: row.3, amount: row.4, state: state,
                till: row.6, ended: state == .used || state == .released)
        }
    }
}

/// Sets a lunch's price aside for every child of a school who can pay it, for one day, so that a till without a
/// connection may sell it (design §5).
///
/// What is set aside lies within the balance and within the daily limit, so settling it can never break either.
/// Asking again for the same day changes nothing.
struct GrantAllowances {
    let schoolID: UUID
    let day: Day
    /// The price of a lunch.
    let amount: Money

    /// - Returns: how many children were granted one.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Int {
        guard amount > .zero else { return 0 }
        try transaction.execute(
            "select 1 from meals_account where school_id = \(schoolID) and is_open order by id for update")
        let able = try transaction.rows(
            """
            select m.id from meals_account m
            where m.school_id = \(schoolID) and m.is_open and m.balance - m.held >= \(amount)
                and (m.daily_limit is null
                    or m.daily_limit - case when m.spent_on = \(day) then m.spent else 0 end >= \(amount))
                and not exists (select from allowance a where a.account_id = m.id and a.day = \(day))
            order by m.id
            """, as: UUID.self)
        guard !able.isEmpty else { return 0 }
        let ids = able.map { UUID.derived(from: $0, "allowance.\(day.iso)") }
        try transaction.execute(
            """
            insert into allowance (id, account_id, day, amount, state)
            select id, account_id, \(day), \(amount), 'granted' from unnest(\(ids), \(able)) as new(id, account_id)
            """)
        try transaction.execute("update meals_account set held = held + \(amount) where id = any(\(able))")
        try outbox.publish(transaction.allowances(ids), in: transaction)
        return ids.count
    }
}

/// Gives back what was set aside and not eaten, for days that are over.
struct ReleaseAllowances {
    let schoolID: UUID
    /// Allowances of earlier days are released; a till that sold on one all the same is settled as a debt.
    let before: Day

    /// - Returns: how many were released.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Int {
        try transaction.execute(
            """
            select 1 from meals_account where school_id = \(schoolID) and held > 0 order by id for update
            """)
        let ids = try transaction.rows(
            """
            with over as (
                update allowance a set state = 'released', version = a.version + 1
                from meals_account m
                where m.id = a.account_id and m.school_id = \(schoolID) and a.day < \(before)
                    and a.state in ('granted', 'lent')
                returning a.id, a.account_id, a.amount
            ), given_back as (
                update meals_account m set held = m.held - o.amount
                from (select account_id, sum(amount)::bigint as amount from over group by account_id) o
                where m.id = o.account_id
            )
            select id from over order by id
            """, as: UUID.self)
        guard !ids.isEmpty else { return 0 }
        try outbox.publish(transaction.allowances(ids), in: transaction)
        return ids.count
    }
}
