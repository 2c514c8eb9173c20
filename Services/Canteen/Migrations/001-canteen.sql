-- What Canteen owns: menus, products, tills and sales; and what it remembers of cards and accounts of others.

create table menu (
    id uuid primary key,
    school_id uuid not null,
    day date not null,
    version bigint not null default 1,
    constraint menu_one_per_day unique (school_id, day)
);

-- A meal of a ration and shift: what is sold as one bundle.
create table meal (
    id uuid primary key,
    menu_id uuid not null references menu on delete cascade,
    -- breakfast, secondBreakfast, lunch, snack
    meal text not null constraint meal_known check (meal in ('breakfast', 'secondBreakfast', 'lunch', 'snack')),
    ration text not null,
    shift text not null,
    position integer not null,
    constraint meal_once_per_ration_and_shift unique (menu_id, meal, ration, shift)
);

create table dish (
    meal_id uuid not null references meal on delete cascade,
    position integer not null,
    name text not null,
    yield_grams text not null,
    kilocalories double precision,
    protein_grams double precision,
    fat_grams double precision,
    carbohydrate_grams double precision,
    recipe text not null,
    price_kopecks bigint not null constraint dish_price_not_negative check (price_kopecks >= 0),
    primary key (meal_id, position)
);

create table product (
    id uuid primary key,
    school_id uuid not null,
    name text not null,
    product_group text not null,
    price_kopecks bigint not null constraint product_price_positive check (price_kopecks > 0),
    ended boolean not null default false,
    constraint product_name_once unique (school_id, name)
);

create table till (
    id uuid primary key,
    school_id uuid not null,
    name text not null,
    -- SHA-256 of the key that the till presents.
    key_hash bytea not null constraint till_key_is_one_tills unique,
    ended boolean not null default false
);

-- Access's cards, to know who stands at the till.
create table known_card (
    id uuid primary key,
    person_id uuid not null,
    value bigint not null,
    mask bigint not null,
    low16 integer not null,
    status text not null,
    valid_until date,
    version bigint not null
);
create index known_card_by_low16 on known_card (low16) where status = 'active';

-- Ledger's accounts as last heard: shown at the till «as of», never decided upon.
create table account_hint (
    person_id uuid primary key,
    balance_kopecks bigint not null,
    daily_limit_kopecks bigint,
    spent_kopecks bigint not null,
    day date not null,
    is_open boolean not null,
    version bigint not null,
    heard_at timestamptz not null default now()
);

create table sale (
    id uuid primary key,
    school_id uuid not null,
    till_id uuid references till,
    till_name text not null,
    -- The till's own count; with it a sale that was lost on the way is noticed.
    local_sequence bigint,
    person_id uuid not null,
    kind text not null constraint sale_kind_known check (kind in ('personal', 'collective')),
    meal text,
    amount_kopecks bigint not null constraint sale_amount_positive check (amount_kopecks > 0),
    items jsonb not null,
    -- What was asked for, to tell a repeat from another sale under the same id.
    basket jsonb not null,
    sold_by uuid,
    sold_at timestamptz not null,
    day date not null,
    received_at timestamptz not null default now(),
    state text not null constraint sale_state_known check (state in ('pending', 'completed', 'refused')),
    reason text,
    -- What a refusal lets the cashier say: how much there is and what is left of the limit.
    available_kopecks bigint,
    limit_left_kopecks bigint
);
create index sale_of_person on sale (person_id, day);
create index sale_of_school on sale (school_id, day);
create index sale_pending on sale (received_at) where state = 'pending';

-- A sale is tried under numbered attempts; each has a charge of its own and ends exactly once.
create table attempt (
    charge_id uuid primary key,
    sale_id uuid not null references sale,
    number integer not null,
    state text not null constraint attempt_state_known
        check (state in ('asked', 'accepted', 'declined', 'withdrawing', 'withdrawn')),
    asked_at timestamptz not null default now(),
    constraint attempt_number_once unique (sale_id, number)
);
-- Whatever happens, at most one attempt of a sale takes money.
create unique index attempt_one_succeeds on attempt (sale_id) where state = 'accepted';
