-- revision 4
-- For copies of Ledger that still run while a newer one has migrated the schema: until 024 a charge by itself was decided by this
-- function, and now by one statement (PostCharge.swift). It answers what the way of many answers.
-- Until revision 2 it answered a set of rows, which no replacement can change.
drop function if exists decide_charge(
    uuid, uuid, integer, uuid, bigint, text, text, uuid, uuid, timestamptz, timestamptz, date, uuid, timestamptz);
create or replace function decide_charge(
    charge_id uuid, sale uuid, number_of_attempt integer, person uuid, sum bigint, kind text, words text, device uuid, whom uuid,
    sold timestamptz, expiry timestamptz, offline date, allowance uuid, at timestamptz,
    out place bigint, out outcome text, out state text, out reason text, out available bigint, out limit_left bigint,
    out business_on date, out decided_at timestamptz, out used_allowance uuid, out account_id uuid, out version bigint,
    out school_id uuid, out number text, out balance bigint, out daily_limit bigint, out spent_today bigint, out today date,
    out is_open boolean, out low_below bigint
) language plpgsql as $$
#variable_conflict use_column
begin
    select * into place, outcome, state, reason, available, limit_left, business_on, decided_at, used_allowance, account_id,
        version, school_id, number, balance, daily_limit, spent_today, today, is_open, low_below
    from decide_charges(
        array[charge_id], array[sale], array[number_of_attempt], array[person], array[sum], array[kind], array[words], array[device],
        array[whom], array[sold], array[expiry], array[offline], array[allowance], at);
end $$;
