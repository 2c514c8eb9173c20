-- Money that payment terminals and banks bring (AC-03, AC-04), and the registers by which both sides compare.

-- Who may bring money. A name is given once and for ever: were a partner to come back as another one, a repeat of an old
-- payment would be a new payment.
create table partner (
    id              uuid primary key,
    name            text not null constraint partner_name_fits_address check (name ~ '^[a-z0-9][a-z0-9-]{0,38}$'),
    title           text not null constraint partner_title_given check (title <> ''),   -- as the statement says it
    dialect         text not null constraint partner_dialect_known check (dialect in ('osmp', 'sber', 'protocol2')),
    method          text not null constraint partner_method_known check (method in ('terminal', 'bankRegister')),
    addresses       text[] not null,                -- networks it asks from
    user_name       text not null,
    password_hash   bytea not null,                 -- SHA-256 of a password that we made and nobody chose
    tells_balance   boolean not null,               -- whether the payer is shown what is on the account
    least           bigint not null constraint partner_least_positive check (least > 0),
    most            bigint not null constraint partner_most_above_least check (most >= least),
    time_zone       text not null,                  -- of the dates it writes
    codes           jsonb not null default '{}',    -- result codes that its contract numbers otherwise
    added_at        timestamptz not null,
    revoked_at      timestamptz,
    constraint partner_name_unique unique (name)
);
create trigger partner_never_deleted before delete or truncate on partner
    for each statement execute function refuse_change();

-- A payment that a partner brought, under the number it gave; written once, with the transfer it became.
create table partner_payment (
    partner_id      uuid not null references partner (id),
    number          text not null constraint partner_payment_number_of_digits check (number ~ '^[0-9]{1,20}$'),
    own_number      bigint generated always as identity,     -- what we call it to the partner
    account_id      uuid not null references account (id),
    account_number  text not null,
    amount          bigint not null constraint partner_payment_amount_positive check (amount > 0),
    dated           text not null,                  -- as the partner wrote it
    partner_day     date not null,                  -- the partner's accounting day
    received_at     timestamptz not null,
    transfer_id     uuid not null references transfer (id) deferrable initially deferred,
    constraint partner_payment_once primary key (partner_id, number),
    constraint partner_payment_own_number_unique unique (own_number),
    constraint partner_payment_transfer_unique unique (transfer_id)
);
create index partner_payment_of_day on partner_payment (partner_id, partner_day);
create trigger partner_payment_never_changes before update or delete or truncate on partner_payment
    for each statement execute function refuse_change();

-- The same number came with another account or sum: refused, and shown to the accountant.
create table partner_conflict (
    id              bigint generated always as identity primary key,
    partner_id      uuid not null references partner (id),
    number          text not null,
    account_number  text not null,
    amount          bigint,
    first_seen_at   timestamptz not null,
    last_seen_at    timestamptz not null,
    times           integer not null default 1
);
create unique index partner_conflict_once on partner_conflict (partner_id, number, account_number, amount) nulls not distinct;

-- What a partner says it took, by its daily registers; a register sent again replaces what it said of the same day.
create table register_day (
    partner_id      uuid not null references partner (id),
    day             date not null,
    file            text not null,
    imported_at     timestamptz not null,
    constraint register_day_once primary key (partner_id, day)
);
create table register_line (
    partner_id      uuid not null,
    day             date not null,
    number          text not null,
    account_number  text not null,
    amount          bigint not null,
    constraint register_line_once primary key (partner_id, number),
    constraint register_line_of_register foreign key (partner_id, day) references register_day (partner_id, day) on delete cascade
);
create index register_line_of_day on register_line (partner_id, day);
