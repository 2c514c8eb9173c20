-- revision 5
-- A transfer says what its kind has to say, and comes in one statement with its entries: its amount is what moved on the child's
-- account, or on all accounts of the child when a subsidy paid a part. One between two children has these two legs and no other.
--
-- What a row must say is checked here and not by constraints of the table, as in all books: one text says it, under one name each.
create or replace function check_transfers() returns trigger language plpgsql as $$
declare
    seqscan text := current_setting('enable_seqscan');
    wrong record;
begin
    -- Their ids come from forms: a charge with one of them that is being written at this moment is waited for, and then seen.
    perform pg_advisory_xact_lock(uuid_hash_extended(a.id, 0)) from added a where a.kind in ('topUp', 'familyTransfer', 'refund', 'payout');
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
                when exists (select from charge k where k.id = a.id and (k.payee_id is not null or a.kind <> 'charge')) then 'transfer_pkey'
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
        perform set_config('enable_seqscan', seqscan, true);
        return null;
    end if;
    raise exception '%', case wrong.rule
            when 'transfer_has_entries' then format('transfer %s has no entry of its amount', wrong.id)
            when 'transfer_pkey' then format('%s is a charge already', wrong.id)
            else format('transfer %s does not say what its kind has to say', wrong.id)
        end
        using errcode = case wrong.rule when 'transfer_pkey' then 'unique_violation' else 'check_violation' end, constraint = wrong.rule;
end $$;
