-- Sign-in through Gosuslugi finds a person by his СНИЛС, which staff enter. The number itself is not here: a hash under a
-- key of the installation finds it, its last digits let its owner recognise it.

create table snils (
    person_id uuid primary key references person (id) on delete cascade,
    keyed_hash bytea not null,
    last_digits text not null,
    entered_at timestamptz not null,
    -- Nobody: by an operator at the command line.
    entered_by uuid,
    constraint snils_once unique (keyed_hash),
    constraint snils_keyed_hash_whole check (octet_length(keyed_hash) = 32),
    constraint snils_last_digits_four check (last_digits ~ '^[0-9]{2} [0-9]{2}$')
);
