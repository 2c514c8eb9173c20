-- The certificate cabinet (ID-36 to ID-39): what a guardian fills in beforehand to file applications with less typing.

-- A guardian's own, about one child; nobody else's eyes (ID-39, SC-09).
create table particulars (
    guardian_id uuid not null references person (id) on delete cascade,
    child_id uuid not null references person (id) on delete cascade,
    -- «Удобный адрес для посещения занятий» (SC-09).
    address text,
    passport text,
    passport_issued text,
    registered_at text,
    child_document text,
    changed_at timestamptz not null,
    primary key (guardian_id, child_id),
    constraint particulars_short check (greatest(
        length(address), length(passport), length(passport_issued), length(registered_at), length(child_document)) <= 300)
);

-- The number on a child's certificate, made with the first one that is printed (ID-37).
create table certificate (
    child_id uuid primary key references person (id) on delete cascade,
    number text not null,
    issued_at timestamptz not null,
    constraint certificate_number_once unique (number),
    constraint certificate_number_ten_digits check (number ~ '^[0-9]{10}$')
);
