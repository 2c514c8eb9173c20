"""What a family agrees to and takes back, who reads it at school, what stops with it; the signature; where codes come from and go."""
import json
import re
import types
import uuid

import pytest
from conftest import PASSWORD, PHONE, give_login, letter_to, sign_in, submit, wait_for
from letters import inbox, send
from playwright.sync_api import expect


@pytest.fixture
def unregistered(demo):
    """A child whose first parent has never signed in, as little as its class teacher and itself; each time another."""
    line = demo.ask("""
        select g.id, g.surname, g.given_name, c.id, c.surname, c.given_name, u.class_id, t.roster_number, t.surname, t.given_name
        from identity.guardianship x join identity.person g on g.id = x.guardian_id join identity.person c on c.id = x.child_id
            join identity.pupil u on u.person_id = c.id
            join identity.role_held r on r.class_id = u.class_id and r.role = 'classTeacher' and not r.ended
            join identity.person t on t.id = r.person_id
        where not x.ended and x.is_primary and not u.ended
          and not exists (select from identity.login l where l.person_id in (g.id, c.id, t.id))
          and (select count(*) from identity.guardianship y where y.guardian_id = g.id and not y.ended) = 1
        order by g.roster_number limit 1""")[0]
    parent, child, teacher = line[0:3], line[3:7], line[7:10]
    return types.SimpleNamespace(
        parent=types.SimpleNamespace(id=parent[0], name=f"{parent[1]} {parent[2]}"),
        child=types.SimpleNamespace(id=child[0], name=f"{child[1]} {child[2]}", school_class=child[3]),
        teacher=types.SimpleNamespace(number=teacher[0], name=f"{teacher[1]} {teacher[2]}"))


def staff(demo, role):
    """The number of somebody at the demo school who holds a role and whom nobody else is."""
    return demo.ask(f"""
        select p.roster_number from identity.role_held r join identity.person p on p.id = r.person_id
        where r.role = '{role}' and not r.ended and p.roster_number like 'S%' order by 1 limit 1""")[0][0]


def signs_in(visitor, login, **what):
    one = visitor(**what)
    sign_in(one.page, login, PASSWORD)
    return one


def sheets(page, family, role):
    """Makes the sheets of one child's family; gives the code of the one that is for a role."""
    page.goto(f"/identity/classes/{family.child.school_class}/invitations")
    for box in page.get_by_role("checkbox").all():
        box.set_checked(False)
    page.get_by_role("checkbox", name=re.compile(f"^{family.child.name}$")).first.check()
    submit(page, "Сделать листы")
    sheet = page.locator("article.sheet", has=page.locator(".sheet-role", has_text=role), has_text=family.parent.name if role == "родитель" else family.child.name)
    return sheet.first.locator(".sheet-number").inner_text().strip()


def fills(page, **fields):
    for field, text in fields.items():
        page.locator(f"#{field}").fill(text)


def counts(page, school_class):
    """How many consents of each kind the overview counts for a class."""
    page.goto("/identity/consents")
    row = page.locator("tr", has=page.locator(f"a[href='/identity/classes/{school_class}/consents']"))
    return [int(text.split()[0]) for text in row.get_by_role("cell").all_inner_texts()]


def decides(page, purpose, button):
    submit(page, button, within=f"main li:has-text('{purpose}')")
    expect(page.get_by_role("status").filter(has_text="Ваше решение записано")).to_be_visible()


