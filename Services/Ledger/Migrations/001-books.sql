-- The books: double entry, written once and never changed (design §7; BY-02).
--
-- Every account is known here. A child's account has a row of its own with the balance kept beside the entries
-- (meals_account); an organisation's account has none that a sale would touch, for a row that every sale updates
-- is a lock that everyone waits for. Its entries are appended, noted in one line per batch in
-- organisation_movement, and rolled up into organisation_balance by a background job.

create table account (
    id          uuid primary key,
    kind        text not null constraint account_kind_known check (kind in (
                    'meals',            -- a child's personal account for meals (AC-01)
                    'supplier',         -- the supplier of meals of a school
                    'cashDesk', 'acquiring', 'terminal', 'bankRegister')),   -- where money comes in, by method
    school_id   uuid not null,
    person_id   uuid constraint account_person_only_of_child check ((person_id is not null) = (kind = 'meals')),
    opened_at   timestamptz not null
);
create unique index account_one_of_each_kind on account (school_id, kind) where person_id is null;
create unique index account_one_per_child on account (person_id) where kind = 'meals';

-- What Ledger must know of a school: its time zone (D-01) and its organisation accounts.
create table school_books (
    school_id       uuid primary key,
    version         bigint not null,                -- of SchoolChanged, with its owner's epoch; 0: not heard yet
    time_zone       text not null,
    supplier_id     uuid not null references account (id),
    cash_desk_id    uuid not null references account (id),
    acquiring_id    uuid not null references account (id),
    terminal_id     uuid not null references account (id),
    register_id     uuid not null references account (id)
);

-- A child's account: the one row that a charge locks, reads and writes.
create table meals_account (
    id              uuid primary key references account (id),
    person_id       uuid not null,
    school_id       uuid not null references school_books (school_id),
    number          text not null,                  -- personal account number (ID-31)
    pupil_code      text not null,                  -- ИДН (D-05)
    pupil_version   bigint not null,                -- of PupilChanged, with its owner's epoch
    is_open         boolean not null,
    balance         bigint not null default 0,      -- kopecks; below zero only by settled offline sales
    held            bigint not null default 0 constraint meals_account_held_not_negative check (held >= 0),
    daily_limit     bigint constraint meals_account_limit_not_negative check (daily_limit >= 0),
    spent           bigint not null default 0 constraint meals_account_spent_not_negative check (spent >= 0),
    spent_on        date not null default '2000-01-01',     -- the business day that `spent` belongs to
    position        bigint not null default 0,      -- how many entries the account has
    version         bigint not null                 -- of AccountState
) with (fillfactor = 70);
create unique index meals_account_one_per_child on meals_account (person_id) include (id);
create unique index meals_account_number_unique on meals_account (number);
create unique index meals_account_pupil_code_unique on meals_account (pupil_code);

-- A movement. Its id is the key of idempotence: the charge's id, the top-up's id, or derived from them.
create table transfer (
    id              uuid primary key,
    kind            text not null constraint transfer_kind_known check (kind in ('charge', 'reversal', 'topUp')),
    account_id      uuid not null,                  -- the child's account it is about
    made_at         timestamptz not null,
    business_on     date not null,
    amount          bigint not null constraint transfer_amount_positive check (amount > 0),
    purchase        text constraint transfer_purchase_known check (purchase in ('personal', 'collective')),
    what            text not null,                  -- what was bought, why it was reversed
    method          text constraint transfer_method_known
                        check (method in ('cashDesk', 'bankCard', 'terminal', 'bankRegister')),
    receipt         text,
    by_id           uuid,                           -- who did it
    device_id       uuid,                           -- the till it was done at
    sale_id         uuid,                           -- the purchase it belongs to
    reverses        uuid references transfer (id),
    offline         boolean not null default false,

    constraint transfer_top_up_says_how check ((kind = 'topUp') = (method is not null)),
    constraint transfer_desk_gives_receipt check (method is distinct from 'cashDesk' or receipt <> ''),
    constraint transfer_charge_says_purchase check ((kind <> 'topUp') = (purchase is not null and sale_id is not null)),
    constraint transfer_reversal_names_charge check ((kind = 'reversal') = (reverses is not null))
);
create unique index transfer_reversed_once on transfer (reverses) where reverses is not null;

-- One leg of a movement. A child's leg knows its place in the account and the balance after it. What it refers to is
-- checked once per statement by the triggers below: foreign keys check row by row and cost a third of the rate, and
-- neither transfers nor accounts are ever deleted.
create table entry (
    transfer_id     uuid not null,
    account_id      uuid not null,
    amount          bigint not null constraint entry_amount_not_zero check (amount <> 0),
    position        bigint,
    balance         bigint,
    primary key (transfer_id, account_id),
    constraint entry_place_known_with_balance check ((position is null) = (balance is null))
);
create unique index entry_place_unique on entry (account_id, position) where position is not null;

-- A receipt of a cash desk is used once.
create table receipt (
    desk_id         uuid not null references account (id),
    number          text not null constraint receipt_number_given check (number <> ''),
    transfer_id     uuid not null references transfer (id) deferrable initially deferred,
    constraint receipt_used_once primary key (desk_id, number)
);

