-- What Access owns: devices, cards, the raw readings of hardware, passages and who is inside.

create table device (
    id uuid primary key,
    school_id uuid not null,
    name text not null constraint device_name_is_unique unique
        constraint device_name_fits_a_routing_key check (name ~ '^[a-z0-9][a-z0-9-]{1,40}$'),
    place text not null,
    -- What every reading of this device means, where the hardware does not say; null: told by who is inside.
    direction text constraint device_direction_known check (direction in ('entered', 'left')),
    password_hash text not null,
    version bigint not null default 1,
    last_seen_at timestamptz,
    -- Seconds the device's clock is ahead of ours, as last noticed; null: in order.
    clock_ahead_seconds bigint,
    ended boolean not null default false
);

create table card (
    id uuid primary key,
    person_id uuid not null,
    number text not null,
    value bigint not null,
    mask bigint not null,
    low16 integer not null,
    kind text not null constraint card_kind_known
        check (kind in ('serviceCard', 'socialCard', 'bracelet', 'fob', 'temporary')),
    status text not null constraint card_status_known check (status in ('active', 'blocked', 'suspended', 'ended')),
    valid_until date,
    version bigint not null default 1,
    changed_at timestamptz not null default now()
);
create index card_by_low16 on card (low16) where status <> 'ended';
create index card_by_person on card (person_id);
create unique index card_number_is_one_persons on card (number) where status <> 'ended';

-- A line of a card list whose person the roster has not brought yet.
create table waiting_card (
    school_id uuid not null,
    person_number text not null,
    number text not null,
    kind text not null,
    arrived_at timestamptz not null default now(),
    primary key (school_id, person_number, number)
);

-- Everything hardware said, as it said it; understood afterwards.
create table raw_reading (
    id bigint generated always as identity primary key,
    device_name text not null,
    received_at timestamptz not null,
    body bytea not null,
    -- What was understood of it: 'readings' or the reason why nothing was.
    outcome text not null
);
create index raw_reading_not_understood on raw_reading (received_at) where outcome <> 'readings';

-- One row per reading, whatever it led to: what a device repeats meets its own key here.
create table reading (
    device_id uuid not null,
    key text not null,
    card text,
    person_id uuid,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    outcome text not null,
    primary key (device_id, key)
);
create index reading_unknown_card on reading (received_at) where outcome = 'unknownCard';

create table passage (
    id uuid primary key,
    school_id uuid not null,
    device_id uuid not null references device,
    person_id uuid not null,
    direction text not null constraint passage_direction_known check (direction in ('entered', 'left', 'unknown')),
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    day date not null,
    repaired boolean not null
);
create index passage_of_person on passage (person_id, day);
create index passage_of_school on passage (school_id, day);

create table presence (
    person_id uuid primary key,
    school_id uuid not null,
    is_inside boolean not null,
    since timestamptz not null,
    day date not null,
    last_reading_at timestamptz not null,
    last_device_id uuid not null
);
create index presence_inside on presence (school_id, day) where is_inside;
