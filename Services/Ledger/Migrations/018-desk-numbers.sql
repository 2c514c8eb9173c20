-- Ledger keeps no names (D-05): whoever takes cash has a number at his desk, and the sheet of the day says it. The numbers are
-- given in the order in which people first took or gave cash, and stay.
create table desk_keeper (
    desk_id         uuid not null references account (id),
    number          integer not null constraint desk_keeper_number_positive check (number > 0),
    person_id       uuid not null,
    constraint desk_keeper_number_once primary key (desk_id, number),
    constraint desk_keeper_once unique (desk_id, person_id)
);
insert into desk_keeper (desk_id, number, person_id)
select desk_id, row_number() over (partition by desk_id order by since, person_id), person_id
from (
    select e.account_id as desk_id, t.by_id as person_id, min(t.made_at) as since
    from account a join entry e on e.account_id = a.id join transfer t on t.id = e.transfer_id
    where a.kind = 'cashDesk' and t.by_id is not null
    group by e.account_id, t.by_id
) stood;
create trigger desk_keeper_never_changes before update or delete or truncate on desk_keeper
    for each statement execute function refuse_change();
drop table desk_operator;

-- The transfer of a return to a card has an id of its own, derived from the form's: nothing can have been posted by it before.
alter table card_refund add column transfer_id uuid;
alter table card_refund disable trigger card_refund_forward;
update card_refund set transfer_id = id where state = 'returned';
alter table card_refund enable trigger card_refund_forward;
alter table card_refund add constraint card_refund_returned_with_transfer check ((state = 'returned') = (transfer_id is not null));
alter table card_refund add constraint card_refund_transfer_known foreign key (transfer_id) references transfer (id)
    deferrable initially deferred;

-- How many payments by card wait for the payer of one account.
create index card_payment_open on card_payment (account_id) where state in ('asked', 'open');
