-- The ids of all movements stand in `charge`, a transfer's as a row of state 'transfer' that says nothing else: so one index says whether an
-- id is taken (BY-01). Two tables had their ids by themselves, and every charge locked its id and looked for it among transfers.

-- Checked by `post_charge` (Charging/post_charge.sql) of all that is no transfer's.
alter table charge
    alter sale_id drop not null,
    alter attempt drop not null,
    alter person_id drop not null;

-- None is written between this look and the checks that write the row with each of them (Books/check_transfers.sql). The trigger
-- would ask these rows what was asked before; it comes back with its file, in this transaction.
lock table transfer in share row exclusive mode;
drop trigger if exists charge_posted on charge;
insert into charge (id, decided_at, state)
select t.id, t.made_at, 'transfer' from transfer t
where not exists (select from charge k where k.id = t.id)
order by t.made_at;
