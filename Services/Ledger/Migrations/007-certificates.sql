-- The certificate of supplementary education: what it can pay in a year (SE-02). Its nominal is no money yet: it is a right
-- that shrinks until a programme is chosen (SE-03), so it stands beside the books, not in them.

create table certificate (
    person_id       uuid not null,
    year            integer not null constraint certificate_year_known check (year between 2000 and 2100),
    school_id       uuid not null,
    number          text not null constraint certificate_number_given check (number <> ''),
    nominal         bigint not null constraint certificate_nominal_not_negative check (nominal >= 0),
    programmes      integer not null constraint certificate_programmes_not_negative check (programmes >= 0),
    chosen_on       date,                           -- when a certified programme was chosen: from then on it shrinks no more
    entered_by      uuid not null,
    entered_at      timestamptz not null,
    primary key (person_id, year),
    constraint certificate_chosen_in_its_year check (extract(year from chosen_on) = year)
);
create index certificate_of_school on certificate (school_id, year);

-- The municipality has given out what it may give in a year (SE-05).
create table certificate_cap (
    school_id       uuid not null,
    year            integer not null,
    noted_by        uuid not null,
    noted_at        timestamptz not null,
    primary key (school_id, year)
);
