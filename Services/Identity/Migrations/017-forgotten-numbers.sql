-- Numbers of guardians who were forgotten: the school's list may name them for years, and brings them back no more. Of a number only
-- its hash is kept.
create table forgotten_number (
    number_hash bytea primary key,
    forgotten_at timestamptz not null,
    constraint forgotten_number_hash_whole check (octet_length(number_hash) = 32)
);
