"""What a family decides, and what the school decides for it: other adults, another class or school, two accounts that are one."""
import datetime
import re
import types
import uuid

from conftest import PASSWORD, PHONE, give_login, reloaded, sign_in, submit
from playwright.sync_api import expect


def signs_in(visitor, login, **what):
    one = visitor(**what)
    sign_in(one.page, login, PASSWORD)
    return one


def finds(page, locate, seconds=30):
    """Reloads until something is there."""
    for again in reloaded(page, seconds):
        if locate(again).count():
            return
    raise AssertionError(f"not there within {seconds} s: {page.url}\n{page.locator('main').inner_text()}")


def test_another_adult_sees_what_he_was_given_until_it_is_taken_away(visitor, demo, guardian):
    """ID-30, BY-10: topics and term; the first parent sees who looked; what is taken away is away in every service at once."""
    mother = guardian()
    child = mother.children[0]
    page = signs_in(visitor, mother.login).go("/identity/family")
    page.get_by_role("checkbox", name=re.compile(child.given)).check()
    page.get_by_label("Дневник", exact=True).check()
    last = datetime.date.today() + datetime.timedelta(days=60)
    page.get_by_label("До какого дня").fill(last.isoformat())
    page.get_by_label("Кто это, для себя").fill("бабушка")
    submit(page, "Сделать приглашение")
    code = page.locator(".sheet-number").inner_text().strip()
    # Sheets lie around: no surname.
    assert child.surname not in page.locator(".sheet").inner_text()
    grandmother = visitor(size=PHONE)
    other, login = grandmother.page, f"nina-{uuid.uuid4().hex[:6]}"
    other.goto(f"/identity/registration?code={code}")
    for label, text in (("Фамилия", "Орлова"), ("Имя", "Нина"), ("Придумайте логин", login), ("Придумайте пароль", PASSWORD),
                        ("Пароль ещё раз", PASSWORD), ("Мобильный телефон", "+7 912 345-67-81"), ("Электронная почта", f"{login}@example.org")):
        other.get_by_label(label, exact=True).fill(text)
    other.get_by_label("Я согласен на обработку моих персональных данных").check()
    submit(other, "Зарегистрироваться")
    sign_in(other, login, PASSWORD)
    other.goto(f"/journal/children/{child.id}/diary")
    finds(other, lambda page: page.locator("section.day"))
    # The topic that was not given is told of, for the child is known; what is not hers to decide is not there at all.
    assert other.goto(f"/ledger/children/{child.id}/statement").status == 403
    assert other.goto(f"/identity/children/{child.id}/looks").status == 404
    page.goto(f"/identity/children/{child.id}/looks")
    # Who looked is told within a second; the cash desk has looked long ago.
    expect(page.locator("li", has_text="бухгалтер").first).to_be_visible()
    page.goto("/identity/family")
    row = page.locator("li", has_text="Орлова Нина")
    expect(row).to_contain_text("Дневник")
    row.get_by_role("link", name="Изменить").click()
    page.locator("summary", has_text="Закрыть доступ").click()
    with page.expect_navigation():
        page.locator(".confirm form .btn--main").click()
    expect(page.get_by_role("status").filter(has_text="Доступ закрыт")).to_be_visible()
    other.goto("/journal/diary")
    for again in reloaded(other, 10):
        if other.context.request.get(f"/journal/children/{child.id}/diary").status == 404:
            break
    assert other.goto(f"/journal/children/{child.id}/diary").status == 404
    assert child.given not in other.locator("body").inner_text()


def ask_for_transfer(page, child, school=None):
    """Asks for the first class that is offered; gives its name."""
    page.goto(f"/identity/children/{child.id}/transfer")
    if school:
        page.get_by_label("Школа", exact=True).select_option(label=school)
        submit(page, "Показать классы")
    page.get_by_label("Класс", exact=True).select_option(index=1)
    name = page.get_by_label("Класс", exact=True).locator("option:checked").inner_text()
    submit(page, "Попросить о переводе")
    expect(page.get_by_text("ждёт принимающую школу")).to_be_visible()
    return name


def take_in(page, name):
    """The receiving side finds the request and confirms it."""
    page.goto("/identity/transfers")
    page.get_by_role("region", name="Ждут вашего решения").get_by_role("link", name=name).first.click()
    page.locator("summary", has_text="Подтвердить").click()
    with page.expect_navigation():
        page.locator(".confirm form .btn--main").click()
    expect(page.get_by_text("Ученик принят")).to_be_visible()


def test_a_transfer_to_another_class_waits_for_the_school(visitor, guardian):
    """SC-01, SC-02, D-09: nothing changes until the school confirms; a refusal has its reason; what travels says when it has arrived."""
    mother = guardian()
    child = mother.children[0]
    page = signs_in(visitor, mother.login, size=PHONE).page
    place = f"/identity/children/{child.id}/transfer"
    ask_for_transfer(page, child)
    curator = visitor("curator").go("/identity/transfers")
    curator.get_by_role("region", name="Ждут вашего решения").get_by_role("link", name=child.surname).first.click()
    curator.get_by_label("Причина отказа").fill("В классе нет мест.")
    submit(curator, "Отказать")
    page.goto(place)
    expect(page.get_by_text("В классе нет мест.")).to_be_visible()
    before = page.locator("header p").first.inner_text()
    wanted = ask_for_transfer(page, child)
    assert page.locator("header p").first.inner_text() == before
    take_in(curator, child.surname)
    page.goto(place)
    expect(page.locator("header p", has_text=wanted)).to_be_visible()
    finds(page, lambda page: page.get_by_text("завершён", exact=True))
    assert page.get_by_text("перешло", exact=True).count() == 4


