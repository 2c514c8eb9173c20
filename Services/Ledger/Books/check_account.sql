-- revision 3
-- What is held of a child's account, its limit, what is spent of it, and the sum that its guardians want to be told under, are never
-- below zero (AC-07, AC-15). A trigger and no constraint: a lunch paid by the class's request writes none of these columns, and then is
-- not asked, where a constraint is read anew from its text for each statement.
create or replace function check_account() returns trigger language plpgsql as $$
begin
    raise exception 'account % is given a sum that none can have', new.id
        using errcode = 'check_violation', constraint = case
            when new.held < 0 then 'meals_account_held_not_negative'
            when new.spent < 0 then 'meals_account_spent_not_negative'
            when new.daily_limit < 0 then 'meals_account_limit_not_negative'
            else 'meals_account_low_below_positive'
        end;
end $$;
create or replace trigger meals_account_has_right_sums after insert or update of held, daily_limit, low_below on meals_account
    for each row when (new.held < 0 or new.daily_limit < 0 or new.low_below <= 0) execute function check_account();
-- Every personal purchase writes this one, and a condition too is read from its text for each statement: as few words as can be.
create or replace trigger meals_account_spent_is_right after insert or update of spent on meals_account
    for each row when (new.spent < 0) execute function check_account();
