import Events
import Foundation
import Postgres

extension SQL {
    /// Posts one charge at little more than the cost of its row: of a child whose account holds no money back and has no subsidy, and who
    /// may spend it. It answers one row as `decide_charges` does; or none, and then nothing was done: what is refused, repeated, or paid
    /// otherwise goes the way of many. The rules are the same functions.
    ///
    /// The child's own row stands for all his accounts. It is read with its lock: whoever waited for it reads what the one before him
    /// has left. Nothing is inserted when the charge is known, or another attempt of its sale is paid; what is moves the account
    /// (`post_charge.sql`). A statement by itself, and not a function, costs a quarter less; the benchmark of single charges and its
    /// peer read it here.
    ///
    /// - Parameters:
    ///   - charge: names no allowance, which would pay for it.
    ///   - now: Ledger's clock.
    static func posting(_ charge: Charge, at now: Date) -> SQL {
        """
        with own as materialized (
            select \(charge.chargeID) as charge_id, \(charge.saleID) as sale_id, \(Int32(clamping: charge.attempt)) as attempt,
                \(charge.amount) as amount, \(charge.kind.rawValue) as purchase, \(charge.what) as what, \(charge.tillID) as device_id,
                \(charge.by) as by_id, \(charge.soldAt) as sold_at, \(now) as decided_at, \(charge.offlineDay) is not null as is_offline,
                m.id, m.person_id, m.school_id, m.number, m.version, m.balance, m.daily_limit, m.position, m.spent, m.spent_on,
                m.is_open, m.low_below, m.supplier_id, days.today, days.business_on, rest.limit_left
            from meals_account m
            cross join lateral (
                select (\(now) at time zone m.time_zone)::date as today,
                    least(\(charge.offlineDay), (\(now) at time zone m.time_zone)::date) as business_on
            ) days
            cross join lateral (select charge_limit_left(m.daily_limit, m.spent, m.spent_on, days.business_on) as limit_left) rest
            where m.person_id = \(charge.personID) and m.held = 0 and not m.subsidised
                and charge_refusal(
                    \(charge.expiresAt) < \(now), true, \(charge.offlineDay) is not null, m.is_open, \(charge.amount), m.balance,
                    \(charge.kind.rawValue), rest.limit_left) is null
            for no key update of m
        ), posted as (
            insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, state, offline, position, balance)
            select charge_id, sale_id, attempt, person_id, id, supplier_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, 'posted', is_offline, position + 1, balance - amount
            from own
            on conflict do nothing
            returning balance
        )
        select 1::bigint as place, 'new' as outcome, 'posted' as state, null::text as reason, own.balance as available, limit_left,
            business_on, decided_at, null::uuid as used_allowance, id as account_id, version + 1 as version, school_id, number,
            posted.balance, daily_limit,
            case when charge_spent_on(spent_on, purchase, business_on) = today
                then charge_spent(spent, spent_on, purchase, amount, business_on) else 0 end as spent_today,
            today, is_open, case when own.balance >= low_below and posted.balance < low_below then low_below end as low_below
        from own, posted
        """
    }
}
