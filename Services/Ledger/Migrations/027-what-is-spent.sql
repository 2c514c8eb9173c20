-- What is spent of an account is never below zero (AC-07): its type says so. Every personal purchase writes it, and a constraint of the
-- table or a trigger's condition is read anew from its text for each statement; what a type asks is kept by the session.
-- The triggers name the column: the one that stays comes back with its file (Books/check_account.sql).
drop trigger if exists meals_account_spent_is_right on meals_account;
drop trigger if exists meals_account_has_right_sums on meals_account;
create domain sum_spent as bigint constraint meals_account_spent_not_negative check (value >= 0);
alter table meals_account alter spent type sum_spent;
