-- revision 3
-- Ends attempts that their sender gave up: a posted one is reversed, one that was never seen can never be posted any
-- more (its row stays as a tombstone), any other has ended already and is answered so. What a reversal moves is what
-- the charge and its refunds left in each account, so nothing comes back twice and all of it where it came from.
create or replace function withdraw_charges(
    ids uuid[], sales uuid[], attempts integer[], persons uuid[], reasons text[], reversals uuid[], at timestamptz
) returns table (
    place bigint, outcome text, state text, reason text, amount bigint, purchase text, available bigint,
    limit_left bigint, decided_at timestamptz, account_id uuid, version bigint, school_id uuid, number text,
    balance bigint, daily_limit bigint, spent_today bigint, today date, is_open boolean
) language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
    perform from meals_account m where m.person_id = any(persons) order by m.id for update;

    return query
    with command as (
        select c.*, row_number() over (partition by c.id order by c.place) as mention
        from unnest(ids, sales, attempts, persons, reasons, reversals) with ordinality
            as c(id, sale_id, attempt, person_id, why, reversal_id, place)
    ), seen as materialized (
        select c.*, k.id as known, k.state as ended, k.reason as ended_why,
            k.amount - k.refunded as amount, k.purchase, k.what, k.device_id,
            k.business_on, k.available, k.limit_left, k.decided_at, m.id as account_id, m.school_id, m.number,
            m.version, m.balance, m.position, m.daily_limit, m.is_open, m.spent, m.spent_on, today.day as today,
            case
                when k.id is not null
                    and (k.sale_id, k.attempt, k.person_id) is distinct from (c.sale_id, c.attempt, c.person_id)
                    then 'differs'
                when c.mention > 1 or (k.id is not null and k.state <> 'posted') then 'repeat'
                else 'new'
            end as outcome
        from command c
        left join lateral (select * from charge kept where kept.id = c.id limit 1) k on true
        left join lateral (select * from meals_account own where own.person_id = c.person_id limit 1) m on true
        cross join lateral (select (at at time zone m.time_zone)::date as day) today
    ), undone as materialized (
        select s.place, s.reversal_id, left_over.account_id, left_over.amount
        from seen s
        cross join lateral (
            select e.account_id, -sum(e.amount)::bigint as amount
            from (select s.id as movement_id union all select t.id from transfer t where t.refunds = s.id) part
            cross join lateral (select l.account_id, l.amount from leg l where l.movement_id = part.movement_id offset 0) e
            group by e.account_id having sum(e.amount) <> 0
        ) left_over
        where s.outcome = 'new' and s.known is not null
    ), back as materialized (
        select s.*, own.amount as own,
            s.position + count(own.amount) over ordered as new_position,
            s.version + row_number() over ordered as new_version,
            s.balance + sum(coalesce(own.amount, 0)) over ordered as new_balance,
            sum(case when s.purchase = 'personal' and s.business_on = s.spent_on then s.amount else 0 end)
                over ordered as given_back
        from seen s
        left join undone own on own.place = s.place and own.account_id = s.account_id
        where s.outcome = 'new' and s.known is not null
        window ordered as (partition by s.account_id order by s.place)
    ), granted_back as materialized (
        select u.reversal_id, u.account_id, u.amount, u.place,
            g.position + row_number() over ordered as new_position, g.balance + sum(u.amount) over ordered as new_balance
        from undone u join subsidy g on g.id = u.account_id
        window ordered as (partition by u.account_id order by u.place)
    ), tombstones as (
        insert into charge (id, sale_id, attempt, person_id, account_id, decided_at, state)
        select s.id, s.sale_id, s.attempt, s.person_id, s.account_id, at, 'withdrawn'
        from seen s where s.outcome = 'new' and s.known is null
        order by s.id
    ), ended as (
        update charge k set state = 'reversed' from back r where k.id = r.id
    ), moved as (
        insert into transfer (id, kind, account_id, made_at, business_on, amount, purchase, what, device_id, sale_id,
            reverses)
        select r.reversal_id, 'reversal', r.account_id, at, r.today, r.amount, r.purchase,
            r.what, r.device_id, r.sale_id, r.id
        from back r where r.amount > 0
    ), legs as (
        insert into entry (transfer_id, account_id, amount, position, balance)
        select r.reversal_id, r.account_id, r.own, r.new_position, r.new_balance from back r where r.own is not null
        union all
        select u.reversal_id, u.account_id, u.amount, null, null
        from undone u join account a on a.id = u.account_id where a.person_id is null
        union all
        select g.reversal_id, g.account_id, g.amount, g.new_position, g.new_balance from granted_back g
    ), subsidies as (
        update subsidy g set balance = b.new_balance, position = b.new_position, ended_at = null
        from (select distinct on (account_id) * from granted_back order by account_id, place desc) b
        where g.id = b.account_id
    ), organisations as (
        insert into organisation_movement (account_id, amount)
        select u.account_id, sum(u.amount)
        from undone u join account a on a.id = u.account_id where a.person_id is null
        group by u.account_id
    ), changed as (
        update meals_account m
        set balance = r.new_balance, position = r.new_position, version = r.new_version, spent = m.spent - r.given_back
        from (select distinct on (account_id) * from back order by account_id, place desc) r
        where m.id = r.account_id
    )
    select s.place, s.outcome,
        case when s.known is null then 'withdrawn' when s.ended = 'posted' then 'reversed' else s.ended end,
        s.ended_why, s.amount, s.purchase, s.available, s.limit_left, coalesce(s.decided_at, at),
        s.account_id, coalesce(r.new_version, s.version), s.school_id, s.number, coalesce(r.new_balance, s.balance)::bigint,
        s.daily_limit,
        case when s.spent_on = s.today then s.spent - coalesce(r.given_back, 0)::bigint else 0 end, s.today, s.is_open
    from seen s
    left join back r on r.place = s.place;
end $$;