def test_consents_are_given_at_registration_counted_at_school_and_taken_back(visitor, demo, unregistered):
    """ID-38: no cabinet without the two of registration; teacher, nurse and deputy read how many there are; any day takes one back."""
    family = unregistered
    child, school_class = family.child, family.child.school_class
    readers = [signs_in(visitor, give_login(demo, number)).page
               for number in (family.teacher.number, staff(demo, "nurse"), staff(demo, "deputyHead"))]
    before = counts(readers[0], school_class)
    code = sheets(visitor("curator").page, family, "родитель")
    new, login = visitor(size=PHONE), f"mama-{uuid.uuid4().hex[:6]}"
    page = new.go(f"/identity/registration?code={code}")
    fills(page, login=login, password=PASSWORD, repeated=PASSWORD, phone="+7 912 345-67-83", email=f"{login}@example.org")
    # Whoever does not agree is told why he cannot go on, beside the box; the browser's own check is switched off for it.
    page.locator("form").evaluate("form => form.noValidate = true")
    submit(page, "Зарегистрироваться")
    for box in ("own-consent", "child-consent"):
        expect(page.locator(f"#{box}")).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{box}-wrong")).to_contain_text("Без этого согласия")
    expect(page.locator("#login")).to_have_value(login)
    # The words themselves stand beside the box.
    page.locator("details summary").first.click()
    expect(page.locator("details p").first).to_be_visible()
    page.get_by_label("Я согласен на обработку моих персональных данных").check()
    page.get_by_label("Как родитель я согласен на обработку данных моего ребёнка").check()
    fills(page, password=PASSWORD, repeated=PASSWORD)
    submit(page, "Зарегистрироваться")
    expect(page.get_by_role("heading", name="Регистрация успешно завершена")).to_be_visible()
    sign_in(page, login, PASSWORD)
    page.goto("/identity/profile")
    section = page.get_by_role("region", name="Согласия и данные")
    expect(section.locator("li", has_text="Обработка персональных данных")).to_contain_text("получено")
    section.get_by_role("link", name="Согласия", exact=True).click()
    expect(page.get_by_role("heading", name="Согласия")).to_be_visible()
    expect(page.locator("li", has_text="Обработка персональных данных")).to_contain_text("получено")
    expect(page.locator("li", has_text="Фото и видео")).to_contain_text("не дано")
    decides(page, "Фото и видео", "Дать согласие")
    for reader in readers:
        assert counts(reader, school_class) == [before[0] + 1, before[1] + 1, before[2], before[3]]
    row = readers[0].get_by_role("row", name=re.compile(child.name))
    readers[0].get_by_role("link", name=re.compile("«")).first.click()
    expect(row.get_by_role("cell").nth(1)).to_have_text("получено", use_inner_text=True)
    expect(row.get_by_role("cell").nth(3)).to_have_text("не дано", use_inner_text=True)
    decides(page, "Фото и видео", "Отозвать")
    expect(page.locator("li", has_text="Фото и видео")).to_contain_text("отозвано")
    readers[0].reload()
    expect(row.get_by_role("cell").nth(1)).to_have_text("отозвано", use_inner_text=True)
    assert counts(readers[1], school_class) == [before[0] + 1, *before[1:]]
    # A class teacher reads his class alone; what another class has agreed to is not there for him.
    other = demo.ask(f"select id from identity.class where id <> '{school_class}' and not ended limit 1")[0][0]
    assert readers[0].goto(f"/identity/classes/{other}/consents").status == 404
    assert page.goto("/identity/consents").status == 404


def test_a_consent_that_was_taken_back_ends_the_letters(visitor, demo, guardian):
    """ID-38, NT-01: without her own consent no evening letter goes to the mother, without the child's none tells of the child."""
    mother = guardian()
    address = demo.ask(f"select email from notifier.contact where person_id = '{mother.id}'")[0][0]
    page = signs_in(visitor, mother.login, size=PHONE).page

    def evening():
        """The letter of the day once more: how it ended, and how many letters she has."""
        demo.ask(f"delete from notifier.digest where person_id = '{mother.id}'")
        send(demo)
        told = [line[0] for line in demo.ask(f"select state from notifier.digest where person_id = '{mother.id}'")]
        return told, sum(address in message["recipients"]["to"] for message in json.loads(inbox(demo))["messages"])

    def stands(person, holds):
        # Other services hear of it a moment later.
        heard = f"select holds from notifier.consent where person_id = '{person}' and kind = 'personalData'"
        wait_for(lambda: demo.ask(heard) == [[holds]], heard, seconds=30)

    told, letters = evening()
    assert told == ["sent"]
    page.goto("/identity/profile/consents")
    if page.get_by_role("button", name="Отозвать").count() == 0:
        decides(page, "Обработка персональных данных", "Дать согласие")
    decides(page, "Обработка персональных данных", "Отозвать")
    expect(page.locator("li", has_text="Обработка персональных данных")).to_contain_text("вечернее письмо больше не придёт")
    stands(mother.id, "f")
    assert evening() == ([], letters)
    decides(page, "Обработка персональных данных", "Дать согласие")
    stands(mother.id, "t")
    told, again = evening()
    assert told == ["sent"] and again == letters + 1
    assert mother.children[0].given in letter_to(demo, address)["Subject"]
    page.goto(f"/identity/children/{mother.children[0].id}/consents")
    if page.locator("li", has_text="Обработка персональных данных").get_by_role("button", name="Отозвать").count() == 0:
        decides(page, "Обработка персональных данных", "Дать согласие")
    decides(page, "Обработка персональных данных", "Отозвать")
    stands(mother.children[0].id, "f")
    told, last = evening()
    assert told in ([], ["empty"]) and last == again
    # The cabinet stays open to her.
    page.goto("/")
    expect(page.get_by_role("heading", name=mother.children[0].given).first).to_be_visible()


