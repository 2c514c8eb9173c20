-- An address counts when its owner has confirmed it by a letter; until then it waits beside the one that counts.

alter table contact
    -- Entered by its owner and not confirmed yet.
    add column new_email text,
    -- The school has it from the family's application (AX-07): letters about the child may go to it unconfirmed.
    add column email_from_school boolean not null default false;

update contact set email_from_school = true
where email is not null and not email_confirmed and position(email in roster_line) > 0;
-- What people had typed themselves waits for its letter.
update contact set new_email = email, email = null where email is not null and not email_confirmed and not email_from_school;

create index contact_by_email on contact (lower(email)) where email_confirmed;

-- The way back from a letter: the token is in the letter alone, good once and until its time.
create table letter_token (
    token_hash bytea primary key,
    purpose text not null,
    person_id uuid not null references person (id) on delete cascade,
    email text not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    constraint letter_token_purpose_known check (purpose in ('confirm', 'recover'))
);
create index letter_token_by_person on letter_token (person_id, purpose);

-- ID-14: whoever registered is shown at his first sign-in what he has to confirm.
alter table login add column confirms_data boolean not null default false;
