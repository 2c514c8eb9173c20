-- revision 1
-- What every movement does to each account. Whoever joins it, or `movement`, to rows of something else asks for each row by itself,
-- `cross join lateral (select … offset 0)`: joined plainly the planner reads the whole of such a view.
create or replace view leg as
select transfer_id as movement_id, account_id, amount, position, balance from entry
union all
select id, account_id, -amount, position, balance from charge where payee_id is not null
union all
select id, payee_id, amount, null, null from charge where payee_id is not null;
