-- revision 1
-- What is spent on the newest day that is counted, after a posted charge: only personal purchases count (AC-07).
create or replace function charge_spent(spent bigint, spent_on date, purchase text, amount bigint, business_on date)
returns bigint language sql immutable parallel safe
return case
    when purchase <> 'personal' or business_on < spent_on then spent
    when business_on = spent_on then spent + amount
    else amount
end;
