-- revision 4
-- Deciding charges: many commands in one round trip and one transaction (design §5, §7).
--
-- The accounts are locked first, in the order of their ids, so that two copies that share accounts wait for each
-- other instead of deadlocking; the statements after it see what the others have committed. Commands of the same
-- account are decided in their order, one round for each; all accounts of a round are decided in one statement.
--
-- The plans are made once per connection, perhaps while the tables are still empty, so nothing is left to the
-- planner's guesses: rows are looked up by `lateral … limit 1` through an index, and the settings beside the function
-- forbid to read a table as a whole.
--
-- A charge by itself has a shorter way (PostCharge.swift); the rules of both are those of `charge_refusal.sql` and its like.
--
-- Answers one row for each command; `place` counts from 1:
--   outcome   'new': decided just now · 'repeat': decided before, the row says how it ended ·
--             'differs': the id is known with other contents · 'early': another attempt of the sale is still paid
--   low_below the sum under which the guardians want to be told, when this charge took the balance under it
-- A command that somebody else is deciding at this moment fails with a unique violation after he has committed.
create or replace function decide_charges(
    ids uuid[], sales uuid[], attempts integer[], persons uuid[], amounts bigint[], purchases text[], whats text[],
    devices uuid[], bys uuid[], sold timestamptz[], expiries timestamptz[], offline_days date[], allowances uuid[],
    at timestamptz
) returns table (
    place bigint, outcome text, state text, reason text, available bigint, limit_left bigint, business_on date,
    decided_at timestamptz, used_allowance uuid, account_id uuid, version bigint, school_id uuid, number text,
    balance bigint, daily_limit bigint, spent_today bigint, today date, is_open boolean, low_below bigint
) language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    rounds integer;
    turns bigint[];
    mentions bigint[];
    known uuid[];
    seen charge_seen[];
    decided charge_decided[];
    answered integer := 0;
