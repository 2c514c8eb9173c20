-- Subsidies (AC-08): money of the municipality for one child, on an account of its own, for a term, for named purchases.
-- It is spent before own money; what is left when the term ends goes back. And a notice when own money runs low.

alter table account drop constraint account_kind_known;
alter table account add constraint account_kind_known check (kind in (
    'meals', 'subsidy', 'supplier', 'cashDesk', 'acquiring', 'terminal', 'bankRegister', 'payouts', 'municipality'));
alter table account drop constraint account_person_only_of_child;
alter table account add constraint account_person_only_of_child check ((person_id is not null) = (kind in ('meals', 'subsidy')));

-- The row of the child's own account is the lock of all his accounts: nobody touches a subsidy without holding it.
-- So a charge locks one row per child, with a subsidy or without.
create table subsidy (
    id              uuid primary key references account (id),
    meals_id        uuid not null references meals_account (id),
    school_id       uuid not null,
    title           text not null constraint subsidy_title_given check (title <> ''),
    certificate     text not null constraint subsidy_certificate_given check (certificate <> ''),   -- number of the справка
    issuer          text not null constraint subsidy_issuer_given check (issuer <> ''),
    valid_from      date not null,
    valid_until     date not null,                  -- the last day, included
    pays_for        text not null constraint subsidy_pays_for_known check (pays_for in ('collective', 'any')),
    amount          bigint not null constraint subsidy_amount_positive check (amount > 0),
    every           text not null constraint subsidy_every_known check (every in ('schoolDay', 'month', 'once')),
    balance         bigint not null default 0 constraint subsidy_never_below_zero check (balance >= 0),
    position        bigint not null default 0,
    starts_on       date not null,                  -- the first day that is accrued: of the term, or of its entry when later
    accrued_through date not null,                  -- every day up to this one has been accrued
    ended_at        timestamptz,                    -- the rest has gone back; null again when a refund brought something
    ended_by        uuid,                           -- who ended it before its term
    entered_by      uuid,
    entered_at      timestamptz not null,
    constraint subsidy_term_in_order check (valid_until >= valid_from),
    constraint subsidy_ended_is_empty check (ended_at is null or balance = 0)
) with (fillfactor = 80);
create unique index subsidy_certificate_once on subsidy (meals_id, certificate);
create index subsidy_open on subsidy (meals_id, valid_until) where ended_at is null;
create index subsidy_due on subsidy (accrued_through) where ended_at is null;
create index subsidy_of_school on subsidy (school_id, entered_at);
create trigger subsidy_never_deleted before delete or truncate on subsidy
    for each statement execute function refuse_change();

-- Days on which a school works otherwise than the week says, as its calendar has them.
create table school_calendar (
    school_id       uuid not null,
    day             date not null,
    is_school_day   boolean not null,
    primary key (school_id, day)
);

-- Whether to look for subsidies at all: a child without one pays nothing for those who have.
alter table meals_account add column subsidised boolean not null default false;
-- Below this sum the guardians are told, once each time the balance passes it.
alter table meals_account add column low_below bigint constraint meals_account_low_below_positive check (low_below > 0);
-- What subsidies paid of a charge; the rest was own money.
alter table charge add column subsidised bigint not null default 0
    constraint charge_subsidised_not_negative check (subsidised >= 0);

alter table transfer drop constraint transfer_kind_known;
alter table transfer add constraint transfer_kind_known
    check (kind in ('charge', 'reversal', 'topUp', 'familyTransfer', 'refund', 'payout', 'accrual', 'expiry'));

