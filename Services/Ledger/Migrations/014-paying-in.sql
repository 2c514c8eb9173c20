-- Top-ups by bank card through an acquirer (AC-02), and what a payment code for banks needs (AC-03).

-- How a school takes cards; a school without a row takes them without a fee and without receipts.
create table card_terms (
    school_id       uuid primary key references school_books (school_id),
    is_open         boolean not null,               -- whether cards are taken at all
    fee             integer not null constraint card_terms_fee_sane check (fee between 0 and 1000),
                                                    -- what the payer adds, in hundredths of a percent
    receipts        boolean not null,               -- whether receipts by 54-ФЗ are made
    tax_system      integer constraint card_terms_tax_system_known check (tax_system between 1 and 6),
    vat             integer not null constraint card_terms_vat_known check (vat between 1 and 12),
    changed_at      timestamptz not null,
    constraint card_terms_receipt_complete check (not receipts or tax_system is not null)
);

-- An attempt to pay. The form makes the id, which is the acquirer's key of idempotence too; the transfer's id follows
-- from it. What is asked of the acquirer is written before it is asked, and never changes.
create table card_payment (
    id              uuid primary key,
    account_id      uuid not null references meals_account (id),
    person_id       uuid not null,
    school_id       uuid not null,
    by_id           uuid not null,
    amount          bigint not null constraint card_payment_amount_positive check (amount > 0),
    fee             bigint not null constraint card_payment_fee_not_negative check (fee >= 0),
    receipt         jsonb,                          -- what the acquirer needs for it; taken away at the end
    state           text not null constraint card_payment_state_known check (state in (
                        'asked',        -- the acquirer was asked for it, or will be; its answer is not known
                        'open',         -- waits for the payer
                        'credited',     -- the money is on the account
                        'cancelled',    -- nobody paid
                        'refused',      -- the acquirer did not want it
                        'returning',    -- paid for an account that had been closed: goes back to the card
                        'returned',
                        'disputed')),   -- the acquirer says otherwise than we asked: people must look
    acquirer_id     text,
    pay_at          text,                           -- where the payer goes
    card            text,                           -- what of it may be shown: «···· 4477»
    reason          text,
    asks            integer not null default 0,     -- how often the acquirer was asked what became of it
    asked_at        timestamptz,
    ask_at          timestamptz,                    -- when to ask again; null at the end
    made_at         timestamptz not null,
    ended_at        timestamptz,
    transfer_id     uuid references transfer (id) deferrable initially deferred,

    constraint card_payment_credited_with_transfer check ((state = 'credited') = (transfer_id is not null)),
    constraint card_payment_known_before_paid check (state in ('asked', 'cancelled', 'refused') or acquirer_id is not null),
    constraint card_payment_asked_until_end check (
        (state in ('asked', 'open', 'returning')) = (ask_at is not null) and (ask_at is null) = (ended_at is not null))
) with (fillfactor = 80);
create unique index card_payment_acquirer_once on card_payment (acquirer_id) where acquirer_id is not null;
create index card_payment_due on card_payment (ask_at) where ask_at is not null;
create index card_payment_of_account on card_payment (account_id, made_at);

-- A payment goes forward only, and what was asked of the acquirer stays as it was asked.
create function keep_card_payment_forward() returns trigger language plpgsql as $$
begin
    if (new.id, new.account_id, new.person_id, new.school_id, new.by_id, new.amount, new.fee, new.made_at)
            is distinct from (old.id, old.account_id, old.person_id, old.school_id, old.by_id, old.amount, old.fee, old.made_at)
        or old.acquirer_id is not null and new.acquirer_id is distinct from old.acquirer_id
        or not (new.state = old.state and old.ended_at is null
            or old.state = 'asked' and new.state in ('open', 'cancelled', 'refused', 'disputed')
            or old.state = 'open' and new.state in ('credited', 'cancelled', 'returning', 'disputed')
            or old.state = 'returning' and new.state in ('returned', 'disputed'))
    then
        raise exception 'card payment % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'restrict_violation', constraint = 'card_payment_forward';
    end if;
    return new;
end $$;
create trigger card_payment_forward before update on card_payment for each row execute function keep_card_payment_forward();
create trigger card_payment_never_deleted before delete or truncate on card_payment
    for each statement execute function refuse_change();

-- Where a bank sends money for a school's accounts; what a payment code by ГОСТ Р 56042 says of it.
create table bank_details (
    school_id       uuid primary key references school_books (school_id),
    payee           text not null constraint bank_details_payee_fits check (length(payee) between 1 and 160),
    account         text not null constraint bank_details_account_of_digits check (account ~ '^[0-9]{20}$'),
    bank            text not null constraint bank_details_bank_fits check (length(bank) between 1 and 45),
    bic             text not null constraint bank_details_bic_of_digits check (bic ~ '^[0-9]{9}$'),
    correspondent   text not null constraint bank_details_correspondent_of_digits check (correspondent ~ '^(0|[0-9]{20})$'),
    inn             text constraint bank_details_inn_of_digits check (inn ~ '^([0-9]{10}|[0-9]{12})$'),
    kpp             text constraint bank_details_kpp_of_digits check (kpp ~ '^[0-9]{9}$'),
    changed_at      timestamptz not null
);
