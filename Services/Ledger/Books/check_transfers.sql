-- revision 6
-- A transfer says what its kind has to say, and comes in one statement with its entries: its amount is what moved on the child's
-- account, or on all accounts of the child when a subsidy paid a part. One between two children has these two legs and no other.
--
-- What a row must say is checked here and not by constraints of the table, as in all books: one text says it, under one name each.
create or replace function check_transfers() returns trigger language plpgsql as $$
declare
    seqscan text := current_setting('enable_seqscan');
    wrong record;
begin
    perform set_config('enable_seqscan', 'off', true);
    select n.id, n.rule into wrong
    from (
        select a.id,
            case
                when a.kind not in (
                    'charge', 'reversal', 'topUp', 'familyTransfer', 'refund', 'payout', 'accrual', 'expiry', 'return')
                    then 'transfer_kind_known'
                when a.purchase not in ('personal', 'collective', 'service') then 'transfer_purchase_known'
                when (a.kind in ('charge', 'reversal', 'refund')) <> (a.purchase is not null and a.sale_id is not null)
                    then 'transfer_charge_says_purchase'
                when a.method not in ('cashDesk', 'bankCard', 'terminal', 'bankRegister') then 'transfer_method_known'
                when (a.kind in ('topUp', 'return')) <> (a.method is not null) then 'transfer_top_up_says_how'
                when a.method = 'cashDesk' and a.receipt is not distinct from '' then 'transfer_desk_gives_receipt'
                when (a.kind = 'reversal') <> (a.reverses is not null) then 'transfer_reversal_names_charge'
                when (a.kind = 'refund') <> (a.refunds is not null) then 'transfer_refund_names_charge'
                when a.kind = 'refund' and a.asked_by_id = a.by_id then 'transfer_refund_takes_two'
                when coalesce(a.reverses, a.refunds) is not null
                    and exists (select from charge k where k.id in (a.reverses, a.refunds) and k.state = 'transfer')
                    then 'transfer_names_charge'
                when (a.kind = 'return') <> (a.returns is not null) then 'transfer_return_names_top_up'
                when (a.kind = 'familyTransfer') <> (a.other_id is not null) then 'transfer_in_family_names_other'
                when leg.amount is distinct from due.amount
                        and (a.kind not in ('charge', 'reversal', 'refund')
                            -- Looked up row by row: a join might read all accounts.
                            or (select sum(e.amount) from entry e
                                where e.transfer_id = a.id
                                    and (select k.person_id from account k where k.id = e.account_id)
                                        = (select own.person_id from account own where own.id = a.account_id))
                                is distinct from due.amount)
                    or a.kind = 'familyTransfer'
                        and ((select e.amount from entry e
                                where e.transfer_id = a.id and e.account_id = a.other_id and e.position is not null)
                                is distinct from a.amount
                            or (select count(*) from entry e where e.transfer_id = a.id) <> 2)
                    then 'transfer_has_entries'
            end as rule
        from added a
        cross join lateral (
            select case when a.kind in ('charge', 'familyTransfer', 'payout', 'expiry', 'return') then -a.amount else a.amount end as amount
        ) due
        left join lateral (
            select e.amount from entry e where e.transfer_id = a.id and e.account_id = a.account_id limit 1
        ) leg on true
    ) n
    where n.rule is not null
    limit 1;
    if not found then
        -- Where charges find it: this id is taken. Whoever is writing a charge with it at this moment is waited for. What subsidies
        -- pay of a charge is one movement with it.
        insert into charge (id, decided_at, state)
        select a.id, a.made_at, 'transfer' from added a
        where a.kind <> 'charge'
            or not exists (select from charge k where k.id = a.id and k.payee_id is null and k.state = 'posted')
        order by a.id;
        perform set_config('enable_seqscan', seqscan, true);
        return null;
    end if;
    raise exception '%', case wrong.rule
            when 'transfer_has_entries' then format('transfer %s has no entry of its amount', wrong.id)
            else format('transfer %s does not say what its kind has to say', wrong.id)
        end
        using errcode = 'check_violation', constraint = wrong.rule;
end $$;
