-- Whom and what a service knows from Identity's events. Every row keeps the epoch and version it was told with, and
-- when; only newer ones replace it. Ended things stay: an event about them may still be on its way.

create table directory_school (
    id uuid primary key,
    name text not null,
    time_zone text not null,
    modules text[] not null,
    contacts jsonb not null,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);

create table directory_class (
    id uuid primary key,
    school_id uuid not null,
    grade integer not null,
    letter text not null,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);
create index directory_class_school on directory_class (school_id);

-- Empty where names must not be (Ledger).
create table directory_person (
    id uuid primary key,
    surname text not null,
    given_name text not null,
    patronymic text,
    gender text not null,
    accent text not null,
    roster_number text,
    school_id uuid,
    class_id uuid,
    is_pupil boolean not null,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);
create index directory_person_school on directory_person (school_id);
create index directory_person_roster_number on directory_person (roster_number);

create table directory_pupil (
    id uuid primary key,
    school_id uuid not null,
    class_id uuid,
    account_number text not null,
    pupil_code text not null,
    roster_number text,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);
create index directory_pupil_class on directory_pupil (class_id);
create index directory_pupil_school on directory_pupil (school_id);
create index directory_pupil_account_number on directory_pupil (account_number);
create index directory_pupil_roster_number on directory_pupil (roster_number);

-- The whole truth about what a person may do, as one value: the decision reads one row.
create table directory_rights (
    id uuid primary key,
    roles jsonb not null,
    children jsonb not null,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);

-- The same guardianship turned round, for those who ask who a child's guardians are.
create table directory_guardianship (
    guardian_id uuid not null,
    child_id uuid not null,
    topics text[] not null,
    is_primary boolean not null,
    until_on date,
    primary key (guardian_id, child_id)
);
create index directory_guardianship_child on directory_guardianship (child_id);

create table directory_signing_key (
    id uuid primary key,
    algorithm text not null,
    public_key text not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    ended boolean not null,
    epoch bigint not null,
    version bigint not null,
    told_at timestamptz not null
);

create table directory_ended_session (
    id uuid primary key,
    person_id uuid not null,
    ended_at timestamptz not null
);
