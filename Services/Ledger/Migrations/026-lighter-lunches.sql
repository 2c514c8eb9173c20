-- What is spent of an account is checked by `check_account` (Books/check_account.sql) under the same name, when it is written.
alter table meals_account drop constraint meals_account_spent_not_negative;
