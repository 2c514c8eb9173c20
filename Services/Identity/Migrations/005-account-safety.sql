-- Who changed what about whom; the second step of signing in; where a role came from.

-- Written once. The names of people stand in `person` alone, so that whoever is erased there is nameless here too.
create table audit (
    id uuid primary key,
    at timestamptz not null,
    action text not null,
    -- Nobody: the installation itself, or its operator at the command line.
    by_person_id uuid,
    about_person_id uuid,
    -- Whose affair it was when it happened; whoever administers one of them reads it.
    schools uuid[] not null default '{}',
    -- Facts without names, telephones, addresses and logins: a role, a class, a number of sheets.
    detail jsonb not null default '{}',
    constraint audit_action_named check (action <> '')
);
create index audit_by_time on audit (at desc, id desc);
create index audit_by_about on audit (about_person_id, at desc);
create index audit_by_actor on audit (by_person_id, at desc);
create index audit_by_school on audit using gin (schools);

create function audit_is_only_written() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only written, never changed' using errcode = 'restrict_violation';
end
$$;
create trigger audit_never_changes before update or delete or truncate on audit
    for each statement execute function audit_is_only_written();

-- The second step (RFC 6238). The secret is sealed by the installation's key, which is not in this database.
create table second_factor (
    person_id uuid primary key references person (id),
    secret bytea not null,
    begun_at timestamptz not null,
    -- Counts only from here: a code has shown that the application has the secret.
    confirmed_at timestamptz,
    -- The last step of the clock that was used: a code is good once, also for whoever looked over the shoulder.
    last_step bigint
);

create table recovery_code (
    person_id uuid not null references person (id),
    -- Keyed by the installation's key: ten signs are too few for a plain hash.
    code_hash bytea not null,
    made_at timestamptz not null,
    used_at timestamptz,
    primary key (person_id, code_hash)
);

-- What somebody holds between the password and the second step.
create table factor_ticket (
    token_hash bytea primary key,
    person_id uuid not null references person (id) on delete cascade,
    expires_at timestamptz not null
);
create index factor_ticket_by_person on factor_ticket (person_id);

-- Whether staff who handle money or people need the second step.
alter table school add column second_factor boolean not null default false;

-- The browser that a session was opened in: signed out there, it is known no more.
alter table session add column device_hash bytea;

-- A role that was given on a page does not end with the next list, and one that was taken does not come back with it.
alter table role_held
    add column source text not null default 'roster',
    add column ended_by text,
    add constraint role_held_source_known check (source in ('roster', 'appointment'));
