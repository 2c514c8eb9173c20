-- revision 1
-- The lines of accounts that people have, each with its movement: what a statement is made of, and what a settlement adds up. One account's
-- lines, by their places, are found by one look at each table.
create or replace view account_line as
select e.account_id as line_of, e.position, e.amount as moved, e.balance, t.id, t.kind, t.account_id, t.made_at, t.business_on, t.amount,
    t.purchase, t.what, t.method, t.receipt, t.by_id, t.device_id, t.sale_id, t.reverses, t.offline, t.other_id, t.refunds, t.asked_by_id,
    t.returns
from entry e join transfer t on t.id = e.transfer_id
where e.position is not null
union all
select account_id, position, -amount, balance, id, 'charge', account_id, decided_at, business_on, amount, purchase, what, null, null, by_id,
    device_id, sale_id, null, offline, null, null, null, null
from charge where payee_id is not null;
