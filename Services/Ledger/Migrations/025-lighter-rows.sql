-- What every charge pays for, paid for less.

-- Checked by `check_account` (Books/check_account.sql) under the same names, when these columns are written: constraints of a table are
-- read anew from their text for every statement. What is spent is written by charges, and stays a constraint.
alter table meals_account
    drop constraint meals_account_held_not_negative,
    drop constraint meals_account_limit_not_negative,
    drop constraint meals_account_low_below_positive;

-- One index for all attempts that are no movement by themselves, where there were two: each costs a charge that is in neither.
create index charge_without_movement on charge (account_id, decided_at) where payee_id is null;
drop index charge_declined_of_account;
drop index charge_paid_otherwise;
