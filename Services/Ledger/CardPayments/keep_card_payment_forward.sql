-- revision 1
-- A payment goes forward only, and what was asked of the acquirer stays as it was asked.
create or replace function keep_card_payment_forward() returns trigger language plpgsql as $$
begin
    if (new.id, new.account_id, new.person_id, new.school_id, new.by_id, new.amount, new.fee, new.made_at)
            is distinct from (old.id, old.account_id, old.person_id, old.school_id, old.by_id, old.amount, old.fee, old.made_at)
        or old.acquirer_id is not null and new.acquirer_id is distinct from old.acquirer_id
        or not (new.state = old.state and old.ended_at is null
            or old.state = 'asked' and new.state in ('open', 'cancelled', 'refused', 'disputed')
            or old.state = 'open' and new.state in ('credited', 'cancelled', 'returning', 'disputed')
            or old.state = 'returning' and new.state in ('returned', 'disputed'))
    then
        raise exception 'card payment % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'restrict_violation', constraint = 'card_payment_forward';
    end if;
    return new;
end $$;
