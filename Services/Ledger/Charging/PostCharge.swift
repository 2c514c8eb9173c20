import Events
import Foundation
import Postgres

extension SQL {
    /// Posts one charge at little more than the cost of its row: of a child whose account is open, holds no money back and has no subsidy,
    /// and who may spend it. It answers one row, what `decide_charges` answers beyond what is known already; or none, and then nothing was
    /// done: what is declined or paid otherwise goes the way of many. The rules are the same functions.
    ///
    /// The child's own row stands for all his accounts. It is read with its lock: whoever waited for it reads what the one before him
    /// has left. The row that is inserted moves the account (`post_charge.sql`). It is refused as a duplicate when the charge is known, or
    /// another attempt of its sale is paid: to look for that beforehand would cost each charge a fourteenth, and a repeat that comes by itself
    /// is rare. A statement by itself, and not a function, costs a quarter less; a column costs at every level that it passes, for
    /// each time it is prepared anew. The benchmark of single charges and its peer read it here.
    ///
    /// - Parameters:
    ///   - charge: names no allowance, which would pay for it.
    ///   - now: Ledger's clock.
    static func posting(_ charge: Charge, at now: Date) -> SQL {
        """
        with own as materialized (
            select m.id, m.supplier_id, m.position + 1 as position, m.balance - \(charge.amount) as balance, m.version + 1 as version,
                m.school_id, m.number, m.daily_limit, m.spent, m.spent_on, m.low_below, (\(now) at time zone m.time_zone)::date as today
            from meals_account m
            cross join lateral (select least(\(charge.offlineDay), (\(now) at time zone m.time_zone)::date) as business_on) days
            where m.person_id = \(charge.personID) and m.held = 0 and m.is_open and not m.subsidised
                and charge_refusal(
                    \(charge.expiresAt) < \(now), true, \(charge.offlineDay) is not null, true, \(charge.amount), m.balance,
                    \(charge.kind.rawValue), charge_limit_left(m.daily_limit, m.spent, m.spent_on, days.business_on)) is null
            for no key update of m
        ), posted as (
            insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, state, offline, position, balance)
            select \(charge.chargeID), \(charge.saleID), \(Int32(clamping: charge.attempt)), \(charge.personID), id, supplier_id,
                \(charge.amount), \(charge.kind.rawValue), \(charge.what), \(charge.tillID), \(charge.by), \(charge.soldAt), \(now),
                least(\(charge.offlineDay), today), 'posted', \(charge.offlineDay) is not null, position, balance
            from own
        )
        select business_on, \(now) as decided_at, id, version, school_id, number, balance, daily_limit,
            case when charge_spent_on(spent_on, \(charge.kind.rawValue), business_on) = today
                then charge_spent(spent, spent_on, \(charge.kind.rawValue), \(charge.amount), business_on) else 0 end as spent_today,
            today, case when balance + \(charge.amount) >= low_below and balance < low_below then low_below end as low_below
        from own
        cross join lateral (select least(\(charge.offlineDay), today) as business_on) days
        """
    }
}
