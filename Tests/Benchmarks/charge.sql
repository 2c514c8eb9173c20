-- One charge by itself, for pgbench: the command is remembered, decided, and its answer waits in the outbox, in one
-- transaction, as Ledger does it for many at once. Variables: `pupils`, how many accounts there are.
\set place random(1, :pupils)
begin;
insert into ledger.inbox (queue, message_id) values ('benchmark', gen_random_uuid()) on conflict do nothing;
insert into ledger.outbox (event_id, exchange, routing_key, type, body, try_after)
select gen_random_uuid(), 'school.events', 'ledger.charge.accepted.v1', 'benchmark',
    convert_to(json_build_object(
        'specversion', '1.0', 'id', gen_random_uuid(), 'source', '/school/ledger', 'type', 'ledger.charge.accepted.v1',
        'data', json_build_object('what', 'Обед', 'kind', 'collective', 'postedAt', d.decided_at, 'day', d.business_on,
            'account', json_build_object('accountID', d.account_id, 'version', d.version, 'schoolID', d.school_id,
                'accountNumber', d.number, 'balance', d.balance, 'spentToday', d.spent_today, 'isOpen', d.is_open)))::text, 'UTF8'),
    'infinity'
from benchmark.pupil p, ledger.decide_charges(
    array[gen_random_uuid()], array[gen_random_uuid()], array[1], array[p.id], array[1::bigint], array['collective'],
    array['Обед'], array[null]::uuid[], array[null]::uuid[], array[now()], array[null]::timestamptz[], array[null]::date[],
    array[null]::uuid[], now()) d
where p.place = :place;
end;
