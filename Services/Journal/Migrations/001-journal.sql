-- What Journal owns: bells, terms, the calendar, the timetable, lessons and what is written about them.

create table bell (
    school_id uuid not null,
    number integer not null constraint bell_number_sensible check (number between 0 and 14),
    starts_at time not null,
    ends_at time not null,
    primary key (school_id, number),
    constraint bell_ends_after_it_starts check (ends_at > starts_at)
);

create table term (
    id uuid primary key,
    school_id uuid not null,
    name text not null,
    starts_on date not null,
    ends_on date not null,
    constraint term_name_once unique (school_id, name, starts_on),
    constraint term_ends_after_it_starts check (ends_on >= starts_on)
);

-- Days that are not like their weekday: holidays, and working days moved from another weekday.
create table unusual_day (
    school_id uuid not null,
    day date not null,
    -- Null: no school; else the weekday (1 = Monday) whose timetable is followed.
    works_as integer constraint unusual_day_weekday check (works_as between 1 and 7),
    name text not null,
    primary key (school_id, day)
);

create table timetable_slot (
    school_id uuid not null,
    class_id uuid not null,
    weekday integer not null constraint timetable_slot_weekday check (weekday between 1 and 7),
    number integer not null,
    subject text not null,
    room text,
    teacher_ids uuid[] not null default '{}',
    primary key (class_id, weekday, number)
);
create index timetable_slot_of_school on timetable_slot (school_id, weekday);

-- One lesson as it was held; it exists from the first word written about it.
create table lesson (
    id uuid primary key,
    school_id uuid not null,
    class_id uuid not null,
    day date not null,
    number integer not null,
    subject text not null,
    topic text,
    homework text,
    -- What the marks of this lesson are for («Контрольная № 2»), and what they weigh.
    work text,
    weight integer not null default 1 constraint lesson_weight_sensible check (weight between 1 and 10),
    version bigint not null default 1,
    recorded_by uuid,
    recorded_at timestamptz not null default now(),
    constraint lesson_one_per_slot unique (class_id, day, number)
);
create index lesson_of_subject on lesson (class_id, subject, day);

create table mark (
    id uuid primary key,
    lesson_id uuid not null references lesson,
    person_id uuid not null,
    value text not null constraint mark_known check (value in ('5', '4', '3', '2')),
    comment text,
    previous text,
    given_by uuid,
    given_by_name text not null,
    given_at timestamptz not null,
    version bigint not null default 1,
    ended boolean not null default false,
    constraint mark_one_per_pupil_and_lesson unique (lesson_id, person_id)
);
create index mark_of_person on mark (person_id) where not ended;

create table attendance (
    id uuid primary key,
    lesson_id uuid not null references lesson,
    person_id uuid not null,
    state text not null constraint attendance_known check (state in ('present', 'absent', 'late', 'excused')),
    late_minutes integer constraint attendance_minutes_sensible check (late_minutes between 1 and 90),
    noted_at timestamptz not null,
    version bigint not null default 1,
    constraint attendance_one_per_pupil_and_lesson unique (lesson_id, person_id)
);
create index attendance_of_person on attendance (person_id);

-- Written for parents; a pupil never sees one (JR-15).
create table remark (
    id uuid primary key,
    school_id uuid not null,
    person_id uuid not null,
    day date not null,
    subject text,
    body text not null constraint remark_not_empty check (body <> ''),
    written_by uuid not null,
    written_by_name text not null,
    written_at timestamptz not null,
    version bigint not null default 1,
    ended boolean not null default false
);
create index remark_of_person on remark (person_id, day) where not ended;

-- Written for the pupil and his parents (JR-16).
create table comment (
    id uuid primary key,
    school_id uuid not null,
    person_id uuid not null,
    day date not null,
    subject text,
    body text not null constraint comment_not_empty check (body <> ''),
    written_by uuid not null,
    written_by_name text not null,
    written_at timestamptz not null,
    version bigint not null default 1,
    ended boolean not null default false
);
create index comment_of_person on comment (person_id, day) where not ended;

-- The lessons of a class on a day as last announced, so that only changes are.
create table class_day (
    id uuid primary key,
    class_id uuid not null,
    school_id uuid not null,
    day date not null,
    version bigint not null,
    lessons jsonb not null,
    term_name text,
    constraint class_day_once unique (class_id, day)
);

-- Lines of imported lists whose pupil the roster has not brought yet.
create table waiting_line (
    id bigint generated always as identity primary key,
    school_id uuid not null,
    person_number text not null,
    list text not null constraint waiting_line_of_list check (list in ('marks', 'absences')),
    -- The columns of the line by name.
    fields jsonb not null,
    constraint waiting_line_once unique (school_id, person_number, list, fields)
);
