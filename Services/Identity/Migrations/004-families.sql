-- Families: adults whom a first guardian lets in (ID-30, BY-10), who looked at a child, accounts that were one person's
-- (ID-29).

alter table guardianship
    -- Who lets him in, where a family does and not the school; the first guardian takes it away again.
    add column granted_by uuid references person (id),
    drop constraint guardianship_source_known,
    add constraint guardianship_source_known check (source in ('roster', 'code', 'family')),
    add constraint guardianship_let_in_is_never_primary check (source <> 'family' or not is_primary),
    add constraint guardianship_let_in_by_somebody check (source <> 'family' or granted_by is not null);
create index guardianship_by_term on guardianship (until_on) where not ended and until_on is not null;

alter table invitation
    -- What the family calls the adult until he has written his own name.
    add column label text,
    drop constraint invitation_kind_known,
    add constraint invitation_kind_known check (kind in ('pupil', 'guardian', 'staff', 'family')),
    drop constraint invitation_names_its_person,
    add constraint invitation_names_its_person check (kind in ('guardian', 'family') or person_id is not null),
    add constraint invitation_of_a_family_names_its_giver check (kind <> 'family' or issued_by is not null);
create index invitation_by_giver on invitation (issued_by) where kind = 'family';

-- What a family's invitation opens: some children, some topics, until a day.
create table offered_grant (
    invitation_id uuid not null references invitation (id) on delete cascade,
    child_id uuid not null references person (id),
    topics text[] not null,
    until_on date,
    primary key (invitation_id, child_id),
    constraint offered_grant_of_something check (cardinality(topics) > 0)
);

-- Who looked at what of a child, once per day of the school (BY-10). The services tell it; a viewer or child that is not
-- known here yet is kept all the same.
create table look (
    child_id uuid not null,
    day_on date not null,
    viewer_id uuid not null,
    permission text not null,
    service text not null,
    as_guardian boolean not null,
    -- What the viewer was at the child's school that day.
    roles text[] not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    times integer not null,
    primary key (child_id, day_on, viewer_id, permission, service, as_guardian),
    constraint look_happened check (times > 0 and first_at <= last_at)
);
create index look_by_day on look (day_on);

-- Two accounts of one guardian became one.
alter table person add column merged_into uuid references person (id);
create index person_by_merged_into on person (merged_into) where merged_into is not null;

create table merging (
    id uuid primary key,
    kept_id uuid not null references person (id),
    extra_id uuid not null references person (id),
    -- The schools of the children of both: whoever takes it back must look after all of them.
    schools uuid[] not null,
    merged_at timestamptz not null,
    merged_by uuid not null references person (id),
    undo_until timestamptz not null,
    -- What both were before and what they became; forgotten when it can no longer be taken back.
    trace jsonb,
    undone_at timestamptz,
    undone_by uuid references person (id),
    constraint merging_of_two check (kept_id <> extra_id),
    constraint merging_undone_by_somebody check ((undone_at is null) = (undone_by is null))
);
create index merging_by_kept on merging (kept_id);
create unique index merging_of_an_account_once on merging (extra_id) where undone_at is null;
