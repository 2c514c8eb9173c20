-- A transfer that a service has not answered holds nobody up: the pupil's place is settled when it is confirmed, so only one
-- that waits for its decision keeps the family from asking for another.

drop index transfer_one_open_per_child;
create unique index transfer_one_asked_per_child on transfer (child_id) where state = 'asked';
create index transfer_under_way on transfer (asked_at) where state in ('asked', 'confirmed');

alter table transfer
    -- The version of the pupil's state with which his new place stands.
    add column place_version bigint,
    add column done_at timestamptz,
    -- When the services that have not answered were asked once more, and by whom.
    add column asked_again_at timestamptz,
    add column asked_again_by uuid references person (id);
update transfer t set done_at = (select max(said_at) from transfer_part p where p.transfer_id = t.id) where state = 'done';
