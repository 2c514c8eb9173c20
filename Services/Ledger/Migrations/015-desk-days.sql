-- A cash desk's day is closed when it has been counted; nothing more is taken on it then (AC-04).

create table desk_day (
    desk_id         uuid not null references account (id),
    day             date not null,
    closed_at       timestamptz not null,
    closed_by       uuid not null,
    constraint desk_day_closed_once primary key (desk_id, day)
);
create trigger desk_day_never_changes before update or delete or truncate on desk_day
    for each statement execute function refuse_change();

-- Who stands at the desk, as the sheet of the day names him; staff, never a child (D-05).
create table desk_operator (
    person_id       uuid primary key,
    name            text not null
);

-- The row of the school's books is what closing and taking wait for each other at.
create function keep_desk_day_closed() returns trigger language plpgsql as $$
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
create trigger transfer_desk_day_open before insert on transfer
    for each row when (new.method = 'cashDesk') execute function keep_desk_day_closed();

create index transfer_top_ups_of_day on transfer (business_on) where kind = 'topUp';