def test_a_signature_is_written_in_the_profile(visitor, guardian):
    """ID-23: three lines that stand under one's messages; what is wrong is said beside the field, what is right is kept."""
    mother = guardian()
    page = signs_in(visitor, mother.login, size=PHONE).go("/identity/profile")
    field = page.get_by_label("Что стоит под вашими сообщениями")
    field.fill("раз\nдва\nтри\nчетыре")
    submit(page, "Сохранить подпись")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#signature-wrong")).to_be_visible()
    expect(field).to_have_value("раз\nдва\nтри\nчетыре")
    field.fill("С уважением,\nмама <Пети> & Маши")
    submit(page, "Сохранить подпись")
    expect(page.get_by_role("status").filter(has_text="Подпись сохранена.")).to_be_visible()
    page.goto("/identity/profile")
    expect(field).to_have_value("С уважением,\nмама <Пети> & Маши")
    # It is among what is kept about her.
    page.goto("/identity/profile/export")
    expect(page.get_by_text("мама <Пети> & Маши").first).to_be_attached()
    page.goto("/identity/profile")
    field.fill("")
    submit(page, "Сохранить подпись")
    page.goto("/identity/profile")
    expect(field).to_have_value("")


def test_a_code_tells_who_issued_it_and_who_came_by_it(visitor, demo, unregistered):
    """ID-05: on the page of invitations of the class, for the teacher and the curator; a revoked code opens nothing."""
    family = unregistered
    place = f"/identity/classes/{family.child.school_class}/invitations"
    teacher = signs_in(visitor, give_login(demo, family.teacher.number)).page
    code = sheets(teacher, family, "ученик")
    teacher.goto(place)
    out = teacher.get_by_role("region", name="Выданные коды")
    mine = out.locator("li", has_text=family.child.name)
    expect(mine.first).to_contain_text(re.compile(f"код выдан: {family.teacher.name}"))
    # The parents' codes that came out with it are taken back again.
    parent = out.locator("li", has_text=family.parent.name)
    with teacher.expect_navigation():
        parent.get_by_role("button", name="Отозвать").click()
    expect(parent).to_have_count(0)
    pupil, login = visitor(size=PHONE).page, f"uchenik-{uuid.uuid4().hex[:6]}"
    pupil.goto(f"/identity/registration?code={code}")
    # ID-10: a pupil needs neither telephone nor e-mail.
    fills(pupil, login=login, password=PASSWORD, repeated=PASSWORD)
    submit(pupil, "Зарегистрироваться")
    expect(pupil.get_by_role("heading", name="Регистрация успешно завершена")).to_be_visible()
    for reader in (teacher, visitor("curator").page):
        reader.goto(place)
        used = reader.get_by_role("region", name="Использованные коды").locator("li", has_text=family.child.name)
        expect(used.first).to_contain_text("сегодня")
        expect(used.first).to_contain_text(re.compile(f"код выдан: {family.teacher.name}"))
        expect(reader.get_by_role("region", name="Выданные коды").locator("li", has_text=re.compile(f"^{family.child.name}"))).to_have_count(0)
