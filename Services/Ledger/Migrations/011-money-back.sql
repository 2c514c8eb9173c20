-- Money goes back: for a mistaken charge, confirmed by a tutor (AC-12), and out of the account altogether (BY-04).

alter table transfer add column refunds uuid references transfer (id);     -- the charge that a refund gives back
alter table transfer add column asked_by_id uuid;                          -- who asked for what `by_id` confirmed
alter table transfer drop constraint transfer_kind_known;
alter table transfer add constraint transfer_kind_known
    check (kind in ('charge', 'reversal', 'topUp', 'familyTransfer', 'refund', 'payout'));
alter table transfer drop constraint transfer_charge_says_purchase;
alter table transfer add constraint transfer_charge_says_purchase
    check ((kind in ('charge', 'reversal', 'refund')) = (purchase is not null and sale_id is not null));
alter table transfer add constraint transfer_refund_names_charge check ((kind = 'refund') = (refunds is not null));
alter table transfer add constraint transfer_refund_takes_two check (kind <> 'refund' or asked_by_id <> by_id);
create index transfer_refunds on transfer (refunds) where refunds is not null;

-- What of a charge was given back; never more than it was.
alter table charge add column refunded bigint not null default 0;
alter table charge add constraint charge_refunded_within_amount check (refunded >= 0 and refunded <= amount);
create index charge_of_account on charge (account_id, decided_at) where state = 'posted';

-- Somebody says that a charge was a mistake; a tutor says whether it was (AC-12). The form makes the id, and the
-- refund's transfer has the same.
create table refund_request (
    id              uuid primary key,
    charge_id       uuid not null references charge (id),
    account_id      uuid not null references meals_account (id),
    school_id       uuid not null,
    amount          bigint not null constraint refund_amount_positive check (amount > 0),
    reason          text not null constraint refund_reason_given check (reason <> ''),
    asked_by        uuid not null,
    asked_at        timestamptz not null,
    state           text not null default 'asked' constraint refund_state_known
                        check (state in ('asked', 'confirmed', 'refused')),
    decided_by      uuid,
    decided_at      timestamptz,
    answer          text,
    constraint refund_decided_by_somebody_else check (decided_by <> asked_by),
    constraint refund_decision_complete check ((state = 'asked') = (decided_by is null) and (decided_by is null) = (decided_at is null)),
    constraint refund_refused_with_words check (state <> 'refused' or answer <> '')
);
create unique index refund_waits_once on refund_request (charge_id) where state = 'asked';
create index refund_of_school on refund_request (school_id, asked_at);
create index refund_of_account on refund_request (account_id, asked_at);

-- A guardian asks for money of the account to be paid out (BY-04). It is held until it is paid, refused or withdrawn.
create table cash_out (
    id              uuid primary key,
    account_id      uuid not null references meals_account (id),
    school_id       uuid not null,
    amount          bigint not null constraint cash_out_amount_positive check (amount > 0),
    way             text not null constraint cash_out_way_known check (way in ('cashDesk', 'bank')),
    details         text not null default '',       -- where a bank is to send it
    asked_by        uuid not null,
    asked_at        timestamptz not null,
    due_on          date not null,                  -- the last day by which it must be answered
    state           text not null default 'asked' constraint cash_out_state_known
                        check (state in ('asked', 'paid', 'refused', 'withdrawn')),
    ended_by        uuid,
    ended_at        timestamptz,
    paper           text,                           -- number of the order by which it was paid
    answer          text,
    constraint cash_out_end_complete check ((state = 'asked') = (ended_by is null) and (ended_by is null) = (ended_at is null)),
    constraint cash_out_paid_with_paper check (state <> 'paid' or paper <> ''),
    constraint cash_out_refused_with_words check (state <> 'refused' or answer <> ''),
    constraint cash_out_bank_knows_where check (way <> 'bank' or details <> '')
);
create unique index cash_out_waits_once on cash_out (account_id) where state = 'asked';
create index cash_out_of_school on cash_out (school_id, asked_at);

-- What a bank pays out for the school.
alter table account drop constraint account_kind_known;
alter table account add constraint account_kind_known check (kind in (
    'meals', 'supplier', 'cashDesk', 'acquiring', 'terminal', 'bankRegister', 'payouts'));

create trigger refund_request_never_deleted before delete or truncate on refund_request
    for each statement execute function refuse_change();
create trigger cash_out_never_deleted before delete or truncate on cash_out
    for each statement execute function refuse_change();

-- Both end once, and what was asked stays as it was asked.
create function keep_request_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'asked' and new.state <> 'asked'
        and (new.id, new.account_id, new.amount, new.asked_by, new.asked_at)
            is not distinct from (old.id, old.account_id, old.amount, old.asked_by, old.asked_at)
    then
        return new;
    end if;
    raise exception '% % has ended as %', tg_table_name, old.id, old.state using errcode = 'restrict_violation';
end $$;
create trigger refund_request_ends_once before update on refund_request
    for each row execute function keep_request_ended();
create trigger cash_out_ends_once before update on cash_out for each row execute function keep_request_ended();

-- An attempt ends once: what was posted can be given back, in parts or as a whole.
create or replace function keep_charge_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'posted'
        and (new.state = 'reversed' and new.refunded = old.refunded or new.state = 'posted' and new.refunded > old.refunded)
        and (new.id, new.sale_id, new.attempt, new.person_id, new.account_id, new.amount, new.purchase, new.business_on)
            is not distinct from
            (old.id, old.sale_id, old.attempt, old.person_id, old.account_id, old.amount, old.purchase, old.business_on)
    then
        return new;
    end if;
    raise exception 'charge % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;

-- A transfer comes in one statement with its entries, and its amount is what moved on the child's account. One between
-- two children has these two legs and no other.
create or replace function check_transfers() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.id into wrong
    from added n
    where (select e.amount from entry e where e.transfer_id = n.id and e.account_id = n.account_id)
            is distinct from case when n.kind in ('charge', 'familyTransfer', 'payout') then -n.amount else n.amount end
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
