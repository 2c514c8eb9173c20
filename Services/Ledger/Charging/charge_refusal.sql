-- revision 1
-- Why a charge is refused (AC-07, AC-10, AC-11); null when it is posted.
create or replace function charge_refusal(
    is_late boolean, is_known boolean, is_offline boolean, is_open boolean, amount bigint, can_spend bigint,
    purchase text, limit_left bigint
) returns text language sql immutable parallel safe
return case
    when is_late then 'tooLate'
    when not is_known then 'noAccount'
    -- What was eaten while the till was offline is posted whatever the account says: a visible debt.
    when is_offline then null
    when not is_open then 'accountClosed'
    when amount > can_spend then 'notEnoughMoney'
    when purchase = 'personal' and amount > limit_left then 'dailyLimit'
end;
