-- A charge reads all that it decides by from the child's own row: who his school's supplier is and when its day begins stood in the row
-- of the school, and to join it cost a charge by itself a twentieth.

alter table school_books add constraint school_books_as_accounts_know_them unique (school_id, supplier_id, time_zone);

alter table meals_account
    add column supplier_id uuid,                    -- of the child's school, as in school_books
    add column time_zone text;                      -- of its business day (D-01)
update meals_account m set supplier_id = b.supplier_id, time_zone = b.time_zone from school_books b where b.school_id = m.school_id;
-- A school that changes its zone changes it for its accounts in the same statement.
alter table meals_account
    alter column supplier_id set not null,
    alter column time_zone set not null,
    drop constraint meals_account_school_id_fkey,
    add constraint meals_account_follows_school foreign key (school_id, supplier_id, time_zone)
        references school_books (school_id, supplier_id, time_zone) on update cascade;
