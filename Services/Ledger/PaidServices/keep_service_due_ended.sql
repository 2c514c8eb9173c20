-- revision 1
-- What is owed stays as it was said, and ends once.
create or replace function keep_service_due_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'due'
        and (new.id, new.subscription_id, new.service_id, new.account_id, new.period, new.first_on, new.last_on, new.amount, new.what)
            is not distinct from
            (old.id, old.subscription_id, old.service_id, old.account_id, old.period, old.first_on, old.last_on, old.amount, old.what)
        and new.attempts >= old.attempts
    then
        return new;
    end if;
    raise exception 'what is owed by % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;