begin
    -- The child's own row stands for all his accounts.
    perform from meals_account m where m.person_id = any(persons) order by m.id for update;
    known := array(select k.id from charge k where k.id = any(ids));
    -- Commands of one child are decided one after the other, a command that is named twice once.
    select array_agg(c.turn order by c.place), array_agg(c.mention order by c.place), max(c.turn) into turns, mentions, rounds
    from (
        select u.place, row_number() over (partition by u.person_id order by u.place) as turn,
            row_number() over (partition by u.id order by u.place) as mention
        from unnest(ids, persons) with ordinality as u(id, person_id, place)
    ) c;

    for lap in 1 .. coalesce(rounds, 0) loop
        seen := array(
            select row(
                c.id, c.sale_id, c.attempt, c.person_id, c.amount, c.purchase, c.what, c.device_id, c.by_id, c.sold_at,
                c.expires_at, c.offline_day, c.allowance_id, c.place,
                m.id, m.school_id, m.number, m.version, m.balance, m.held, m.is_open, m.daily_limit, m.position, m.spent,
                m.spent_on, m.low_below, b.supplier_id, b.day,
                case when c.offline_day < b.day then c.offline_day else b.day end,
                h.id, coalesce(h.amount, 0), g.ids, g.parts, g.places, g.balances, coalesce(g.total, 0))::charge_seen
            from unnest(ids, sales, attempts, persons, amounts, purchases, whats, devices, bys, sold, expiries,
                    offline_days, allowances, turns, mentions) with ordinality
                as c(id, sale_id, attempt, person_id, amount, purchase, what, device_id, by_id, sold_at, expires_at,
                    offline_day, allowance_id, turn, mention, place)
            left join lateral (
                select * from meals_account own where own.person_id = c.person_id limit 1
            ) m on true
            cross join lateral (select m.supplier_id, (at at time zone m.time_zone)::date as day) b
            -- The allowance this charge may use up: the one it names, else the child's own that no till holds.
            left join lateral (
                select a.id, a.amount from allowance a
                where m.held > 0 and a.account_id = m.id
                    and case when c.allowance_id is null then a.state = 'granted'
                        else a.id = c.allowance_id and a.state in ('granted', 'lent') end
                order by a.day limit 1
            ) h on true
            -- What his subsidies pay of it: those whose term holds, the one that ends first is spent first.
            left join lateral (
                select array_agg(s.id order by s.place) as ids,
                    array_agg(greatest(least(s.balance, c.amount - s.before), 0)::bigint order by s.place) as parts,
                    array_agg(s.position order by s.place) as places, array_agg(s.balance order by s.place) as balances,
                    -- `least` would make a sum of no subsidy at all.
                    least(coalesce(sum(s.balance), 0), c.amount)::bigint as total
                from (
                    select g.id, g.balance, g.position, row_number() over spent as place,
                        coalesce(sum(g.balance) over (spent rows between unbounded preceding and 1 preceding), 0) as before
                    from subsidy g
                    where m.subsidised and g.meals_id = m.id and g.ended_at is null and g.ended_by is null
                        and g.balance > 0
                        and (case when c.offline_day < b.day then c.offline_day else b.day end) between g.valid_from and g.valid_until
                        and (g.pays_for = 'any' or g.pays_for = c.purchase)
                    window spent as (order by g.valid_until, g.id)
                ) s
            ) g on true
            where c.turn = lap and c.mention = 1 and c.id <> all(known)
                and not exists (
                    select from charge paid
                    where paid.sale_id = c.sale_id and paid.person_id = c.person_id and paid.state = 'posted' offset 0));
        continue when cardinality(seen) = 0;

        decided := array(
            select row(
                j.id, j.sale_id, j.attempt, j.person_id, j.amount, j.purchase, j.what, j.device_id, j.by_id, j.sold_at,
                j.offline_day, j.place, j.account_id, j.school_id, j.number, j.balance, j.held, j.is_open, j.daily_limit,
                j.position, j.low_below, j.supplier_id, j.today, j.business_on, j.own_amount,
                j.subsidies, j.subsidy_parts, j.subsidy_places, j.subsidy_balances, j.subsidy_total,
                j.can_spend, j.may_spend, j.own_part, j.reason,
                case when j.reason is null and j.uses_allowance then j.own_allowance end,
                j.balance - case when j.reason is null then j.own_part else 0 end,
                j.version + case when j.reason is null then 1 else 0 end,
                case when j.reason is null
                    then charge_spent(j.spent, j.spent_on, j.purchase, j.amount, j.business_on) else j.spent end,
                case when j.reason is null
                    then charge_spent_on(j.spent_on, j.purchase, j.business_on) else j.spent_on end)::charge_decided
            from (
                select w.*,
                    charge_refusal(
                        w.expires_at < at, w.account_id is not null, w.offline_day is not null, w.is_open, w.amount, w.can_spend,
                        w.purchase, w.may_spend) as reason
                from (
                    select s.*,
                        s.balance - s.held + s.own_amount + s.subsidy_total as can_spend,
                        s.amount - s.subsidy_total as own_part,
                        charge_limit_left(s.daily_limit, s.spent, s.spent_on, s.business_on) as may_spend,
                        -- An own allowance is used up by a purchase of its size, or by one that needs its money.
                        s.allowance_id is not null or s.amount >= s.own_amount
                            or s.amount - s.subsidy_total > s.balance - s.held as uses_allowance
                    from unnest(seen) s
                ) w
            ) j);

        -- What is paid with own money alone is one row, which moves the account (`post_charge.sql`). What subsidies pay of it, or
        -- all of it, is a transfer with an entry for each purse.
        with d as materialized (
            select * from unnest(decided)
        ), split as materialized (
            select * from d where d.reason is null and d.subsidy_total > 0
        ), kept as (
            insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, state, reason, available, limit_left, position, balance, offline, allowance_id,
                subsidised)
            select d.id, d.sale_id, d.attempt, d.person_id, d.account_id,
                case when d.reason is null and d.subsidy_total = 0 then d.supplier_id end, d.amount, d.purchase, d.what, d.device_id,
                d.by_id, d.sold_at, at, d.business_on, case when d.reason is null then 'posted' else 'declined' end, d.reason,
                case when d.reason is not null then d.can_spend end,
                case when d.reason is not null then d.may_spend end,
                case when d.reason is null and d.subsidy_total = 0 then d.position + 1 end, d.new_balance,
                d.offline_day is not null, d.used_allowance, case when d.reason is null then d.subsidy_total else 0 end
            from d order by d.id
        ), moved as (
            insert into transfer (id, kind, account_id, made_at, business_on, amount, purchase, what, by_id, device_id,
                sale_id, offline)
            select s.id, 'charge', s.account_id, at, s.business_on, s.amount, s.purchase, s.what, s.by_id, s.device_id,
                s.sale_id, s.offline_day is not null
            from split s
        ), legs as (
            insert into entry (transfer_id, account_id, amount, position, balance)
            select s.id, s.account_id, -s.own_part, s.position + 1, s.new_balance from split s where s.own_part > 0
            union all
            select s.id, s.supplier_id, s.amount, null, null from split s
            union all
            select s.id, g.id, -g.part, g.place + 1, g.balance - g.part
            from split s cross join lateral unnest(s.subsidies, s.subsidy_parts, s.subsidy_places, s.subsidy_balances)
                as g(id, part, place, balance)
            where g.part > 0
        ), suppliers as (
            insert into organisation_movement (account_id, amount)
            select s.supplier_id, sum(s.amount) from split s group by s.supplier_id
        )
        update meals_account m
        set balance = s.new_balance, position = s.position + case when s.own_part > 0 then 1 else 0 end,
            version = s.new_version, spent = s.new_spent, spent_on = s.new_spent_on
        from split s
        where m.id = s.account_id;
        update meals_account m set held = m.held - d.own_amount
        from unnest(decided) d where d.used_allowance is not null and m.id = d.account_id;
        update subsidy g set balance = g.balance - p.part, position = g.position + 1
        from unnest(decided) d cross join lateral unnest(d.subsidies, d.subsidy_parts) as p(id, part)
        where d.reason is null and d.subsidy_total > 0 and p.part > 0 and g.id = p.id;
        update allowance a set state = 'used', version = a.version + 1
        from unnest(decided) d where a.id = d.used_allowance;

        return query
        select d.place, 'new', case when d.reason is null then 'posted' else 'declined' end, d.reason, d.can_spend, d.may_spend,
            d.business_on, at, d.used_allowance, d.account_id, d.new_version, d.school_id, d.number, d.new_balance, d.daily_limit,
            case when d.new_spent_on = d.today then d.new_spent else 0 end, d.today, d.is_open,
            case when d.reason is null and d.balance >= d.low_below and d.new_balance < d.low_below then d.low_below end
        from unnest(decided) d;
        answered := answered + cardinality(decided);
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
        case when m.spent_on = today.day then m.spent else 0 end, today.day, m.is_open, null::bigint
    from command c
    left join lateral (select * from charge kept where kept.id = c.id limit 1) k on true
    left join lateral (select * from meals_account own where own.person_id = c.person_id limit 1) m on true
    cross join lateral (select (at at time zone m.time_zone)::date as day) today
    where c.id = any(known) or c.mention > 1 or k.id is null;
end $$;
