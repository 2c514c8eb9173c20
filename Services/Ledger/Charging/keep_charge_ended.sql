-- revision 1
-- An attempt ends once: what was posted can be given back, in parts or as a whole.
create or replace function keep_charge_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'posted'
        and (new.state = 'reversed' and new.refunded = old.refunded or new.state = 'posted' and new.refunded > old.refunded)
        and (new.id, new.sale_id, new.attempt, new.person_id, new.account_id, new.amount, new.purchase, new.business_on)
            is not distinct from
            (old.id, old.sale_id, old.attempt, old.person_id, old.account_id, old.amount, old.purchase, old.business_on)
    then
        return new;
    end if;
    raise exception 'charge % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;