-- What was appended to an organisation's account since it was rolled up; emptied by the roll-up.
create table organisation_movement (
    number          bigint generated always as identity primary key,
    account_id      uuid not null,
    amount          bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create table organisation_balance (
    account_id      uuid primary key references account (id),
    balance         bigint not null default 0,
    rolled_at       timestamptz
);

-- Every attempt to charge and its one end. A charge that was posted may still be reversed; nothing else changes.
create table charge (
    id              uuid primary key,
    sale_id         uuid not null,
    attempt         integer not null,
    person_id       uuid not null,
    account_id      uuid,
    amount          bigint,                         -- null: withdrawn before it was ever seen
    purchase        text,
    what            text,
    device_id       uuid,
    by_id           uuid,
    sold_at         timestamptz,
    decided_at      timestamptz not null,
    business_on     date,
    state           text not null constraint charge_state_known
                        check (state in ('posted', 'declined', 'withdrawn', 'reversed')),
    reason          text constraint charge_reason_known check (reason in (
                        'notEnoughMoney', 'dailyLimit', 'noAccount', 'accountClosed', 'tooLate')),
    available       bigint,                         -- what could have been spent, of a declined one
    limit_left      bigint,
    balance         bigint,                         -- of the account after the decision
    allowance_id    uuid,

    constraint charge_declined_with_reason check ((state = 'declined') = (reason is not null)),
    constraint charge_seen_is_complete check (
        state = 'withdrawn' or (amount > 0 and purchase in ('personal', 'collective') and what is not null))
) with (fillfactor = 90);
-- At most one attempt of a sale is paid (BY-01).
create unique index charge_sale_paid_once on charge (sale_id, person_id) where state = 'posted';
create index charge_declined_of_account on charge (account_id, decided_at) where state = 'declined';

-- Money held for a child and day, so that a till without a connection may sell a lunch (design §5).
create table allowance (
    id              uuid primary key,
    account_id      uuid not null references meals_account (id),
    day             date not null,
    amount          bigint not null constraint allowance_amount_positive check (amount > 0),
    state           text not null constraint allowance_state_known
                        check (state in ('granted', 'lent', 'used', 'released')),
    till_id         uuid,
    version         bigint not null default 1,
    constraint allowance_one_per_day unique (account_id, day)
) with (fillfactor = 80);
create index allowance_held on allowance (account_id) where state in ('granted', 'lent');

-- Who set which limit when (AC-07).
create table limit_change (
    account_id      uuid not null references meals_account (id),
    version         bigint not null,
    limit_before    bigint,
    limit_after     bigint,
    by_id           uuid not null,
    made_at         timestamptz not null,
    primary key (account_id, version)
);

-- ---------------------------------------------------------------------------------------------------------
-- What the books never allow, whoever asks.

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % refused: the books are only ever added to; post a reversal instead', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger transfer_never_changes before update or delete or truncate on transfer
    for each statement execute function refuse_change();
create trigger entry_never_changes before update or delete or truncate on entry
    for each statement execute function refuse_change();
create trigger receipt_never_changes before update or delete or truncate on receipt
    for each statement execute function refuse_change();
create trigger limit_change_never_changes before update or delete or truncate on limit_change
    for each statement execute function refuse_change();
create trigger account_never_changes before update or delete or truncate on account
    for each statement execute function refuse_change();
create trigger charge_never_deleted before delete or truncate on charge
    for each statement execute function refuse_change();
create trigger meals_account_never_deleted before delete or truncate on meals_account
    for each statement execute function refuse_change();

-- An attempt ends once: only what was posted can still be reversed.
create function keep_charge_ended() returns trigger language plpgsql as $$
begin
    if old.state = 'posted' and new.state = 'reversed'
        and (new.id, new.sale_id, new.attempt, new.person_id, new.account_id, new.amount, new.purchase, new.business_on)
            is not distinct from
            (old.id, old.sale_id, old.attempt, old.person_id, old.account_id, old.amount, old.purchase, old.business_on)
    then
        return new;
    end if;
    raise exception 'charge % has ended as %', old.id, old.state using errcode = 'restrict_violation';
end $$;
create trigger charge_ends_once before update on charge for each row execute function keep_charge_ended();

-- All legs of a transfer come in one statement and sum to zero; each names a known transfer and account, and a
-- child's leg its place. Checked once per statement, whatever the size of the batch.
create function check_entries() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.transfer_id into wrong
    from (select a.transfer_id, count(*) as legs from added a group by a.transfer_id) n
    cross join lateral (select sum(e.amount) as sum, count(*) as legs from entry e where e.transfer_id = n.transfer_id) kept
    where kept.sum <> 0 or kept.legs < 2 or kept.legs <> n.legs
    limit 1;
    if wrong is not null then
        raise exception 'the entries of transfer % do not balance', wrong
            using errcode = 'check_violation', constraint = 'entry_sums_to_zero';
    end if;

    select n.transfer_id into wrong
    from added n
    where (select a.kind = 'meals' from account a where a.id = n.account_id) is distinct from (n.position is not null)
        or not exists (select from transfer t where t.id = n.transfer_id offset 0)
    limit 1;
    if wrong is not null then
        raise exception 'an entry of % names a transfer or an account that the books do not know', wrong
            using errcode = 'check_violation', constraint = 'entry_account_known';
    end if;
    return null;
end $$;
create trigger entry_balances after insert on entry referencing new table as added
    for each statement execute function check_entries();

-- A transfer comes in one statement with its entries, and its amount is what moved on the child's account.
create function check_transfers() returns trigger language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    wrong uuid;
begin
    select n.id into wrong
    from added n
    where (select e.amount from entry e where e.transfer_id = n.id and e.account_id = n.account_id)
        is distinct from case when n.kind = 'charge' then -n.amount else n.amount end
    limit 1;
    if wrong is not null then
        raise exception 'transfer % has no entry of its amount', wrong
            using errcode = 'check_violation', constraint = 'transfer_has_entries';
    end if;
    return null;
end $$;
create trigger transfer_has_entries after insert on transfer referencing new table as added
    for each statement execute function check_transfers();