-- All legs of a transfer come in one statement and sum to zero; each names a known transfer and account, and a
-- child's leg its place. What a child pays never takes his account below zero, but by a sale without a connection.
-- Checked once per statement, whatever the size of the batch.
create or replace function check_entries() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.transfer_id into wrong
    from (select a.transfer_id, count(*) as legs from added a group by a.transfer_id) n
    cross join lateral (select sum(e.amount) as sum, count(*) as legs from entry e where e.transfer_id = n.transfer_id) kept
    where kept.sum <> 0 or kept.legs < 2 or kept.legs <> n.legs
    limit 1;
    if wrong is not null then
        raise exception 'the entries of transfer % do not balance', wrong
            using errcode = 'check_violation', constraint = 'entry_sums_to_zero';
    end if;

    select n.transfer_id into wrong
    from added n
    where (select a.kind in ('meals', 'subsidy') from account a where a.id = n.account_id) is distinct from (n.position is not null)
        or not exists (select from transfer t where t.id = n.transfer_id offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'an entry of % names a transfer or an account that the books do not know', wrong
            using errcode = 'check_violation', constraint = 'entry_account_known';
    end if;

    select n.transfer_id into wrong
    from added n
    where n.balance < 0 and n.amount < 0
        and not exists (select from transfer t where t.id = n.transfer_id and t.offline offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'transfer % would take an account below zero', wrong
            using errcode = 'check_violation', constraint = 'entry_above_floor';
    end if;
    return null;
end $$;

-- A transfer comes in one statement with its entries, and its amount is what moved on the child's account, or on all
-- accounts of the child when a subsidy paid a part. One between two children has these two legs and no other.
create or replace function check_transfers() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.id into wrong
    from added n
    cross join lateral (
        select case when n.kind in ('charge', 'familyTransfer', 'payout', 'expiry') then -n.amount else n.amount end as amount
    ) due
    where (select e.amount from entry e where e.transfer_id = n.id and e.account_id = n.account_id)
                is distinct from due.amount
            and (n.kind not in ('charge', 'reversal', 'refund')
                or (select sum(e.amount) from entry e join account a on a.id = e.account_id
                    where e.transfer_id = n.id
                        and a.person_id = (select own.person_id from account own where own.id = n.account_id))
                    is distinct from due.amount)
        or n.kind = 'familyTransfer'
            and ((select e.amount from entry e
                    where e.transfer_id = n.id and e.account_id = n.other_id and e.position is not null)
                    is distinct from n.amount
                or (select count(*) from entry e where e.transfer_id = n.id) <> 2)
    limit 1;
    if wrong is not null then
        raise exception 'transfer % has no entry of its amount', wrong
            using errcode = 'check_violation', constraint = 'transfer_has_entries';
    end if;
    return null;
end $$;

-- Answers one row for each command; `place` counts from 1:
--   outcome   'new': decided just now · 'repeat': decided before, the row says how it ended ·
--             'differs': the id is known with other contents · 'early': another attempt of the sale is still paid
--   low_below the sum under which the guardians want to be told, when this charge took the balance under it
-- A command that somebody else is deciding at this moment fails with a unique violation after he has committed.
drop function decide_charges;
create function decide_charges(
    ids uuid[], sales uuid[], attempts integer[], persons uuid[], amounts bigint[], purchases text[], whats text[],
    devices uuid[], bys uuid[], sold timestamptz[], expiries timestamptz[], offline_days date[], allowances uuid[],
    at timestamptz
) returns table (
    place bigint, outcome text, state text, reason text, available bigint, limit_left bigint, business_on date,
    decided_at timestamptz, used_allowance uuid, account_id uuid, version bigint, school_id uuid, number text,
    balance bigint, daily_limit bigint, spent_today bigint, today date, is_open boolean, low_below bigint
) language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
    rounds integer;
    known uuid[];
    answered integer := 0;
    added integer;
begin
    -- The child's own row stands for all his accounts.
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
                h.id as own_allowance, coalesce(h.amount, 0) as own_amount, m.low_below,
                g.ids as subsidies, g.parts as subsidy_parts, coalesce(g.total, 0) as subsidy_total
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
            -- What his subsidies pay of it: those whose term holds, the one that ends first is spent first.
            left join lateral (
                select array_agg(s.id order by s.place) as ids,
                    array_agg(greatest(least(s.balance, c.amount - s.before), 0)::bigint order by s.place) as parts,
                    -- `least` would make a sum of no subsidy at all.
                    least(coalesce(sum(s.balance), 0), c.amount)::bigint as total
                from (
                    select g.id, g.balance, row_number() over spent as place,
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
                    where paid.sale_id = c.sale_id and paid.person_id = c.person_id and paid.state = 'posted' offset 0)
        ), weighed as (
            select s.*,
                s.balance - s.held + s.own_amount + s.subsidy_total as can_spend,
                s.amount - s.subsidy_total as own_part,
                -- `greatest` would make a sum of no limit at all.
                case when s.daily_limit is not null
                    then greatest(s.daily_limit - case when s.spent_on = s.business_on then s.spent else 0 end, 0)
                end as may_spend,
                -- An own allowance is used up by a purchase of its size, or by one that needs its money.
                s.allowance_id is not null or s.amount >= s.own_amount
                    or s.amount - s.subsidy_total > s.balance - s.held as uses_allowance
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
                j.balance - case when j.reason is null then j.own_part else 0 end as new_balance,
                j.version + case when j.reason is null then 1 else 0 end as new_version,
                case
                    when j.reason is not null or j.purchase <> 'personal' or j.business_on < j.spent_on then j.spent
                    when j.business_on = j.spent_on then j.spent + j.amount
                    else j.amount
                end as new_spent,
                case when j.reason is null and j.purchase = 'personal' then greatest(j.spent_on, j.business_on)
                    else j.spent_on end as new_spent_on
            from judged j
        ), paid as materialized (
            select d.id as charge_id, g.id, g.part
            from decided d cross join lateral unnest(d.subsidies, d.subsidy_parts) as g(id, part)
            where d.reason is null and d.subsidy_total > 0 and g.part > 0
        ), kept as (
            insert into charge (id, sale_id, attempt, person_id, account_id, amount, purchase, what, device_id, by_id,
                sold_at, decided_at, business_on, state, reason, available, limit_left, balance, allowance_id, subsidised)
            select d.id, d.sale_id, d.attempt, d.person_id, d.account_id, d.amount, d.purchase, d.what, d.device_id,
                d.by_id, d.sold_at, at, d.business_on, d.state, d.reason,
                case when d.reason is not null then d.can_spend end,
                case when d.reason is not null then d.may_spend end,
                d.new_balance, d.used_allowance, case when d.reason is null then d.subsidy_total else 0 end
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
            select d.id, d.account_id, -d.own_part, d.position + 1, d.new_balance
            from decided d where d.reason is null and d.own_part > 0
            union all
            select d.id, d.supplier_id, d.amount, null, null from decided d where d.reason is null
            union all
            select p.charge_id, p.id, -p.part, g.position + 1, g.balance - p.part
            from paid p join subsidy g on g.id = p.id
        ), suppliers as (
            insert into organisation_movement (account_id, amount)
            select d.supplier_id, sum(d.amount) from decided d where d.reason is null group by d.supplier_id
        ), subsidies as (
            update subsidy g set balance = g.balance - p.part, position = g.position + 1 from paid p where g.id = p.id
        ), used as (
            update allowance a set state = 'used', version = a.version + 1
            from decided d where a.id = d.used_allowance
        ), changed as (
            update meals_account m
            set balance = d.new_balance, position = d.position + case when d.own_part > 0 then 1 else 0 end,
                version = d.new_version, spent = d.new_spent, spent_on = d.new_spent_on,
                held = d.held - case when d.used_allowance is not null then d.own_amount else 0 end
            from decided d
            where d.reason is null and m.id = d.account_id
        )
        select d.place, 'new', d.state, d.reason, d.can_spend, d.may_spend, d.business_on, at, d.used_allowance,
            d.account_id, d.new_version, d.school_id, d.number, d.new_balance, d.daily_limit,
            case when d.new_spent_on = d.today then d.new_spent else 0 end, d.today, d.is_open,
            case when d.reason is null and d.balance >= d.low_below and d.new_balance < d.low_below then d.low_below end
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
        case when m.spent_on = today.day then m.spent else 0 end, today.day, m.is_open, null::bigint
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
        left join lateral (
            select (at at time zone books.time_zone)::date as day
            from school_books books where books.school_id = m.school_id limit 1
        ) today on true
    ), undone as materialized (
        select s.place, s.reversal_id, left_over.account_id, left_over.amount
        from seen s
        cross join lateral (
            select e.account_id, -sum(e.amount)::bigint as amount
            from (select s.id as transfer_id union all select t.id from transfer t where t.refunds = s.id) part
            join entry e on e.transfer_id = part.transfer_id
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
