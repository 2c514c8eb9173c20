-- A charge that a child pays alone, with own money, is one row: its movement and both its legs in one amount. It was five rows
-- (charge, transfer, two entries and the supplier's movement), which is what a charge by itself cost. Charges of before stay as
-- they were written: a transfer with entries, which is how everything else is written. `movement` and `leg` (Books/movement.sql,
-- Books/leg.sql) are all of it, wherever it is written.

alter table charge
    add column payee_id uuid,                       -- who got the money, of a charge that is written in this row alone
    add column position bigint,                     -- its place in the child's account, of such a charge
    add column offline boolean not null default false,
    add column number bigint;                       -- in the order of writing; null: written before there were numbers

-- Whoever draws a number has his transaction's number already, so that the roll-up can wait for all that have drawn one: the left side
-- is evaluated first, and is 0.
create sequence charge_number owned by charge.number;
alter table charge alter column number set default (pg_current_xact_id() is null)::integer + nextval('charge_number');

-- Checked by `post_charge` (Charging/post_charge.sql) under the same names: constraints of a table are read anew from their text for
-- every statement.
alter table charge
    drop constraint charge_state_known,
    drop constraint charge_reason_known,
    drop constraint charge_declined_with_reason,
    drop constraint charge_seen_is_complete,
    drop constraint charge_refunded_within_amount,
    drop constraint charge_subsidised_not_negative;

create unique index charge_place_unique on charge (account_id, position) where payee_id is not null;
drop index charge_of_account;
create index charge_paid_otherwise on charge (account_id, decided_at) where state = 'posted' and payee_id is null;
-- Found by time for the settlement and by number for the roll-up, for a few words per hundred pages.
create index charge_written on charge using brin (decided_at, number) with (pages_per_range = 32, autosummarize = on);

-- What is taken back or refunded is a charge, wherever its movement is written.
alter table transfer
    drop constraint transfer_reverses_fkey,
    drop constraint transfer_refunds_fkey,
    add constraint transfer_reverses_charge foreign key (reverses) references charge (id),
    add constraint transfer_refunds_charge foreign key (refunds) references charge (id);

-- How far charges have been rolled up into their payees' balances; see RollUpOrganisations.
create table rolled_charges (
    is_only         boolean primary key default true constraint rolled_charges_one_row check (is_only),
    number          bigint not null,                -- of the last one that is in
    next_number     bigint not null,                -- the last one that had been drawn at the last look
    next_after      xid8                            -- who had drawn one by then has ended when every transaction before this has
);
insert into rolled_charges (number, next_number) values (0, 0);
