-- Deciding charges and withdrawals: many commands in one round trip and one transaction (design §5, §7).
--
-- The accounts are locked first, in the order of their ids, so that two copies that share accounts wait for each
-- other instead of deadlocking; the statements after it see what the others have committed. Commands of the same
-- account are decided in their order, one round for each; all accounts of a round are decided in one statement.
--
-- The plans of these functions are made once per connection, perhaps while the tables are still empty, so nothing is
-- left to the planner's guesses: rows are looked up by `lateral … limit 1` through an index, and the settings beside
-- each function forbid to read a table as a whole.

-- Answers one row for each command; `place` counts from 1:
--   outcome   'new': decided just now · 'repeat': decided before, the row says how it ended ·
--             'differs': the id is known with other contents · 'early': another attempt of the sale is still paid
-- A command that somebody else is deciding at this moment fails with a unique violation after he has committed.
create function decide_charges(
    ids uuid[], sales uuid[], attempts integer[], persons uuid[], amounts bigint[], purchases text[], whats text[],
    devices uuid[], bys uuid[], sold timestamptz[], expiries timestamptz[], offline_days date[], allowances uuid[],
    at timestamptz
) returns table (
    place bigint, outcome text, state text, reason text, available bigint, limit_left bigint, business_on date,
    decided_at timestamptz, used_allowance uuid, account_id uuid, version bigint, school_id uuid, number text,
    balance bigint, daily_limit bigint, spent_today bigint, today date, is_open boolean
) language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
    rounds integer;
    known uuid[];
    answered integer := 0;
    added integer;
