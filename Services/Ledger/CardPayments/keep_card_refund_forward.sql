-- revision 1
-- A refund to a card ends once, and what was asked of the acquirer stays as it was asked.
create or replace function keep_card_refund_forward() returns trigger language plpgsql as $$
begin
    if old.state <> 'asked'
        or (new.id, new.payment_id, new.account_id, new.amount, new.total, new.reason, new.asked_by, new.asked_at)
            is distinct from
            (old.id, old.payment_id, old.account_id, old.amount, old.total, old.reason, old.asked_by, old.asked_at)
        or old.acquirer_id is not null and new.acquirer_id is distinct from old.acquirer_id
    then
        raise exception 'card refund % has ended as %', old.id, old.state
            using errcode = 'restrict_violation', constraint = 'card_refund_forward';
    end if;
    return new;
end $$;
