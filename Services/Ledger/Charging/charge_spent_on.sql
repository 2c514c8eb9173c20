-- revision 1
-- The newest day that purchases are counted for, after a posted charge (AC-07).
create or replace function charge_spent_on(spent_on date, purchase text, business_on date)
returns date language sql immutable parallel safe
return case when purchase = 'personal' then greatest(spent_on, business_on) else spent_on end;
