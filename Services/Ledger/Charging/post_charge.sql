-- revision 5
-- A charge says what its state has to say. One with a payee is a movement by itself: its amount leaves the child's account and reaches
-- the payee's, so the two cannot differ. The child's account is moved here and nowhere else, from what it held to what the row
-- says, and never below zero but by a sale without a connection: none is written without the other. A meal is paid to the supplier of
-- the child's school, a paid service to whoever provides it.
--
-- The ids of all movements stand here, a transfer's as a row that says nothing else (state 'transfer', `check_transfers.sql`): so one
-- index knows all of them, and no charge is asked whether its id is another movement's.
create or replace function post_charge() returns trigger language plpgsql as $$
declare
    broken text;
begin
    -- This is all that a right movement is asked, in one expression and one statement.
    if new.payee_id is not null and new.state = 'posted' and new.reason is null and new.amount > 0 and new.what is not null
        and new.sale_id is not null and new.attempt is not null and new.business_on is not null
        and new.refunded = 0 and new.subsidised = 0 and (new.balance >= 0 or new.offline)
    then
        if new.purchase = 'personal' then
            update meals_account m
            set balance = new.balance, position = new.position, version = m.version + 1,
                spent = charge_spent(m.spent, m.spent_on, 'personal', new.amount, new.business_on),
                spent_on = charge_spent_on(m.spent_on, 'personal', new.business_on)
            where m.id = new.account_id and m.person_id = new.person_id
                and m.position = new.position - 1 and m.balance = new.balance + new.amount
                and m.supplier_id = new.payee_id;
        -- What counts for no limit leaves what is spent alone.
        elsif new.purchase = 'collective' or new.purchase = 'service' and provides_service(new.payee_id) then
            update meals_account m
            set balance = new.balance, position = new.position, version = m.version + 1
            where m.id = new.account_id and m.person_id = new.person_id
                and m.position = new.position - 1 and m.balance = new.balance + new.amount
                and (m.supplier_id = new.payee_id or new.purchase = 'service');
        end if;
        if found then
            return null;
        end if;
    end if;
    -- An attempt that moves nothing, a transfer's id, or the reason why this is no right movement.
    broken := case
        when new.state = 'transfer' then
            case
                when jsonb_strip_nulls(to_jsonb(new)) - '{id,decided_at,state,number}'::text[]
                    <> '{"offline": false, "refunded": 0, "subsidised": 0}' then 'charge_of_transfer_is_bare'
                when not exists (select from transfer t where t.id = new.id) then 'charge_of_transfer_known'
            end
        when new.sale_id is null or new.attempt is null or new.person_id is null then 'charge_says_whose'
        when new.state not in ('posted', 'declined', 'withdrawn', 'reversed') then 'charge_state_known'
        when (new.state = 'declined') <> (new.reason is not null) then 'charge_declined_with_reason'
        when new.reason not in ('notEnoughMoney', 'dailyLimit', 'noAccount', 'accountClosed', 'tooLate') then 'charge_reason_known'
        when new.state <> 'withdrawn'
            and (new.amount > 0 and new.purchase in ('personal', 'collective', 'service') and new.what is not null) is not true
            then 'charge_seen_is_complete'
        when new.refunded <> 0 and (new.refunded between 0 and new.amount) is not true then 'charge_refunded_within_amount'
        when new.subsidised < 0 then 'charge_subsidised_not_negative'
        when (new.payee_id is null) <> (new.position is null)
            or new.payee_id is not null
                and (new.state <> 'posted' or new.subsidised <> 0 or new.refunded <> 0 or new.business_on is null)
            then 'charge_posted_whole'
        when new.payee_id is not null and (new.balance >= 0 or new.offline) is not true then 'entry_above_floor'
        when new.payee_id is null then null
        when case when new.purchase = 'service' then provides_service(new.payee_id)
                else exists (select from meals_account m where m.id = new.account_id and m.supplier_id = new.payee_id) end
            then 'charge_continues_account'
        else 'entry_account_known'
    end;
    if broken is not null then
        raise exception 'charge % does not say what it has to say', new.id using errcode = 'check_violation', constraint = broken;
    end if;
    return null;
end $$;
create or replace trigger charge_posted after insert on charge for each row execute function post_charge();
