-- Money that runs low is told of (AC-15).
alter table notice drop constraint notice_kind_known;
alter table notice add constraint notice_kind_known check (kind in
    ('entered', 'left', 'mark', 'absence', 'late', 'lesson', 'remark', 'comment', 'purchase', 'refusal', 'topUp', 'lowBalance'));
