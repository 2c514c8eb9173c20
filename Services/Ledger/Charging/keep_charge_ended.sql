-- revision 2
-- An attempt ends once: what was posted can be given back, in parts or as a whole, and nothing else of it ever changes.
create or replace function keep_charge_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'posted'
        and (new.state = 'reversed' and new.refunded = old.refunded
            or new.state = 'posted' and new.refunded > old.refunded and new.refunded <= new.amount)
        and to_jsonb(new) - 'state' - 'refunded' = to_jsonb(old) - 'state' - 'refunded'
    then
        return new;
    end if;
    raise exception 'charge % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;
