-- The contract route (ID-31 to ID-33): who has signed, the PIN of the terminal, the terminals themselves.

-- Between the payer (a guardian) and the payment agent (ID-32). What stood on the paper is kept as it stood.
create table contract (
    id uuid primary key,
    child_id uuid not null references person (id),
    guardian_id uuid not null references person (id),
    signed_on date not null,
    -- Which member of staff has seen the signature.
    entered_by uuid not null references person (id),
    entered_at timestamptz not null,
    -- What a later one has taken the place of.
    ended_at timestamptz
);
create unique index contract_one_per_child on contract (child_id) where ended_at is null;

-- Four digits (ID-31), hashed as slowly as a password; nobody reads it again.
create table pin (
    child_id uuid primary key references person (id),
    hash text not null,
    set_at timestamptz not null,
    set_by uuid not null references person (id)
);

-- A terminal in a school's hall. The code that sets it up is good once; then the browser there holds a key of its own.
create table terminal (
    id uuid primary key,
    school_id uuid not null references school (id),
    name text not null,
    setup_hash bytea,
    setup_until timestamptz,
    key_hash bytea,
    registered_by uuid not null references person (id),
    registered_at timestamptz not null,
    set_up_at timestamptz,
    ended_at timestamptz,
    constraint terminal_name_not_empty check (name <> ''),
    constraint terminal_setup_code_has_a_term check ((setup_hash is null) = (setup_until is null)),
    constraint terminal_setup_code_once unique (setup_hash),
    constraint terminal_key_once unique (key_hash)
);
create index terminal_by_school on terminal (school_id);

-- A visit to a terminal: open while it is touched.
create table terminal_visit (
    id uuid primary key,
    terminal_id uuid not null references terminal (id),
    child_id uuid not null references person (id),
    started_at timestamptz not null,
    touched_at timestamptz not null,
    ended_at timestamptz
);
create index terminal_visit_by_child on terminal_visit (child_id) where ended_at is null;
