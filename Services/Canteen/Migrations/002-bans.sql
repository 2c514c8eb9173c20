-- What parents do not want to be sold to their child (BY-05).

-- A child's row is what a sale and a change of the bans wait for each other at; its version is that of all his bans together.
create table child_bans (
    person_id uuid primary key,
    version bigint not null
);

create table ban (
    -- Follows from child, scope and name, so that the same ban is one row.
    id uuid primary key,
    person_id uuid not null references child_bans,
    scope text not null constraint ban_scope_known check (scope in ('product', 'group')),
    -- Of the product or the group: a ban follows the child to another school, whose goods have other ids.
    name text not null,
    set_by uuid not null,
    set_at timestamptz not null
);
create index ban_of_person on ban (person_id);

-- What of the basket was banned, for a sale that was refused for it.
alter table sale add column banned jsonb;
