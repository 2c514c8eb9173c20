-- revision 5
-- All legs of a transfer come in one statement and sum to zero; each names a known transfer and account, and a
-- child's leg its place. What a child pays never takes his account below zero, but by a sale without a connection, and
-- by a return: what a bank has given back already is written whatever is left. Nor does it have the place that a charge of one row
-- has in its account. Checked once per statement, whatever the size of the batch.
-- Nothing is read as a whole for it: plans are made once per connection, perhaps while the tables are still empty.
create or replace function check_entries() returns trigger language plpgsql set enable_seqscan = off as $$
declare
    wrong record;
begin
    select n.transfer_id, n.rule into wrong
    from (
        select a.transfer_id,
            case
                when a.total <> 0 or a.legs < 2
                    or a.legs <> (select count(*) from entry e where e.transfer_id = a.transfer_id) then 'entry_sums_to_zero'
                when (select k.kind in ('meals', 'subsidy') from account k where k.id = a.account_id)
                        is distinct from (a.position is not null)
                    or t.may_owe is null then 'entry_account_known'
                when a.balance < 0 and a.amount < 0 and not t.may_owe then 'entry_above_floor'
                when exists (
                    select from charge k where k.payee_id is not null and k.account_id = a.account_id and k.position = a.position)
                    then 'entry_place_unique'
            end as rule
        from (
            select added.*, count(*) over whole as legs, sum(added.amount) over whole as total
            from added window whole as (partition by added.transfer_id)
        ) a
        left join lateral (
            select m.offline or m.kind = 'return' as may_owe from transfer m where m.id = a.transfer_id limit 1
        ) t on true
    ) n
    where n.rule is not null
    limit 1;
    if not found then
        return null;
    end if;
    raise exception '%', case wrong.rule
            when 'entry_sums_to_zero' then format('the entries of transfer %s do not balance', wrong.transfer_id)
            when 'entry_account_known' then
                format('an entry of %s names a transfer or an account that the books do not know', wrong.transfer_id)
            when 'entry_place_unique' then format('an entry of %s has the place of another', wrong.transfer_id)
            else format('transfer %s would take an account below zero', wrong.transfer_id)
        end
        using errcode = case wrong.rule when 'entry_place_unique' then 'unique_violation' else 'check_violation' end,
            constraint = wrong.rule;
end $$;
