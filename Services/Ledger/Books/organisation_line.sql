-- revision 1
-- The lines of organisations' accounts, each with its movement: what a settlement adds up.
create or replace view organisation_line as
select e.account_id as line_of, e.amount as moved, t.id, t.kind, t.purchase, t.made_at
from entry e join transfer t on t.id = e.transfer_id
where e.position is null
union all
select payee_id, amount, id, 'charge', purchase, decided_at from charge where payee_id is not null;
