-- revision 2
-- Decides one charge by itself at little more than the cost of its writes: a child whose account holds no money back and has no
-- subsidy, and who may spend it. Everything else (refused, repeated, paid otherwise) goes the way of many; the rules are
-- the same functions, and the row that it answers says the same (`decide_charges.sql`).
create or replace function decide_charge(
    charge_id uuid, sale uuid, number_of_attempt integer, person uuid, sum bigint, kind text, words text, device uuid, whom uuid,
    sold timestamptz, expiry timestamptz, offline date, allowance uuid, at timestamptz
) returns table (
    place bigint, outcome text, state text, reason text, available bigint, limit_left bigint, business_on date,
    decided_at timestamptz, used_allowance uuid, account_id uuid, version bigint, school_id uuid, number text,
    balance bigint, daily_limit bigint, spent_today bigint, today date, is_open boolean, low_below bigint
) language plpgsql as $$
#variable_conflict use_column
declare
    own record;
    day_spent bigint;
    day date;
begin
    -- The child's own row stands for all his accounts. It is read with its lock: whoever waited for it reads what the one before
    -- him has left.
    select m.id, m.school_id, m.number, m.version, m.balance, m.held, m.is_open, m.daily_limit, m.position, m.spent, m.spent_on,
        m.low_below, m.subsidised, b.supplier_id, (at at time zone b.time_zone)::date as today into own
    from meals_account m join school_books b on b.school_id = m.school_id
    where m.person_id = person for update of m;
    day := least(offline, own.today);
    available := own.balance;
    limit_left := charge_limit_left(own.daily_limit, own.spent, own.spent_on, day);
    if own.id is not null and own.held = 0 and not own.subsidised and allowance is null
        and charge_refusal(expiry < at, true, offline is not null, own.is_open, sum, available, kind, limit_left) is null
    then
        -- Nothing is inserted when the charge is known, or another attempt of its sale is paid.
        insert into charge (id, sale_id, attempt, person_id, account_id, amount, purchase, what, device_id, by_id,
            sold_at, decided_at, business_on, state, balance)
        values (charge_id, sale, number_of_attempt, person, own.id, sum, kind, words, device, whom,
            sold, at, day, 'posted', own.balance - sum)
        on conflict do nothing;
        if found then
            balance := own.balance - sum;
            version := own.version + 1;
            day_spent := charge_spent(own.spent, own.spent_on, kind, sum, day);
            own.spent_on := charge_spent_on(own.spent_on, kind, day);
            with moved as (
                insert into transfer (id, kind, account_id, made_at, business_on, amount, purchase, what, by_id, device_id,
                    sale_id, offline)
                values (charge_id, 'charge', own.id, at, day, sum, kind, words, whom, device, sale, offline is not null)
            ), legs as (
                insert into entry (transfer_id, account_id, amount, position, balance)
                values (charge_id, own.id, -sum, own.position + 1, own.balance - sum), (charge_id, own.supplier_id, sum, null, null)
            ), suppliers as (
                insert into organisation_movement (account_id, amount) values (own.supplier_id, sum)
            )
            update meals_account m
            set balance = own.balance - sum, position = own.position + 1, version = own.version + 1,
                spent = day_spent, spent_on = own.spent_on
            where m.id = own.id;
            place := 1; outcome := 'new'; state := 'posted'; business_on := day; decided_at := at; account_id := own.id;
            school_id := own.school_id; number := own.number; daily_limit := own.daily_limit; today := own.today;
            spent_today := case when own.spent_on = own.today then day_spent else 0 end; is_open := own.is_open;
            low_below := case when own.balance >= own.low_below and own.balance - sum < own.low_below then own.low_below end;
            return next;
            return;
        end if;
    end if;
    return query
    select * from decide_charges(
        array[charge_id], array[sale], array[number_of_attempt], array[person], array[sum], array[kind], array[words], array[device],
        array[whom], array[sold], array[expiry], array[offline], array[allowance], at);
end $$;
