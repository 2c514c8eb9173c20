-- revision 1
-- All returns of a top-up together are never more than it was, and go the way it came. The row of the account is locked by
-- whoever posts, so two returns see each other.
create or replace function check_return() returns trigger language plpgsql as $$
begin
    if not exists (
        select from transfer t
        where t.id = new.returns and t.kind = 'topUp' and t.account_id = new.account_id and t.method = new.method
            and (select sum(r.amount) from transfer r where r.returns = t.id) <= t.amount)
    then
        raise exception 'transfer % returns more than came', new.id
            using errcode = 'check_violation', constraint = 'transfer_returns_within';
    end if;
    return null;
end $$;
