-- revision 1
-- A request for a refund (AC-12) or for money to be paid out (BY-04) ends once, and what was asked stays as it was asked.
create or replace function keep_request_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'asked' and new.state <> 'asked'
        and (new.id, new.account_id, new.amount, new.asked_by, new.asked_at)
            is not distinct from (old.id, old.account_id, old.amount, old.asked_by, old.asked_at)
    then
        return new;
    end if;
    raise exception '% % has ended as %', tg_table_name, old.id, old.state using errcode = 'restrict_violation';
end $$;
