-- revision 1
-- Every movement of money, wherever it is written: a transfer with its entries, or a charge that is its own.
create or replace view movement as
select id, kind, account_id, made_at, business_on, amount, purchase, what, method, receipt, by_id, device_id, sale_id, reverses, offline,
    other_id, refunds, asked_by_id, returns
from transfer
union all
select id, 'charge', account_id, decided_at, business_on, amount, purchase, what, null, null, by_id, device_id, sale_id, null, offline,
    null, null, null, null
from charge where payee_id is not null;
