"""Paying by bank card at the acquirer's emulator: the whole way as people walk it."""
import json
import re

import pytest
from conftest import DESK, PHONE
from playwright.sync_api import expect


def balance(page, child):
    """What is on the account, in kopecks."""
    return json.loads(page.request.get(f"/ledger/children/{child}/balance.json").text())["purse"]["balance"]


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
