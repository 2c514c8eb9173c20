-- Paid services are told of (ID-35).
alter table notice drop constraint notice_kind_known;
alter table notice add constraint notice_kind_known check (kind in
    ('entered', 'left', 'mark', 'absence', 'late', 'lesson', 'remark', 'comment', 'purchase', 'refusal', 'topUp', 'lowBalance', 'transfer', 'service'));
