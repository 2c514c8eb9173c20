-- What a child's parents have banned at the buffet, as Canteen said last: shown beside the limit, never decided upon.
create table known_bans (
    person_id uuid primary key,
    version bigint not null,
    bans jsonb not null
);
