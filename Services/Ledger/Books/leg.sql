-- revision 1
-- What every movement does to each account. Joined to many movements it is to be asked for one at a time (`cross join lateral`): of
-- a view of this kind the planner would read the whole.
create or replace view leg as
select transfer_id as movement_id, account_id, amount, position, balance from entry
union all
select id, account_id, -amount, position, balance from charge where payee_id is not null
union all
select id, payee_id, amount, null, null from charge where payee_id is not null;
