"""Sign-in through Gosuslugi, against the demo's emulator of ЕСИА."""
import json
import re

import pytest
from conftest import LISTS, PHONE, DESK
from playwright.sync_api import expect

PERSONS = {person["logins"][0]: person for person in json.loads((LISTS / "portal.json").read_text())}


def come(page, login, answer="Войти"):
    """From our sign-in page through the portal and back."""
    page.goto("/identity/sign-in")
    page.get_by_role("link", name="Войти через ГОСУСЛУГИ").click()
    expect(page.get_by_text("Это эмулятор для проверки")).to_be_visible()
    page.get_by_label("Телефон или почта").fill(login)
    page.get_by_label("Пароль").fill(PERSONS[login]["password"])
    with page.expect_navigation():
        page.get_by_role("button", name=answer, exact=True).click()
    return page


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_mother_comes_in_through_gosuslugi(visitor, family, size):
    """ID-19: the button, the portal's own page, and then home with all children; the session is one like any other."""
    page = come(visitor(size=size).page, "mother@portal.example")
    page.wait_for_url(re.compile(r"localhost:\d+/$"))
    for child in family:
        expect(page.get_by_role("heading", name=re.compile(child["given"])).first).to_be_visible()
    page.goto("/identity/profile")
    expect(page.get_by_role("heading", name="Профиль")).to_be_visible()


@pytest.mark.parametrize("login, said", [
    ("nosnils@portal.example", "На Госуслугах не указан СНИЛС"),
    ("child@portal.example", "Подтвердите почту или телефон ребёнка"),
    ("stranger@portal.example", "Школа пока не знает ваш СНИЛС"),
])
def test_who_is_not_let_in_is_told_why_and_what_to_do(visitor, login, said):
    """ID-20, ID-21, BY-12: plain words, steps, and the way by login and password."""
    page = come(visitor().page, login)
    expect(page.get_by_role("heading", name=said)).to_be_visible()
    assert page.get_by_role("listitem").count() >= 2
    page.get_by_role("link", name="Войти по логину и паролю").click()
    expect(page.get_by_label("Логин")).to_be_visible()


def test_who_declines_is_not_signed_in(visitor):
    """BY-12: nothing happens, and both ways stay open."""
    page = come(visitor().page, "mother@portal.example", answer="Отказаться")
    expect(page.get_by_role("heading", name="Вы не вошли")).to_be_visible()
    assert page.context.request.get("/identity/profile", max_redirects=0).status == 303
