-- Money that came in goes back the way it came: to the card that paid (AC-02), or out of a terminal's payment that its
-- partner cancels (AC-03). Never more of a top-up than it brought.

alter table transfer add column returns uuid references transfer (id);     -- the top-up that a return gives back
alter table transfer drop constraint transfer_kind_known;
alter table transfer add constraint transfer_kind_known check (kind in (
    'charge', 'reversal', 'topUp', 'familyTransfer', 'refund', 'payout', 'accrual', 'expiry', 'return'));
alter table transfer drop constraint transfer_top_up_says_how;
alter table transfer add constraint transfer_top_up_says_how check ((kind in ('topUp', 'return')) = (method is not null));
alter table transfer add constraint transfer_return_names_top_up check ((kind = 'return') = (returns is not null));
-- The sheet of a desk's day counts what went, too.
drop index transfer_top_ups_of_day;
create index transfer_money_of_day on transfer (business_on) where kind in ('topUp', 'return', 'payout');
create index transfer_returns on transfer (returns) where returns is not null;

-- An accountant gives money of a card payment back to the card. It is held on the account until the acquirer has said what
-- became of it. The form makes the id, which is the acquirer's key of idempotence and the id of the return's transfer too.
create table card_refund (
    id              uuid primary key,
    payment_id      uuid not null references card_payment (id),
    account_id      uuid not null references meals_account (id),
    school_id       uuid not null,
    amount          bigint not null constraint card_refund_amount_positive check (amount > 0),      -- leaves the account
    total           bigint not null constraint card_refund_total_covers check (total >= amount),    -- comes to the card
    reason          text not null constraint card_refund_reason_given check (reason <> ''),
    receipt         jsonb,                          -- what the acquirer needs for it; taken away at the end
    asked_by        uuid not null,
    asked_at        timestamptz not null,
    state           text not null default 'asked' constraint card_refund_state_known check (state in ('asked', 'returned', 'refused')),
    acquirer_id     text,                           -- of the refund, once the acquirer has told it
    asks            integer not null default 0,
    ask_at          timestamptz,                    -- when to ask again; null at the end
    ended_at        timestamptz,
    answer          text,                           -- why the acquirer refused
    constraint card_refund_asked_until_end check ((state = 'asked') = (ask_at is not null) and (ask_at is null) = (ended_at is not null))
);
create unique index card_refund_waits_once on card_refund (payment_id) where state = 'asked';
create index card_refund_of_payment on card_refund (payment_id);
create index card_refund_due on card_refund (ask_at) where ask_at is not null;
create index card_payment_of_school on card_payment (school_id, made_at);

create function keep_card_refund_forward() returns trigger language plpgsql as $$
begin
    if old.state <> 'asked'
        or (new.id, new.payment_id, new.account_id, new.amount, new.total, new.reason, new.asked_by, new.asked_at)
            is distinct from
            (old.id, old.payment_id, old.account_id, old.amount, old.total, old.reason, old.asked_by, old.asked_at)
        or old.acquirer_id is not null and new.acquirer_id is distinct from old.acquirer_id
    then
        raise exception 'card refund % has ended as %', old.id, old.state
            using errcode = 'restrict_violation', constraint = 'card_refund_forward';
    end if;
    return new;
end $$;
create trigger card_refund_forward before update on card_refund for each row execute function keep_card_refund_forward();
create trigger card_refund_never_deleted before delete or truncate on card_refund
    for each statement execute function refuse_change();
-- The acquirer's name of the refund of a payment that came for a closed account: its key is remembered for a day only.
alter table card_payment add column refund_id text;

-- A partner that may cancel, or that signs its requests with a secret of both sides, or speaks CyberPlat's dialect.
alter table partner add column may_cancel boolean not null default false;
alter table partner add column signing_secret text;
alter table partner drop constraint partner_dialect_known;
alter table partner add constraint partner_dialect_known check (dialect in ('osmp', 'sber', 'protocol2', 'cyberplat'));

-- A partner took a payment back. Written once, with the transfer it became.
create table partner_cancel (
    partner_id      uuid not null references partner (id),
    number          text not null,                  -- of the payment
    cancel_number   text,                           -- of the cancelling, where the dialect has one
    dated           text,
    received_at     timestamptz not null,
    transfer_id     uuid not null references transfer (id) deferrable initially deferred,
    constraint partner_cancel_once primary key (partner_id, number),
    constraint partner_cancel_number_once unique (partner_id, cancel_number),
    constraint partner_cancel_of_payment foreign key (partner_id, number) references partner_payment (partner_id, number)
);
create trigger partner_cancel_never_changes before update or delete or truncate on partner_cancel
    for each statement execute function refuse_change();

-- Others keep what banks need to know (the sheet of an invitation shows it): which of two states is the newer one.
alter table bank_details add column version bigint not null default 1;

-- As before, and: what a bank has given back already is written also where a sale without a connection has left less.
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
        and not exists (select from transfer t where t.id = n.transfer_id and (t.offline or t.kind = 'return') offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'transfer % would take an account below zero', wrong
            using errcode = 'check_violation', constraint = 'entry_above_floor';
    end if;
    return null;
end $$;

-- As before, and: a return goes from the account.
create or replace function check_transfers() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.id into wrong
    from added n
    cross join lateral (
        select case when n.kind in ('charge', 'familyTransfer', 'payout', 'expiry', 'return') then -n.amount else n.amount end as amount
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

-- All returns of a top-up together are never more than it was, and go the way it came. The row of the account is locked by
-- whoever posts, so two returns see each other.
create function check_return() returns trigger language plpgsql as $$
begin
    if not exists (
        select from transfer t
        where t.id = new.returns and t.kind = 'topUp' and t.account_id = new.account_id and t.method = new.method
            and (select sum(r.amount) from transfer r where r.returns = t.id) <= t.amount)
    then
        raise exception 'transfer % returns more than came', new.id
            using errcode = 'check_violation', constraint = 'transfer_returns_within';
    end if;
    return null;
end $$;
create trigger transfer_returns_within after insert on transfer
    for each row when (new.kind = 'return') execute function check_return();
