-- Wrong attempts of one account from one address are found by the account too: its owner stands before the curator, and all of them are
-- forgotten.
alter table guess add column account bytea;
create index guess_by_account on guess (account) where account is not null;
