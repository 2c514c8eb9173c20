-- What a till is called is told to others, with a version that grows with every change (canteen.till.changed.v1).
alter table till add column version bigint not null default 1;

-- Two tills that work at a school have two names: whoever reads a statement tells them apart. Namesakes of before, but for the
-- oldest, get the end of their identifier: no other name can have it, as it might have a number.
update till t set name = left(t.name, 45) || ' (' || right(t.id::text, 12) || ')'
from (select id, row_number() over (partition by school_id, name order by id) as place from till where not ended) n
where n.id = t.id and n.place > 1;
create unique index till_name_unique on till (school_id, name) where not ended;
