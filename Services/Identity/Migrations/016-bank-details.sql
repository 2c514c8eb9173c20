-- Where banks send money for the accounts of a school, as Ledger says: the sheet of an invitation has a payment code (AC-04).
create table bank_details (
    school_id uuid primary key,
    version bigint not null,
    payee text not null,
    account text not null,
    bank text not null,
    bic text not null,
    correspondent text not null,
    inn text,
    kpp text,
    ended boolean not null
);
