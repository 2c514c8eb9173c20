-- What is given back comes from the supplier that was paid, also when the pupil has moved to another school meanwhile (SC-01);
-- until now it came from the supplier of the school he is at. Otherwise the function is as before.
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
        select c.*, k.id as known, k.state as ended, k.reason as ended_why, k.amount, k.purchase, k.what, k.device_id,
            k.business_on, k.available, k.limit_left, k.decided_at, m.id as account_id, m.school_id, m.number,
            m.version, m.balance, m.position, m.daily_limit, m.is_open, m.spent, m.spent_on,
            coalesce(paid.supplier_id, today.supplier_id) as supplier_id, today.day as today,
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
        left join lateral (
            select books.supplier_id, (at at time zone books.time_zone)::date as day
            from school_books books where books.school_id = m.school_id limit 1
        ) today on true
        left join lateral (
            select legs.account_id as supplier_id from entry legs
            where legs.transfer_id = k.id and legs.position is null limit 1
        ) paid on true
    ), back as materialized (
        select s.*,
            s.position + row_number() over ordered as new_position,
            s.version + row_number() over ordered as new_version,
            s.balance + sum(s.amount) over ordered as new_balance,
            sum(case when s.purchase = 'personal' and s.business_on = s.spent_on then s.amount else 0 end)
                over ordered as given_back
        from seen s where s.outcome = 'new' and s.known is not null
        window ordered as (partition by s.account_id order by s.place)
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
        from back r
    ), legs as (
        insert into entry (transfer_id, account_id, amount, position, balance)
        select r.reversal_id, r.account_id, r.amount, r.new_position, r.new_balance from back r
        union all
        select r.reversal_id, r.supplier_id, -r.amount, null, null from back r
    ), suppliers as (
        insert into organisation_movement (account_id, amount)
        select r.supplier_id, -sum(r.amount) from back r group by r.supplier_id
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
