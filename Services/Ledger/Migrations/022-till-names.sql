-- What Canteen's tills are called, so that a statement says at which one a child paid (AC-05). Names of things, never of people
-- (D-05). A transfer has always kept its till (device_id); nothing of this is looked at when a charge is decided.
create table known_till (
    id              uuid primary key,
    school_id       uuid not null,
    name            text not null,
    version         bigint not null                 -- of TillChanged, with its owner's epoch
);
