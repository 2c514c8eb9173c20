-- A pupil's move to another class or school (SC-01, SC-02): asked by the first parent, decided by the receiving side.
-- Until it is confirmed nothing of it is anywhere but here (D-09).

create table transfer (
    id uuid primary key,
    child_id uuid not null references person (id),
    from_school_id uuid not null references school (id),
    from_class_id uuid references class (id),
    to_school_id uuid not null references school (id),
    to_class_id uuid not null references class (id),
    state text not null default 'asked',
    asked_by uuid not null references person (id),
    asked_at timestamptz not null,
    decided_by uuid references person (id),
    decided_at timestamptz,
    -- Why it was refused, in the words of whoever refused it.
    reason text,
    -- The first day in the new place.
    moved_on date,
    version bigint not null default 1,
    constraint transfer_state_known check (state in ('asked', 'confirmed', 'done', 'refused', 'withdrawn')),
    constraint transfer_goes_elsewhere check (from_class_id is distinct from to_class_id),
    constraint transfer_refused_with_reason check ((state = 'refused') = (reason is not null and reason <> '')),
    constraint transfer_decided_by_somebody check ((state = 'asked') = (decided_by is null) and (decided_by is null) = (decided_at is null)),
    constraint transfer_moved_when_confirmed check ((state in ('confirmed', 'done')) = (moved_on is not null))
);
create unique index transfer_one_open_per_child on transfer (child_id) where state in ('asked', 'confirmed');
create index transfer_by_child on transfer (child_id);
create index transfer_by_receiver on transfer (to_school_id, asked_at);
create index transfer_by_sender on transfer (from_school_id, asked_at);

-- What a service has answered: what it would carry, and that it has.
create table transfer_part (
    transfer_id uuid not null references transfer (id),
    service text not null,
    state text not null,
    -- Of the transfer that was answered, with its epoch.
    version bigint not null,
    count integer,
    balance bigint,
    said_at timestamptz not null,
    primary key (transfer_id, service),
    constraint transfer_part_state_known check (state in ('ready', 'done'))
);