begin
    perform from meals_account m where m.person_id = any(persons) order by m.id for update;
    known := array(select k.id from charge k where k.id = any(ids));
    rounds := case when cardinality(ids) = 1 then 1
        else (select max(n) from (select count(*) as n from unnest(persons) p group by p) counted) end;

    for lap in 1 .. coalesce(rounds, 0) loop
        return query
        with command as (
            select c.*,
                row_number() over (partition by c.person_id order by c.place) as turn,
                row_number() over (partition by c.id order by c.place) as mention
            from unnest(ids, sales, attempts, persons, amounts, purchases, whats, devices, bys, sold, expiries,
                    offline_days, allowances) with ordinality
                as c(id, sale_id, attempt, person_id, amount, purchase, what, device_id, by_id, sold_at, expires_at,
                    offline_day, allowance_id, place)
        ), seen as (
            select c.*, m.id as account_id, m.school_id, m.number, m.version, m.balance, m.held, m.is_open,
                m.daily_limit, m.position, m.spent, m.spent_on, b.supplier_id, b.day as today,
                case when c.offline_day < b.day then c.offline_day else b.day end as business_on,
                h.id as own_allowance, coalesce(h.amount, 0) as own_amount
            from command c
            left join lateral (
                select * from meals_account own where own.person_id = c.person_id limit 1
            ) m on true
            left join lateral (
                select books.supplier_id, (at at time zone books.time_zone)::date as day
                from school_books books where books.school_id = m.school_id limit 1
            ) b on true
            -- The allowance this charge may use up: the one it names, else the child's own that no till holds.
            left join lateral (
                select a.id, a.amount from allowance a
                where m.held > 0 and a.account_id = m.id
                    and case when c.allowance_id is null then a.state = 'granted'
                        else a.id = c.allowance_id and a.state in ('granted', 'lent') end
                order by a.day limit 1
            ) h on true
            where c.turn = lap and c.mention = 1 and c.id <> all(known)
                and not exists (
                    select from charge paid
                    where paid.sale_id = c.sale_id and paid.person_id = c.person_id and paid.state = 'posted' offset 0)
        ), weighed as (
            select s.*,
                s.balance - s.held + s.own_amount as can_spend,
                -- `greatest` would make a sum of no limit at all.
                case when s.daily_limit is not null
                    then greatest(s.daily_limit - case when s.spent_on = s.business_on then s.spent else 0 end, 0)
                end as may_spend,
                -- An own allowance is used up by a purchase of its size, or by one that needs its money.
                s.allowance_id is not null or s.amount >= s.own_amount or s.amount > s.balance - s.held as uses_allowance
            from seen s
        ), judged as (
            select w.*,
                case
                    when w.expires_at < at then 'tooLate'
                    when w.account_id is null then 'noAccount'
                    -- What was eaten while the till was offline is posted whatever the account says: a visible debt.
                    when w.offline_day is not null then null
                    when not w.is_open then 'accountClosed'
                    when w.amount > w.can_spend then 'notEnoughMoney'
                    when w.purchase = 'personal' and w.amount > w.may_spend then 'dailyLimit'
                end as reason
            from weighed w
        ), decided as materialized (
            select j.*,
                case when j.reason is null then 'posted' else 'declined' end as state,
                case when j.reason is null and j.uses_allowance then j.own_allowance end as used_allowance,
                j.balance - case when j.reason is null then j.amount else 0 end as new_balance,
                j.version + case when j.reason is null then 1 else 0 end as new_version,
                case
                    when j.reason is not null or j.purchase <> 'personal' or j.business_on < j.spent_on then j.spent
                    when j.business_on = j.spent_on then j.spent + j.amount
                    else j.amount
                end as new_spent,
                case when j.reason is null and j.purchase = 'personal' then greatest(j.spent_on, j.business_on)
                    else j.spent_on end as new_spent_on
            from judged j
        ), kept as (
            insert into charge (id, sale_id, attempt, person_id, account_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, state, reason, available, limit_left, balance, allowance_id)
            select d.id, d.sale_id, d.attempt, d.person_id, d.account_id, d.amount, d.purchase, d.what, d.device_id,
                d.by_id, d.sold_at, at, d.business_on, d.state, d.reason,
                case when d.reason is not null then d.can_spend end,
                case when d.reason is not null then d.may_spend end,
                d.new_balance, d.used_allowance
            from decided d
            order by d.id
        ), moved as (
            insert into transfer (id, kind, account_id, made_at, business_on, amount, purchase, what, by_id, device_id,
                sale_id, offline)
            select d.id, 'charge', d.account_id, at, d.business_on, d.amount, d.purchase, d.what, d.by_id, d.device_id,
                d.sale_id, d.offline_day is not null
            from decided d where d.reason is null
        ), legs as (
            insert into entry (transfer_id, account_id, amount, position, balance)
            select d.id, d.account_id, -d.amount, d.position + 1, d.new_balance
            from decided d where d.reason is null
            union all
            select d.id, d.supplier_id, d.amount, null, null from decided d where d.reason is null
        ), suppliers as (
            insert into organisation_movement (account_id, amount)
            select d.supplier_id, sum(d.amount) from decided d where d.reason is null group by d.supplier_id
        ), used as (
            update allowance a set state = 'used', version = a.version + 1
            from decided d where a.id = d.used_allowance
        ), changed as (
            update meals_account m
            set balance = d.new_balance, position = d.position + 1, version = d.new_version, spent = d.new_spent,
                spent_on = d.new_spent_on,
                held = d.held - case when d.used_allowance is not null then d.own_amount else 0 end
            from decided d
            where d.reason is null and m.id = d.account_id
        )
        select d.place, 'new', d.state, d.reason, d.can_spend, d.may_spend, d.business_on, at, d.used_allowance,
            d.account_id, d.new_version, d.school_id, d.number, d.new_balance, d.daily_limit,
            case when d.new_spent_on = d.today then d.new_spent else 0 end, d.today, d.is_open
        from decided d;
        get diagnostics added = row_count;
        answered := answered + added;
    end loop;
    if answered = cardinality(ids) then return; end if;

    -- What was decided before, or is waiting for another attempt of its sale to end.
    return query
    with command as (
        select c.*, row_number() over (partition by c.id order by c.place) as mention
        from unnest(ids, sales, attempts, persons, amounts, purchases) with ordinality
            as c(id, sale_id, attempt, person_id, amount, purchase, place)
    )
    select c.place,
        case
            when k.id is null then 'early'
            when (k.sale_id, k.attempt, k.person_id) is distinct from (c.sale_id, c.attempt, c.person_id)
                or k.amount is not null and (k.amount, k.purchase) is distinct from (c.amount, c.purchase) then 'differs'
            else 'repeat'
        end,
        k.state, k.reason, k.available, k.limit_left, k.business_on, k.decided_at, null::uuid,
        m.id, m.version, m.school_id, m.number, m.balance, m.daily_limit,
        case when m.spent_on = today.day then m.spent else 0 end, today.day, m.is_open
    from command c
    left join lateral (select * from charge kept where kept.id = c.id limit 1) k on true
    left join lateral (select * from meals_account own where own.person_id = c.person_id limit 1) m on true
    left join lateral (
        select (at at time zone books.time_zone)::date as day
        from school_books books where books.school_id = m.school_id limit 1
    ) today on true
    where c.id = any(known) or c.mention > 1 or k.id is null;
end $$;

-- Ends attempts that their sender gave up: a posted one is reversed, one that was never seen can never be posted any
-- more (its row stays as a tombstone), any other has ended already and is answered so.
create function withdraw_charges(
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
            m.version, m.balance, m.position, m.daily_limit, m.is_open, m.spent, m.spent_on, today.supplier_id,
            today.day as today,
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
