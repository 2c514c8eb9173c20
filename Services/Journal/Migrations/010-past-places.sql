-- In which class a pupil was before he moved to another class or school (SC-01): the old weeks of his diary show its lessons.
create table past_place (
    transfer_id uuid primary key,
    person_id uuid not null,
    school_id uuid not null,
    class_id uuid not null,
    -- The first day in the place after it.
    until_on date not null
);
create index past_place_of_person on past_place (person_id);
