-- Which address counts, letters about access, and a claim that names who holds it.

alter table contact
    -- The school has it from the family's application (AX-07): letters go to it before it is confirmed.
    add column email_from_school boolean not null default false,
    -- Entered and not confirmed yet; nothing goes there.
    add column new_email text;
-- Until the contacts are said again, what was written to stays written to.
update contact set email_from_school = true where email is not null and not email_confirmed;

alter table class_day add column term_starts date;

alter table digest add column claimed_by uuid;
-- The last letter's bodies wait here for those that no longer need them.
create index digest_with_body on digest (day) where body_html <> '';
do $$
begin
    alter table digest alter column body_html set compression lz4, alter column body_text set compression lz4;
exception when feature_not_supported or undefined_object or invalid_parameter_value then
    -- This server was built without lz4: its own compression does too, more slowly.
    null;
end $$;

-- What the last school day's meals cost, without reading a month of everything.
create index notice_meals on notice (child_id, day) where kind = 'purchase' and not ended;

-- Letters about somebody's own access: asked for by Identity, each sent once. What they lead to is forgotten when they are.
create table access_letter (
    id uuid primary key,
    person_id uuid not null,
    kind text not null,
    email text not null,
    language text not null,
    greeting text not null,
    about text,
    link text,
    expires_at timestamptz,
    asked_at timestamptz not null default now(),
    state text not null default 'waiting' constraint access_letter_state_known
        check (state in ('waiting', 'sending', 'sent', 'refused', 'late')),
    attempts integer not null default 0,
    try_after timestamptz not null default now(),
    claimed_until timestamptz,
    claimed_by uuid,
    last_error text,
    ended_at timestamptz
);
create index access_letter_under_way on access_letter (try_after) where state in ('waiting', 'sending');
create index access_letter_ended on access_letter (ended_at) where ended_at is not null;
