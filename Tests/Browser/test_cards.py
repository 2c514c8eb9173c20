"""Paying by bank card at the acquirer's emulator, and giving it back: the whole way as people walk it."""
import json
import re
import urllib.request

import pytest
from conftest import DESK, PHONE
from playwright.sync_api import expect


def balance(page, child):
    """What is on the account, in kopecks."""
    return json.loads(page.request.get(f"/ledger/children/{child}/balance.json").text())["purse"]["balance"]


def trouble(demo, **what):
    """Bends the acquirer's emulator."""
    request = urllib.request.Request(demo.facts["acquirer"] + "/emulator/trouble", json.dumps(what).encode())
    urllib.request.urlopen(request, timeout=10).read()


@pytest.fixture
def acquirer(demo):
    yield lambda **what: trouble(demo, **what)
    trouble(demo, drop=0, fail=0, notify="once", hold=False)


def choose(page, child, roubles):
    """From the money page to the bank's."""
    page.locator(f"main a[href='/ledger/children/{child}/top-up']").click()
    page.get_by_label("Сумма").fill(roubles)
    page.get_by_role("button", name="Показать, сколько платить").click()
    page.get_by_role("button", name=re.compile("Оплатить .* картой")).click()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_mother_pays_by_card(visitor, family, size):
    """AC-02, BY-03: she sees what she pays, pays on the bank's page, comes back, and the money is there."""
    child = family[0]["id"]
    page = visitor("guardian", size).go("/ledger/money")
    before = balance(page, child)
    choose(page, child, "150")
    expect(page.get_by_role("heading", level=1)).to_contain_text("150.00 ₽")
    page.get_by_role("button", name="Оплатить").click()
    expect(page.get_by_role("heading", name=re.compile("150\\s₽ на счёте"))).to_be_visible()
    assert balance(page, child) == before + 15_000
    page.reload()
    assert balance(page, child) == before + 15_000
    page.goto(f"/ledger/children/{child}/statement")
    expect(page.get_by_text("Пополнение банковской картой").first).to_be_visible()
    expect(page.get_by_text("···· 4477").first).to_be_visible()


def test_who_refuses_at_the_bank_pays_nothing(visitor, family):
    """AC-02: nothing was paid, and she can try again."""
    child = family[0]["id"]
    page = visitor("guardian").go("/ledger/money")
    before = balance(page, child)
    choose(page, child, "150")
    page.get_by_role("button", name="Отказаться").click()
    expect(page.get_by_role("heading", name="Оплаты не было")).to_be_visible()
    expect(page.get_by_role("link", name="Попробовать ещё раз")).to_be_visible()
    assert balance(page, child) == before


def test_lost_answers_and_notifications_change_nothing(visitor, family, acquirer):
    """AC-02: the answer to the creation is lost, nobody is told of the payment, the window is closed: credited once."""
    child = family[1]["id"]
    mother = visitor("guardian")
    page = mother.go("/ledger/money")
    before = balance(page, child)
    acquirer(drop=1, notify="off")
    choose(page, child, "77")
    expect(page.get_by_role("heading", level=1)).to_contain_text("77.00 ₽")
    page.get_by_role("button", name="Оплатить").click(no_wait_after=True)
    page.wait_for_url(re.compile("/payments/"))
    page.goto("about:blank")
    page = mother.go("/ledger/money")
    for _ in range(60):
        if balance(page, child) == before + 7_700:
            break
        page.wait_for_timeout(500)
    assert balance(page, child) == before + 7_700


def test_an_accountant_gives_a_payment_back(visitor, family):
    """AC-02: found by its account, given back to the card, gone from the account once."""
    child = family[0]["id"]
    mother = visitor("guardian")
    page = mother.go("/ledger/money")
    choose(page, child, "60")
    page.get_by_role("button", name="Оплатить").click()
    expect(page.get_by_role("heading", name=re.compile("60\\s₽ на счёте"))).to_be_visible()
    before = balance(page, child)
    desk = visitor("accountant").go("/ledger/desk")
    desk.get_by_role("link", name="Платежи картой").click()
    desk.get_by_role("table").get_by_role("link").first.click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("60")
    desk.get_by_label("Почему").fill("Ошиблись ребёнком")
    desk.get_by_role("button", name="Вернуть").click()
    expect(desk.get_by_text(re.compile("60\\s₽ — возвращено на карту"))).to_be_visible()
    expect(desk.get_by_text("Всё уже возвращено.")).to_be_visible()
    assert balance(page, child) == before - 6_000
    page.goto(f"/ledger/children/{child}/statement")
    expect(page.get_by_text("Возврат на банковскую карту").first).to_be_visible()
