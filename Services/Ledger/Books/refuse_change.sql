-- revision 1
-- The books are only ever added to: what stands in them is corrected by another movement.
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % refused: the books are only ever added to; post a reversal instead', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;
