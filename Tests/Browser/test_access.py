"""Coming in: what is mistyped, a forgotten password, the second step, the terminal in the hall."""
import base64
import hashlib
import hmac
import re
import struct
import time
import uuid

import pytest
from conftest import PASSWORD, PHONE, link_to, press, sign_in, submit, wait_for
from playwright.sync_api import expect


def signs_in(visitor, login, password=PASSWORD, **what):
    """A browser of its own in which somebody has signed in."""
    one = visitor(**what)
    sign_in(one.page, login, password)
    return one


def is_signed_out(one):
    one.page.goto("/identity/profile")
    return "/identity/sign-in" in one.page.url


def test_what_is_wrong_at_registration_stands_beside_its_field(visitor, demo, guardian):
    """ID-08 to ID-10, ID-12: every mistake at once, each beside its field and told to a screen reader, and nothing typed is lost."""
    page = signs_in(visitor, guardian().login).go("/identity/family")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("Дневник", exact=True).check()
    submit(page, "Сделать приглашение")
    code = page.locator(".sheet-number").inner_text().strip()
    page = visitor(size=PHONE).go(f"/identity/registration?code={code}")
    page.get_by_label("Фамилия").fill("Орлова")
    page.get_by_label("Имя", exact=True).fill("Нина")
    page.get_by_label("Придумайте логин").fill("ab")
    page.get_by_label("Придумайте пароль").fill("12345678")
    page.get_by_label("Пароль ещё раз").fill("87654321")
    page.get_by_label("Дети").fill("AAAA-BBBB")
    page.get_by_label("Я согласен на обработку моих персональных данных").check()
    submit(page, "Зарегистрироваться")
    for label in ("Придумайте логин", "Придумайте пароль", "Мобильный телефон", "Электронная почта", "Дети"):
        field = page.get_by_label(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        beside = page.locator(f"#{field.get_attribute('aria-describedby').split()[-1]}")
        assert len(beside.inner_text()) > 10
    expect(page.get_by_label("Фамилия")).to_have_value("Орлова")
    expect(page.get_by_label("Придумайте логин")).to_have_value("ab")
    # The field for what went wrong with two passwords is the second one.
    page.get_by_label("Придумайте логин").fill(f"nina-{uuid.uuid4().hex[:6]}")
    page.get_by_label("Придумайте пароль").fill(PASSWORD)
    page.get_by_label("Пароль ещё раз").fill(PASSWORD + "1")
    page.get_by_label("Мобильный телефон").fill("+7 912 345-67-80")
    page.get_by_label("Электронная почта").fill("nina@example.org")
    page.get_by_label("Дети").fill("")
    submit(page, "Зарегистрироваться")
    expect(page.get_by_label("Пароль ещё раз")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Придумайте пароль").fill(PASSWORD)
    page.get_by_label("Пароль ещё раз").fill(PASSWORD)
    submit(page, "Зарегистрироваться")
    expect(page.get_by_role("heading", name="Регистрация успешно завершена")).to_be_visible()


def test_a_letter_brings_a_new_password_and_ends_all_sessions(visitor, demo, guardian):
    """ID-14, ID-17, ID-24: an address counts when its letter is confirmed; the way to a new password goes there, once."""
    mother = guardian()
    here, there = signs_in(visitor, mother.login), signs_in(visitor, mother.login, size=PHONE)
    address = f"{mother.login}@example.org"
    page = here.go("/identity/profile")
    page.get_by_label("Электронная почта").fill(address)
    page.locator("#contact-password").fill(PASSWORD)
    press(page, "Enter")
    page = there.go(link_to(demo, address, "/identity/confirmation/"))
    submit(page, "Да, подтвердить")
    expect(page.get_by_role("status")).to_contain_text("Адрес подтверждён")
    nobody = visitor(size=PHONE)
    page = nobody.go("/identity/sign-in")
    page.get_by_role("link", name="Забыли пароль?").click()
    page.get_by_label("Почта или логин").fill(address)
    press(page, "Enter")
    expect(page.get_by_role("status")).to_be_visible()
    link = link_to(demo, address, "/identity/recovery/")
    page = nobody.go(link)
    expect(page.get_by_text(mother.login)).to_be_visible()
    page.get_by_label("Новый пароль", exact=True).fill("short1")
    page.get_by_label("Пароль ещё раз").fill("short1")
    press(page, "Enter")
    expect(page.get_by_label("Новый пароль", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Новый пароль", exact=True).fill("Bolshaya7Volna8")
    page.get_by_label("Пароль ещё раз").fill("Bolshaya7Volna8")
    press(page, "Enter")
    expect(page.get_by_label("Логин")).to_have_value(mother.login)
    # Five minutes at most a page may still be read; a session is over at once wherever it is asked for.
    for one in (here, there):
        wait_for(lambda: is_signed_out(one), "the end of a session", seconds=10)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    press(page, "Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_label("Пароль", exact=True).fill("Bolshaya7Volna8")
    press(page, "Enter")
    page.wait_for_url(lambda place: "sign-in" not in place)
    expect(visitor().go(link, status=410).get_by_role("link", name=re.compile("письмо"))).to_be_visible()


def test_the_curator_gives_a_password_for_one_time(visitor, guardian):
    """ID-18, D-04: he sees the login and never a password; what he gives is good once, and all sessions end."""
    mother = guardian()
    before = signs_in(visitor, mother.login)
    page = visitor("curator").go(f"/identity/people?q={mother.login}")
    page.locator("main li a").first.click()
    expect(page.get_by_text(mother.login)).to_be_visible()
    submit(page, "Дать одноразовый пароль")
    once = page.locator(".code-shown").inner_text().strip()
    wait_for(lambda: is_signed_out(before), "the end of a session", seconds=10)
    page = visitor(size=PHONE).go("/identity/sign-in")
    page.get_by_label("Логин").fill(mother.login)
    page.get_by_label("Пароль", exact=True).fill(once)
    press(page, "Enter")
    page.get_by_label("Новый пароль", exact=True).fill(mother.login)
    press(page, "Enter")
    expect(page.get_by_label("Новый пароль", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Новый пароль", exact=True).fill("Bolshaya7Volna8")
    press(page, "Enter")
    expect(page.get_by_role("link", name=re.compile("Звонок")).first).to_be_visible()
    assert "/identity/sign-in" not in page.url
    page = visitor().go("/identity/sign-in")
    page.get_by_label("Логин").fill(mother.login)
    page.get_by_label("Пароль", exact=True).fill(once)
    press(page, "Enter")
    expect(page.get_by_role("alert").first).to_be_visible()


def code_by_the_clock(secret, ahead=0):
    """RFC 6238 over RFC 4226, written here once more: what an authenticator shows so many steps from now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time() // 30) + ahead), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7FFFFFFF) % 10 ** 6:06d}"


def test_the_second_step_is_asked_for_after_the_password(visitor, guardian):
    """RFC 6238: set up with the password, good once, with recovery codes for whoever has lost the telephone."""
    mother = guardian()
    page = signs_in(visitor, mother.login).go("/identity/profile/second-factor")
    page.get_by_label("Ваш нынешний пароль").fill(PASSWORD)
    submit(page, "Настроить")
    expect(page.get_by_role("img", name=re.compile("QR"))).to_be_visible()
    secret = page.locator(".code-shown").inner_text().replace(" ", "").replace("\n", "")
    page.get_by_label("Код из приложения").fill("000 000")
    submit(page, "Включить")
    expect(page.get_by_label("Код из приложения")).to_have_attribute("aria-invalid", "true")
    used = code_by_the_clock(secret)
    page.get_by_label("Код из приложения").fill(used)
    submit(page, "Включить")
    expect(page.get_by_role("heading", name="Запасные коды")).to_be_visible()
    spare = page.locator(".code-shown").first.inner_text().strip()
    for typed in (code_by_the_clock(secret, ahead=1), spare):
        page = visitor(size=PHONE).go("/identity/sign-in")
        page.get_by_label("Логин").fill(mother.login)
        page.get_by_label("Пароль", exact=True).fill(PASSWORD)
        press(page, "Enter")
        expect(page.get_by_role("heading", name="Второй шаг входа")).to_be_visible()
        page.get_by_label("Код из приложения").fill(used)
        press(page, "Enter")
        expect(page.get_by_label("Код из приложения")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("Код из приложения").fill(typed)
        press(page, "Enter")
        page.wait_for_url(lambda place: "sign-in" not in place)
        used = typed


def test_the_terminal_opens_by_number_and_pin_and_names_nobody(visitor, guardian):
    """ID-31, ID-33, AC-19: the PIN comes with the contract; the terminal is registered; its pages show a code and no name."""
    child = guardian().children[0]
    page = visitor("curator").go(f"/identity/children/{child.id}/contract")
    submit(page, "Напечатать новый PIN")
    pin = page.get_by_text(re.compile(r"^\d{4}$")).inner_text()
    expect(page.get_by_text(f"{child.account[:4]} {child.account[4:7]} {child.account[7:]}")).to_be_visible()
    hall = visitor()
    # A browser that nobody has set up cannot even ask.
    page = hall.go("/identity/kiosk")
    assert page.locator("#pin").count() == 0
    page = visitor("operator").go("/identity/terminals")
    page.get_by_label("Название терминала").fill("Холл, слева")
    submit(page, "Зарегистрировать")
    code = page.locator(".code-shown").inner_text().strip()
    page = hall.page
    page.get_by_label("Код терминала").fill(code)
    press(page, "Enter")
    page.get_by_label("Лицевой счёт, десять цифр").fill(child.account)
    page.locator("#pin").fill("0000" if pin != "0000" else "1111")
    press(page, "Enter")
    expect(page.get_by_role("alert")).to_contain_text("не подошли")
    # By finger alone.
    page.locator("#pin").click()
    for digit in pin:
        page.get_by_role("group", name="Цифры").get_by_role("button", name=digit, exact=True).click()
    with page.expect_navigation():
        page.get_by_role("group", name="Цифры").get_by_role("button", name="Войти").click()
    expect(page.get_by_text(child.code, exact=True)).to_be_visible()
    for path in ("/identity/kiosk/cabinet", "/ledger/kiosk", "/canteen/kiosk", "/journal/kiosk"):
        text = hall.go(path).locator("body").inner_text()
        assert child.surname not in text and child.given not in text
        assert page.locator("h1").count() == 1
    submit(page, "Выход", within="body")
    expect(page.get_by_role("status")).to_contain_text("Вы вышли")
    page.goto("/ledger/kiosk")
    assert "/identity/kiosk" in page.url
