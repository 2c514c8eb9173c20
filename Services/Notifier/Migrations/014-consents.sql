-- What families have agreed to, as far as letters stand on it (ID-38). Who has never decided has no row.
create table consent (
    person_id uuid not null,
    kind text not null,
    holds boolean not null,
    version bigint not null,
    primary key (person_id, kind)
);
