-- A pupil who moves to another class or school (SC-01, SC-02): his guardians read it in his day, the staff concerned in theirs.
alter table notice drop constraint notice_kind_known;
alter table notice add constraint notice_kind_known check (kind in
    ('entered', 'left', 'mark', 'absence', 'late', 'lesson', 'remark', 'comment', 'purchase', 'refusal', 'topUp', 'lowBalance', 'transfer'));

-- What staff read of a pupil who comes or goes: addressed to roles, not to people, so whoever holds one today reads it.
create table staff_notice (
    id uuid primary key,
    school_id uuid not null,
    -- Roles that name this class; none: roles over the whole school.
    class_id uuid,
    roles text[] not null,
    child_id uuid not null,
    transfer_id uuid not null,
    kind text not null constraint staff_notice_kind_known check (kind in ('asked', 'comes', 'leaves', 'refused', 'withdrawn', 'arrived')),
    -- The class he comes to, or leaves.
    about_class_id uuid,
    moved_on date,
    happened_at timestamptz not null,
    -- When it was heard: letters tell what was heard since the last one.
    changed_at timestamptz not null default clock_timestamp()
);
create index staff_notice_of_school on staff_notice (school_id, happened_at);
create index staff_notice_heard on staff_notice (changed_at);
