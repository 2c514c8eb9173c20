-- One charge by itself, for pgbench: the command is decided and its answer waits in the outbox, in one transaction, as Ledger does it for
-- many at once; the charge is what remembers the command. Variables: `pupils`, how many accounts there are. Identifiers follow each
-- other in time, as those of Canteen and of tills do (UUIDv7): indexes grow at their end. The answer has the size of a real one,
-- which Ledger writes outside the database.
\set place random(1, :pupils)
with made as materialized (
    select encode(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 'hex')::uuid as id
)
insert into ledger.outbox (event_id, exchange, routing_key, type, body, try_after)
select made.id, 'school.events', 'ledger.charge.accepted.v1', 'benchmark',
    convert_to(repeat('x', 900), 'UTF8'), 'infinity'
from made, benchmark.pupil p, ledger.decide_charge(
    made.id, made.id, 1, p.id, 1, 'collective', 'Обед', null, null, now(), null, null, null, now()) d
where p.place = :place and d.state = 'posted';
