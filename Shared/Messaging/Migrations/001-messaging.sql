-- What every service needs to speak and to hear without losing or repeating anything.

-- Said, and not yet taken over by the broker. A row is written in the transaction of its fact, after the aggregate's row
-- lock, so that the order per aggregate is the order of `seq`; it is deleted once the broker has confirmed it.
create table outbox (
    seq bigint generated always as identity primary key,
    event_id uuid not null,
    exchange text not null,
    routing_key text not null,
    type text not null,
    body bytea not null,
    correlation_id text,
    created_at timestamptz not null default clock_timestamp(),
    -- An unroutable command waits its turn without holding up what comes after it.
    try_after timestamptz not null default '-infinity',
    failure text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- Heard already: written in the transaction of the effects, so that a repeat has none.
create table inbox (
    queue text not null,
    message_id uuid not null,
    seen_at timestamptz not null default now(),
    primary key (queue, message_id)
);
create index inbox_by_age on inbox using brin (seen_at);

-- Messages that came again without an acknowledgement: counted before they are handled, so that one that kills its
-- process every time is found out.
create table attempted (
    queue text not null,
    message_id uuid not null,
    times integer not null,
    last_at timestamptz not null default now(),
    primary key (queue, message_id)
);

-- Grows when this service was restored from a backup: what it says then beats what it had said before.
create table owner_epoch (
    single boolean primary key default true constraint owner_epoch_is_one_row check (single),
    epoch bigint not null constraint owner_epoch_positive check (epoch between 1 and 999999)
);
insert into owner_epoch (epoch) values (1);

-- A republication that is coming in: what was named so far.
create table republished (
    run_id uuid not null,
    queue text not null,
    aggregate_id uuid not null,
    seen_at timestamptz not null default now(),
    primary key (run_id, queue, aggregate_id)
);
