-- What Notifier owns: notices, the day of every class as last heard, contacts, the choice of letters, and letters.

-- One notice per happening and child. The feed, alerts and letters are views of this table, so they can never disagree.
create table notice (
    id uuid primary key,
    child_id uuid not null,
    school_id uuid,
    day date not null,
    happened_at timestamptz not null,
    kind text not null constraint notice_kind_known check (kind in
        ('entered', 'left', 'mark', 'absence', 'late', 'lesson', 'remark', 'comment', 'purchase', 'refusal', 'topUp')),
    -- Who may read it: a remark is for guardians only (JR-15).
    audience text not null constraint notice_audience_known check (audience in ('family', 'guardians')),
    topic text not null,
    facts jsonb not null,
    version bigint not null,
    -- A notice that was corrected or taken back after a letter told of it is told again, as a correction.
    changed_at timestamptz not null default clock_timestamp(),
    ended boolean not null default false
);
create index notice_of_child on notice (child_id, day);
create index notice_changed on notice (child_id, changed_at);

create table class_day (
    class_id uuid not null,
    day date not null,
    lessons jsonb not null,
    term_name text,
    version bigint not null,
    primary key (class_id, day)
);

create table lesson_record (
    lesson_id uuid primary key,
    class_id uuid not null,
    day date not null,
    number integer not null,
    subject text not null,
    topic text,
    homework text,
    version bigint not null,
    changed_at timestamptz not null default clock_timestamp()
);
create index lesson_record_of_class on lesson_record (class_id, day);

create table child_account (
    child_id uuid primary key,
    balance_kopecks bigint not null,
    daily_limit_kopecks bigint,
    spent_kopecks bigint not null,
    day date not null,
    version bigint not null
);

create table contact (
    person_id uuid primary key,
    email text,
    email_confirmed boolean not null,
    language text not null,
    version bigint not null
);

-- When a guardian wants his letter (NT-01). No row: daily at 19:00, as soon as there is a confirmed address.
create table letter_choice (
    person_id uuid primary key,
    rhythm text not null constraint letter_choice_rhythm check (rhythm in ('daily', 'weekly', 'never')),
    send_at time not null,
    -- 1 = Monday; the day of a weekly letter.
    weekday integer not null default 5 constraint letter_choice_weekday check (weekday between 1 and 7),
    -- In the one-click address of every letter (RFC 8058); unguessable, and good for nothing else.
    unsubscribe_token uuid not null unique,
    changed_at timestamptz not null default now()
);

-- A letter from its claim to its end. One per guardian, kind and day; its identifier makes its Message-ID.
create table digest (
    id uuid primary key,
    person_id uuid not null,
    rhythm text not null,
    day date not null,
    state text not null constraint digest_state_known
        check (state in ('frozen', 'sending', 'sent', 'empty', 'refused')),
    -- What it tells: changes after `since` up to `until`.
    since timestamptz not null,
    until timestamptz not null,
    email text not null,
    subject text not null default '',
    body_text text not null default '',
    body_html text not null default '',
    notices integer not null default 0,
    attempts integer not null default 0,
    try_after timestamptz not null default now(),
    claimed_until timestamptz,
    last_error text,
    sent_at timestamptz,
    constraint digest_one_per_day unique (person_id, rhythm, day)
);
create index digest_under_way on digest (try_after) where state in ('frozen', 'sending');
create index digest_last on digest (person_id, until);
