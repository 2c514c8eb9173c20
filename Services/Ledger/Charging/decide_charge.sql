-- revision 3
-- Decides one charge by itself at little more than the cost of its row: a child whose account holds no money back and has no
-- subsidy, and who may spend it. Everything else (refused, repeated, paid otherwise) goes the way of many; the rules are
-- the same functions, and the row that it answers says the same (`decide_charges.sql`).
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
declare
    own record;
begin
    -- The child's own row stands for all his accounts. It is read with its lock: whoever waited for it reads what the one before
    -- him has left.
    select m.id, m.school_id, m.number, m.version, m.balance, m.held, m.is_open, m.daily_limit, m.position, m.spent, m.spent_on,
        m.low_below, m.subsidised, b.supplier_id, (at at time zone b.time_zone)::date as today into own
    from meals_account m join school_books b on b.school_id = m.school_id
    where m.person_id = person for update of m;
    business_on := least(offline, own.today);
    limit_left := charge_limit_left(own.daily_limit, own.spent, own.spent_on, business_on);
    if own.id is not null and own.held = 0 and not own.subsidised and allowance is null
        and charge_refusal(expiry < at, true, offline is not null, own.is_open, sum, own.balance, kind, limit_left) is null
    then
        -- Nothing is inserted when the charge is known, or another attempt of its sale is paid. What is moves the account
        -- (`post_charge.sql`).
        insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, device_id, by_id,
            sold_at, decided_at, business_on, state, offline, position, balance)
        values (charge_id, sale, number_of_attempt, person, own.id, own.supplier_id, sum, kind, words, device, whom,
            sold, at, business_on, 'posted', offline is not null, own.position + 1, own.balance - sum)
        on conflict do nothing;
        if found then
            place := 1; outcome := 'new'; state := 'posted'; decided_at := at;
            available := own.balance; balance := own.balance - sum; version := own.version + 1;
            own.spent := charge_spent(own.spent, own.spent_on, kind, sum, business_on);
            spent_today := case when charge_spent_on(own.spent_on, kind, business_on) = own.today then own.spent else 0 end;
            account_id := own.id; school_id := own.school_id; number := own.number; daily_limit := own.daily_limit;
            today := own.today; is_open := own.is_open;
            low_below := case when own.balance >= own.low_below and balance < own.low_below then own.low_below end;
            return;
        end if;
    end if;
    select * into place, outcome, state, reason, available, limit_left, business_on, decided_at, used_allowance, account_id,
        version, school_id, number, balance, daily_limit, spent_today, today, is_open, low_below
    from decide_charges(
        array[charge_id], array[sale], array[number_of_attempt], array[person], array[sum], array[kind], array[words], array[device],
        array[whom], array[sold], array[expiry], array[offline], array[allowance], at);
end $$;
