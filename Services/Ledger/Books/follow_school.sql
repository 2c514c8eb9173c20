-- revision 1
-- A child's account is opened with what a charge has to know of his school (024), whoever opens it; a copy of Ledger of before does not say it.
create or replace function follow_school() returns trigger language plpgsql as $$
begin
    select b.supplier_id, b.time_zone into new.supplier_id, new.time_zone
    from school_books b where b.school_id = new.school_id for key share;
    return new;
end $$;
create or replace trigger meals_account_opened before insert on meals_account for each row execute function follow_school();
