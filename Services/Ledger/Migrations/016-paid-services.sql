-- Paid services (ID-35, AC-13): what a school offers for money besides meals, who is subscribed, and what is owed for which
-- period. Whoever provides a service has an account of his own, so that the settlement counts him (SC-08, AC-14).

alter table account drop constraint account_kind_known;
alter table account add constraint account_kind_known check (kind in (
    'meals', 'subsidy', 'supplier', 'cashDesk', 'acquiring', 'terminal', 'bankRegister', 'payouts', 'municipality', 'provider'));
drop index account_one_of_each_kind;
create unique index account_one_of_each_kind on account (school_id, kind) where person_id is null and kind <> 'provider';

create table provider (
    account_id      uuid primary key references account (id),
    school_id       uuid not null,
    name            text not null constraint provider_name_given check (name <> '')
);
create unique index provider_one_of_a_name on provider (school_id, lower(name));

-- A purchase is a meal with the class, something the child bought, or a paid service. A service is charged by its own
-- rules, from own money, and never counts against the daily limit (AC-07).
alter table transfer drop constraint transfer_purchase_known;
alter table transfer add constraint transfer_purchase_known check (purchase in ('personal', 'collective', 'service'));
alter table charge drop constraint charge_seen_is_complete;
alter table charge add constraint charge_seen_is_complete check (
    state = 'withdrawn' or (amount > 0 and purchase in ('personal', 'collective', 'service') and what is not null));

create table paid_service (
    id              uuid primary key,
    school_id       uuid not null references school_books (school_id),
    provider_id     uuid not null references provider (account_id),
    title           text not null constraint paid_service_title_given check (title <> ''),
    about           text not null,
    rhythm          text not null constraint paid_service_rhythm_known check (rhythm in ('once', 'month', 'visit')),
    offered_from    date not null,
    offered_until   date,                           -- the last day, included; null: until it is closed
    places          bigint constraint paid_service_places_positive check (places > 0),
    -- Whom it is offered to; nobody named: the whole school.
    grades          bigint[] not null default '{}',
    classes         uuid[] not null default '{}',
    entered_by      uuid not null,
    entered_at      timestamptz not null,
    closed_by       uuid,
    closed_at       timestamptz,
    constraint paid_service_term_in_order check (offered_until >= offered_from),
    constraint paid_service_closing_complete check ((closed_by is null) = (closed_at is null))
);
create index paid_service_of_school on paid_service (school_id, title);

-- The price from a day on; a later line of the same day counts, and none is ever changed.
create table service_price (
    service_id      uuid not null references paid_service (id),
    number          bigint generated always as identity,
    starts_on       date not null,
    price           bigint not null constraint service_price_positive check (price > 0),
    by_id           uuid not null,
    made_at         timestamptz not null,
    primary key (service_id, starts_on, number)
);

create table subscription (
    id              uuid primary key,               -- made by the form
    service_id      uuid not null references paid_service (id),
    account_id      uuid not null references meals_account (id),
    school_id       uuid not null,
    starts_on       date not null,
    ends_on         date,                           -- the last day, included; null while nobody has ended it
    subscribed_by   uuid not null,
    subscribed_at   timestamptz not null,
    ended_by        uuid,                           -- null also when it ended by itself
    ended_at        timestamptz,
    version         bigint not null default 1,
    constraint subscription_end_complete check ((ends_on is null) = (ended_at is null))
);
create unique index subscription_one_at_a_time on subscription (service_id, account_id) where ends_on is null;
create index subscription_of_account on subscription (account_id, subscribed_at);
create index subscription_of_service on subscription (service_id, ends_on);

-- What is owed: one for a child, a service and a period, whatever subscribes, looks or is killed in between.
create table service_due (
    id              uuid primary key,
    subscription_id uuid not null references subscription (id),
    service_id      uuid not null references paid_service (id),
    account_id      uuid not null references meals_account (id),
    period          text not null,                  -- 2026-11 for a month, 2026-11-20 for a visit, once
    first_on        date not null,
    last_on         date not null,                  -- unpaid after it, it lapses: no money, no service (AC-11)
    amount          bigint not null constraint service_due_amount_positive check (amount > 0),
    what            text not null,
    state           text not null default 'due' constraint service_due_state_known check (state in ('due', 'paid', 'lapsed')),
    attempts        bigint not null default 0,
    charge_id       uuid references charge (id),
    made_at         timestamptz not null,
    ended_at        timestamptz,
    constraint service_due_days_in_order check (last_on >= first_on),
    constraint service_due_paid_by_charge check ((state = 'paid') = (charge_id is not null)),
    constraint service_due_end_complete check ((state = 'due') = (ended_at is null))
) with (fillfactor = 85);
create unique index service_due_once on service_due (service_id, account_id, period) where state <> 'lapsed';
create index service_due_of_account on service_due (account_id, made_at);
create index service_due_open on service_due (last_on) where state = 'due';

create trigger service_price_never_changes before update or delete or truncate on service_price
    for each statement execute function refuse_change();
create trigger provider_never_deleted before delete or truncate on provider
    for each statement execute function refuse_change();
create trigger paid_service_never_deleted before delete or truncate on paid_service
    for each statement execute function refuse_change();
create trigger subscription_never_deleted before delete or truncate on subscription
    for each statement execute function refuse_change();
create trigger service_due_never_deleted before delete or truncate on service_due
    for each statement execute function refuse_change();

-- What is owed stays as it was said, and ends once.
create function keep_service_due_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'due'
        and (new.id, new.subscription_id, new.service_id, new.account_id, new.period, new.first_on, new.last_on, new.amount, new.what)
            is not distinct from
            (old.id, old.subscription_id, old.service_id, old.account_id, old.period, old.first_on, old.last_on, old.amount, old.what)
        and new.attempts >= old.attempts
    then
        return new;
    end if;
    raise exception 'what is owed by % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;
create trigger service_due_ends_once before update on service_due for each row execute function keep_service_due_ended();
