-- What people have agreed to, by which words, and their wish to be forgotten.

-- A text never changes: another wording is another version, and whoever agreed to the earlier one is asked again.
create table consent_text (
    id uuid primary key,
    purpose text not null,
    -- Of one school; of the whole installation when none.
    school_id uuid references school (id),
    version integer not null,
    title text not null,
    body text not null,
    published_at timestamptz not null,
    published_by uuid,
    constraint consent_text_version_once unique nulls not distinct (purpose, school_id, version),
    constraint consent_text_purpose_known check (purpose in ('personal-data', 'photos', 'results', 'health')),
    constraint consent_text_not_empty check (title <> '' and body <> '')
);

-- Every decision, given or withdrawn; the last one holds.
create table consent (
    id uuid primary key,
    text_id uuid not null references consent_text (id),
    person_id uuid not null references person (id),
    given boolean not null,
    at timestamptz not null,
    -- The person himself, or who answers for the child.
    by_person_id uuid not null references person (id)
);
create index consent_by_person on consent (person_id, at);

create function consent_is_only_written() returns trigger language plpgsql as $$
begin
    raise exception 'consents and their texts are only written, never changed' using errcode = 'restrict_violation';
end
$$;
create trigger consent_never_changes before update or delete or truncate on consent
    for each statement execute function consent_is_only_written();
create trigger consent_text_never_changes before update or delete or truncate on consent_text
    for each statement execute function consent_is_only_written();

-- What every installation begins with; a school or the operator publishes its own words as the next version.
insert into consent_text (id, purpose, version, title, body, published_at) values
    ('00000000-0000-7000-8000-000000000c01', 'personal-data', 1, 'Согласие на обработку персональных данных',
     E'Я даю школе согласие на обработку персональных данных в кабинете «Звонок» по статье 9 Федерального закона от 27.07.2006 № 152-ФЗ «О персональных данных».\n\nЦель: вход в кабинет, связь школы с семьёй, учёт посещаемости, питания и учёбы.\n\nДанные: фамилия, имя, отчество, дата рождения, школа и класс, телефон и адрес электронной почты, сведения о посещении, питании, оценках и расчётах.\n\nДействия: сбор, запись, хранение, уточнение, использование, удаление, с использованием средств автоматизации и без них. Данные не передаются тем, кого не назвал закон или договор со школой.\n\nСрок: пока человек учится, работает или отвечает за ученика школы. Согласие можно отозвать здесь же в любой день; после отзыва школа обрабатывает только то, что велит закон.',
     '2026-01-01T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000c02', 'photos', 1, 'Согласие на фото- и видеосъёмку',
     E'Я согласен на то, чтобы школа снимала ребёнка на уроках и школьных событиях и показывала снимки и записи на своём сайте и на своих страницах (статья 152.1 Гражданского кодекса Российской Федерации).\n\nИмя и фамилия под снимком не ставятся. Без согласия ребёнка не снимают и на снимках не показывают. Согласие можно отозвать в любой день; уже показанные снимки школа убирает за семь дней.',
     '2026-01-01T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000c03', 'results', 1, 'Согласие на публикацию достижений',
     E'Я согласен на то, чтобы школа называла имя, фамилию и класс ребёнка в списках победителей и участников олимпиад, конкурсов и соревнований и показывала его работы.\n\nСогласие можно отозвать в любой день; после этого школа убирает имя из списков, которые ведёт сама.',
     '2026-01-01T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000c04', 'health', 1, 'Согласие на обработку сведений о здоровье',
     E'Я согласен на то, чтобы школа хранила сведения об аллергии, диете и ограничениях ребёнка и показывала их повару, медицинской сестре и классному руководителю (статья 10 Федерального закона от 27.07.2006 № 152-ФЗ).\n\nСведения нужны, чтобы ребёнку не дали того, что ему нельзя. Согласие можно отозвать в любой день.',
     '2026-01-01T00:00:00Z');

-- Somebody wants to be forgotten: he is, after a term in which he may think again.
create table deletion_request (
    id uuid primary key,
    person_id uuid not null references person (id),
    requested_at timestamptz not null,
    requested_by uuid not null references person (id),
    due_at timestamptz not null,
    cancelled_at timestamptz,
    cancelled_by uuid references person (id),
    done_at timestamptz,
    -- Why it could not be done when it was due.
    refused text,
    constraint deletion_request_ends_once check (num_nonnulls(cancelled_at, done_at, refused) <= 1)
);
create unique index deletion_request_one_open on deletion_request (person_id)
    where cancelled_at is null and done_at is null and refused is null;
