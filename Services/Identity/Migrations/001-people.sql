-- Schools, classes, people and what they may do. Every aggregate counts its changes in `version`: the number
-- travels with its events, and the newest wins wherever they are heard.

create table school (
    id uuid primary key,
    code text not null,
    name text not null,
    time_zone text not null default 'Europe/Moscow',
    modules text[] not null default '{}',
    contacts jsonb not null default '[]',
    -- D-03: the source forbids signs in passwords (ID-08); a school may allow them.
    password_signs boolean not null default false,
    roster_line text not null default '',
    version bigint not null default 1,
    ended boolean not null default false,
    constraint school_code_once unique (code),
    constraint school_name_not_empty check (name <> '')
);

create table class (
    id uuid primary key,
    school_id uuid not null references school (id),
    grade integer not null,
    letter text not null,
    version bigint not null default 1,
    ended boolean not null default false,
    constraint class_once_per_school unique (school_id, grade, letter),
    constraint class_grade_of_a_school check (grade between 1 and 12)
);

create table person (
    id uuid primary key,
    -- The number by which the roster and every importer name a person; people who came by a code have none.
    roster_number text,
    -- What the person is in the roster: a number cannot be a pupil's today and a guard's tomorrow.
    kind text not null,
    surname text not null,
    given_name text not null,
    patronymic text,
    gender text not null,
    birth_on date,
    room text,
    accent text not null,
    -- The last imported line. A line that says the same again changes nothing, so that what people changed
    -- themselves since (ID-22, ID-24) is not undone by the next import.
    roster_line text not null default '',
    -- Counts every change of what the person may do and who he is responsible for; it travels in his token.
    rights_number bigint not null default 1,
    version bigint not null default 1,
    ended boolean not null default false,
    -- Lower case, «ё» written «е»: what the search looks into and lists are ordered by. By ICU, because a
    -- database made with the locale C knows small letters of Latin only.
    search_name text generated always as
        (translate(lower((surname || ' ' || given_name || coalesce(' ' || patronymic, '')) collate "und-x-icu"), 'ё', 'е'))
        stored,
    constraint person_roster_number_once unique (roster_number),
    constraint person_kind_known check (kind in ('pupil', 'guardian', 'staff')),
    constraint person_gender_known check (gender in ('female', 'male')),
    constraint person_accent_known check (accent in ('sea', 'plum', 'moss', 'sky', 'clay')),
    constraint person_name_not_empty check (surname <> '' and given_name <> '')
);
create index person_by_search_name on person (search_name text_pattern_ops);

-- A pupil's place and his numbers in the contract: the account number (10 digits) and the pupil code, ИДН (ID-31).
create table pupil (
    person_id uuid primary key references person (id),
    school_id uuid not null references school (id),
    class_id uuid references class (id),
    account_number text not null,
    pupil_code text not null,
    version bigint not null default 1,
    ended boolean not null default false,
    constraint pupil_account_number_once unique (account_number),
    constraint pupil_code_once unique (pupil_code),
    constraint pupil_account_number_ten_digits check (account_number ~ '^[0-9]{10}$')
);
create index pupil_by_class on pupil (class_id);
create index pupil_by_school on pupil (school_id);

create table role_held (
    id uuid primary key,
    person_id uuid not null references person (id),
    school_id uuid not null references school (id),
    role text not null,
    class_id uuid references class (id),
    subject text,
    ended boolean not null default false,
    constraint role_held_once unique nulls not distinct (person_id, school_id, role, class_id, subject)
);
create index role_held_by_school on role_held (school_id, role);
create index role_held_by_class on role_held (class_id);

create table guardianship (
    guardian_id uuid not null references person (id),
    child_id uuid not null references person (id),
    relation text,
    topics text[] not null,
    is_primary boolean not null default false,
    until_on date,
    -- Where it came from: the school's roster or a code (ID-12, ID-25).
    source text not null,
    granted_at timestamptz not null default now(),
    ended boolean not null default false,
    -- A guardianship that left the roster comes back with it; one that was taken away does not.
    ended_by text,
    primary key (guardian_id, child_id),
    constraint guardianship_of_another check (guardian_id <> child_id),
    constraint guardianship_source_known check (source in ('roster', 'code'))
);
create index guardianship_by_child on guardianship (child_id);
create unique index guardianship_one_primary_per_child on guardianship (child_id) where is_primary and not ended;

-- Visible to the person alone (ID-11); only Notifier hears it.
create table contact (
    person_id uuid primary key references person (id),
    email text,
    email_confirmed boolean not null default false,
    phone text,
    language text not null default 'ru',
    -- The roster's phone and e-mail at the last import, for the same reason as in `person`.
    roster_line text not null default '',
    version bigint not null default 1,
    constraint contact_language_known check (language in ('ru', 'en'))
);