def test_both_parents_decide_alike(visitor, demo):
    """SC-01, ID-30, ID-38, BY-10: what the father, whom the lists name second, asks for and decides the mother reads and takes back."""
    his, hers, name, child = demo.ask("""
        select f.roster_number, m.roster_number, f.surname, x.child_id from identity.guardianship x
            join identity.guardianship y on y.child_id = x.child_id and y.is_primary and not y.ended
            join identity.person f on f.id = x.guardian_id join identity.person m on m.id = y.guardian_id
            join identity.pupil u on u.person_id = x.child_id
        where not x.is_primary and not x.ended and x.source = 'roster' and not u.ended
          and not exists (select from identity.login l where l.person_id in (f.id, m.id))
        order by x.child_id desc limit 1""")[0]
    father = signs_in(visitor, give_login(demo, his), size=PHONE).page
    mother = signs_in(visitor, give_login(demo, hers)).page
    ask_for_transfer(father, types.SimpleNamespace(id=child))
    mother.goto(f"/identity/children/{child}/transfer")
    expect(mother.get_by_text("ждёт принимающую школу")).to_be_visible()
    mother.locator("summary", has_text="Отозвать").click()
    with mother.expect_navigation():
        mother.locator(".confirm form .btn--main").click()
    father.reload()
    expect(father.get_by_text("ждёт принимающую школу")).to_have_count(0)
    father.goto(f"/identity/children/{child}/consents")
    submit(father, "Дать согласие", within="main li:has-text('Фото и видео')")
    mother.goto(f"/identity/children/{child}/consents")
    photos = mother.locator("li", has_text="Фото и видео")
    expect(photos).to_contain_text("получено")
    expect(photos).to_contain_text(name)
    # Each sees the other among those who see the child, and neither is noted as one who looked.
    for page in (father, mother):
        page.goto("/identity/family")
        expect(page.locator("li", has_text="по спискам школы").first).to_be_visible()
        page.goto(f"/identity/children/{child}/looks")
        expect(page.get_by_role("heading", level=1)).to_have_text("Кто смотрел")
        assert page.locator("li", has_text="второй взрослый").count() == 0


def test_a_transfer_to_another_school_is_seen_from_both_sides(visitor, guardian, second_school):
    """SC-02, D-09: the receiving school decides, the sending one reads it; afterwards the child is the other school's."""
    mother = guardian()
    child = mother.children[0]
    family = signs_in(visitor, mother.login)
    ask_for_transfer(family.page, child, second_school.name)
    here, there = visitor("curator"), signs_in(visitor, second_school.curator)
    page = here.go("/identity/transfers")
    leaving = page.get_by_role("region", name="Уходят из вашей школы")
    expect(leaving.locator("li", has_text=child.surname).first).to_contain_text(second_school.name)
    assert leaving.get_by_role("link", name=child.surname).count() == 0
    there.go(f"/identity/people/{child.id}", status=404)
    take_in(there.page, child.surname)
    one = there.page.url.split("?")[0]
    here.go(one, status=404)
    finds(there.page, lambda page: page.get_by_text("завершён", exact=True))
    there.go(f"/identity/people/{child.id}")
    here.go(f"/identity/people/{child.id}", status=404)
    # The account went along: its number, what is on it, every line.
    expect(family.go(f"/ledger/children/{child.id}/statement").get_by_text("Пополнение в кассе").first).to_be_visible()
    expect(family.go(f"/identity/children/{child.id}/transfer").locator("header p", has_text=second_school.name)).to_be_visible()


def test_two_accounts_become_one_and_two_again(visitor, guardian):
    """ID-29: the curator sees beforehand what will be; the extra login opens nothing; what was merged can be taken back."""
    kept, extra = guardian(), guardian()
    curator = visitor("curator")
    page = curator.go(f"/identity/people/{kept.id}")
    page.get_by_role("link", name="Объединить с другой записью того же человека").click()
    page.get_by_role("searchbox").fill(extra.login)
    submit(page, "Найти")
    page.locator("main li a").first.click()
    then = page.get_by_role("region", name="После объединения")
    for one in (kept, extra):
        expect(then).to_contain_text(one.children[0].given)
    page.locator("summary", has_text="Объединить").click()
    with page.expect_navigation():
        page.locator(".confirm form .btn--main").click()
    mother = signs_in(visitor, kept.login).go("/")
    finds(mother, lambda page: page.get_by_role("heading", name=extra.children[0].given))
    nobody = visitor().go("/identity/sign-in")
    nobody.get_by_label("Логин").fill(extra.login)
    nobody.get_by_label("Пароль", exact=True).fill(PASSWORD)
    nobody.keyboard.press("Enter")
    expect(nobody.get_by_role("alert").first).to_be_visible()
    page = curator.go("/identity/mergings")
    submit(page, "Отменить")
    for again in reloaded(mother):
        if not again.get_by_role("heading", name=extra.children[0].given).count():
            break
    expect(mother.get_by_role("heading", name=kept.children[0].given).first).to_be_visible()
    assert mother.get_by_role("heading", name=extra.children[0].given).count() == 0
    again = signs_in(visitor, extra.login).go("/")
    finds(again, lambda page: page.get_by_role("heading", name=extra.children[0].given))
