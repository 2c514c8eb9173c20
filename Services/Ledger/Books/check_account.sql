-- revision 4
-- What is held of a child's account, its limit, and the sum that its guardians want to be told under, are never below zero (AC-07, AC-15);
-- what is spent of it has a type that says so. A trigger and no constraint: a charge writes none of these columns, and then is not asked,
-- where a constraint is read anew from its text for each statement.
create or replace function check_account() returns trigger language plpgsql as $$
begin
    raise exception 'account % is given a sum that none can have', new.id
        using errcode = 'check_violation', constraint = case
            when new.held < 0 then 'meals_account_held_not_negative'
            when new.daily_limit < 0 then 'meals_account_limit_not_negative'
            else 'meals_account_low_below_positive'
        end;
end $$;
create or replace trigger meals_account_has_right_sums after insert or update of held, daily_limit, low_below on meals_account
    for each row when (new.held < 0 or new.daily_limit < 0 or new.low_below <= 0) execute function check_account();
