-- Money moves between two children of one family (AC-09, BY-04): one transfer with a leg in each child's account.

alter table transfer add column other_id uuid;              -- the child's account that the money went to
alter table transfer drop constraint transfer_kind_known;
alter table transfer add constraint transfer_kind_known check (kind in ('charge', 'reversal', 'topUp', 'familyTransfer'));
alter table transfer drop constraint transfer_charge_says_purchase;
alter table transfer add constraint transfer_charge_says_purchase
    check ((kind in ('charge', 'reversal')) = (purchase is not null and sale_id is not null));
alter table transfer add constraint transfer_in_family_names_other check ((kind = 'familyTransfer') = (other_id is not null));
alter table transfer add constraint transfer_in_family_leaves_its_account check (other_id <> account_id);

-- A transfer comes in one statement with its entries, and its amount is what moved on the child's account. One between
-- two children has these two legs and no other.
create or replace function check_transfers() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.id into wrong
    from added n
    where (select e.amount from entry e where e.transfer_id = n.id and e.account_id = n.account_id)
            is distinct from case when n.kind in ('charge', 'familyTransfer') then -n.amount else n.amount end
        or n.kind = 'familyTransfer'
            and ((select e.amount from entry e
                    where e.transfer_id = n.id and e.account_id = n.other_id and e.position is not null)
                    is distinct from n.amount
                or (select count(*) from entry e where e.transfer_id = n.id) <> 2)
    limit 1;
    if wrong is not null then
        raise exception 'transfer % has no entry of its amount', wrong
            using errcode = 'check_violation', constraint = 'transfer_has_entries';
    end if;
    return null;
end $$;

-- All legs of a transfer come in one statement and sum to zero; each names a known transfer and account, and a
-- child's leg its place. What a child pays never takes his account below zero, but by a sale without a connection.
-- Checked once per statement, whatever the size of the batch.
create or replace function check_entries() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.transfer_id into wrong
    from (select a.transfer_id, count(*) as legs from added a group by a.transfer_id) n
    cross join lateral (select sum(e.amount) as sum, count(*) as legs from entry e where e.transfer_id = n.transfer_id) kept
    where kept.sum <> 0 or kept.legs < 2 or kept.legs <> n.legs
    limit 1;
    if wrong is not null then
        raise exception 'the entries of transfer % do not balance', wrong
            using errcode = 'check_violation', constraint = 'entry_sums_to_zero';
    end if;

    select n.transfer_id into wrong
    from added n
    where (select a.kind = 'meals' from account a where a.id = n.account_id) is distinct from (n.position is not null)
        or not exists (select from transfer t where t.id = n.transfer_id offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'an entry of % names a transfer or an account that the books do not know', wrong
            using errcode = 'check_violation', constraint = 'entry_account_known';
    end if;

    select n.transfer_id into wrong
    from added n
    where n.balance < 0 and n.amount < 0
        and not exists (select from transfer t where t.id = n.transfer_id and t.offline offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'transfer % would take an account below zero', wrong
            using errcode = 'check_violation', constraint = 'entry_above_floor';
    end if;
    return null;
end $$;
