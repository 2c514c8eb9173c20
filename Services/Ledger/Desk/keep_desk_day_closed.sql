-- revision 1
-- A closed day takes nothing more at the desk (AC-04). The row of the school's books is what closing and taking wait for
-- each other at.
create or replace function keep_desk_day_closed() returns trigger language plpgsql as $$
declare
    desk uuid;
begin
    select b.cash_desk_id into desk
    from meals_account m join school_books b on b.school_id = m.school_id
    where m.id = new.account_id for share of b;
    if exists (select from desk_day d where d.desk_id = desk and d.day = new.business_on) then
        raise exception 'the desk has closed %', new.business_on
            using errcode = 'restrict_violation', constraint = 'desk_day_closed';
    end if;
    return new;
end $$;
