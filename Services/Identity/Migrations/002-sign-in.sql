-- How people come in: invitations, logins, sessions, the keys that sign tokens, and the count of wrong guesses.

create table invitation (
    id uuid primary key,
    kind text not null,
    -- A slow hash: a code is short enough to be tried out by whoever has read a fast one.
    code_hash bytea not null,
    school_id uuid not null references school (id),
    class_id uuid references class (id),
    -- Whose diary the code opens; none for staff.
    child_id uuid references person (id),
    -- The person it was printed for, where the school knows him.
    person_id uuid references person (id),
    issued_at timestamptz not null,
    issued_by uuid,
    expires_at timestamptz not null,
    used_at timestamptz,
    used_by uuid references person (id),
    revoked_at timestamptz,
    constraint invitation_code_once unique (code_hash),
    constraint invitation_kind_known check (kind in ('pupil', 'guardian', 'staff')),
    constraint invitation_names_its_child check (kind = 'staff' or child_id is not null),
    constraint invitation_names_its_person check (kind = 'guardian' or person_id is not null),
    constraint invitation_used_by_somebody check ((used_at is null) = (used_by is null))
);
create index invitation_by_class on invitation (class_id) where used_at is null and revoked_at is null;
create index invitation_by_person on invitation (person_id);
create index invitation_by_child on invitation (child_id);

create table login (
    person_id uuid primary key references person (id),
    name text not null,
    -- Lower case, «ё» written «е»: two logins that a person would take for the same one are the same.
    name_key text not null,
    password_hash text not null,
    must_change boolean not null default false,
    -- A one-time password is good until then (D-04).
    password_until timestamptz,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint login_name_once unique (name_key)
);

create table session (
    id uuid primary key,
    person_id uuid not null references person (id),
    started_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text,
    address text not null default '',
    agent text not null default ''
);
create index session_open_by_person on session (person_id) where ended_at is null;

-- A renewal token is good once. Its hash stays until the session goes, so that a second use is noticed.
create table renewal (
    token_hash bytea primary key,
    session_id uuid not null references session (id) on delete cascade,
    issued_at timestamptz not null,
    used_at timestamptz
);
create index renewal_by_session on renewal (session_id);

-- Browsers in which a person has signed in: their right password is heard even while strangers guess at the account.
create table device (
    token_hash bytea primary key,
    person_id uuid not null references person (id) on delete cascade,
    seen_at timestamptz not null
);
create index device_by_person on device (person_id);

-- What a person who came with a one-time password holds until he has chosen his own.
create table password_ticket (
    token_hash bytea primary key,
    person_id uuid not null references person (id) on delete cascade,
    expires_at timestamptz not null
);

create table signing_key (
    id uuid primary key,
    private_key text not null,
    public_key text not null,
    signs_from timestamptz not null,
    signs_until timestamptz not null,
    -- Tokens signed at the last moment are still checked until then.
    valid_until timestamptz not null,
    version bigint not null default 1,
    ended boolean not null default false,
    constraint signing_key_signs_before_it_ends check (signs_from < signs_until and signs_until < valid_until)
);

-- Attempts in a running window; a right answer takes its own back.
create table guess (
    scope text not null,
    subject bytea not null,
    attempts integer not null,
    window_ends_at timestamptz not null,
    primary key (scope, subject)
);
create index guess_by_end on guess (window_ends_at);
