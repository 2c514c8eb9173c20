"""What the browser tests share: the running demo system, and browsers in which somebody has signed in.

`deploy/test` starts a system of its own and names its demo.json in ZVONOK_DEMO. Waiting is done for what a person would see,
never for a time.
"""
import email
import email.policy
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from letters import inbox  # noqa: E402
from school import Demo, LISTS, rows  # noqa: E402

# A crowded machine shows the same page later.
expect.set_options(timeout=20_000)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def demo():
    return Demo()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def states():
    """Cookies of those who have signed in already: each does it once."""
    return {}


class Visitor:
    """A browser of one person."""

    def __init__(self, demo, chromium, size, state=None, language="ru-RU"):
        # Whether the certificate is good is tested by the day, whose client trusts the installation's authority alone.
        self.context = chromium.new_context(
            ignore_https_errors=True, locale=language, viewport=size, storage_state=state, base_url=demo.facts["address"])
        self.context.set_default_timeout(20_000)
        self.complaints = []
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path, status=200):
        answer = self.page.goto(path)
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page


@pytest.fixture
def visitor(demo, chromium, states):
    """Makes browsers: `visitor("guardian")` is somebody of demo.json, `visitor()` nobody."""
    made = []

    def make(who=None, size=DESK, language="ru-RU"):
        if who and who not in states:
            person = next(p for p in demo.facts["signIns"] if p["who"] == who)
            first = Visitor(demo, chromium, size)
            sign_in(first.page, person["login"], person["password"])
            states[who] = first.context.storage_state()
            first.context.close()
        one = Visitor(demo, chromium, size, states[who] if who else None, language)
        made.append(one)
        return one

    yield make
    complaints = [text for one in made for text in one.complaints]
    for one in made:
        one.context.close()
    # A page that breaks its own content security policy, or fails in a script, is broken however it looks. (A browser reports
    # every answer of 400 and more, also where a test asks for one.)
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


def sign_in(page, login, password):
    page.goto("/identity/sign-in")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "sign-in" not in address)


def press(page, key):
    """Presses a key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


@pytest.fixture
def family(demo):
    """The children of the demo mother: number, identifier, given name, card."""
    cards = {line["person_number"]: line["number"] for line in rows(LISTS / "cards.csv")}
    found = []
    for number in demo.facts["family"]:
        child, given = demo.ask(f"select id, given_name from journal.directory_person where roster_number = '{number}'")[0]
        found.append({"number": number, "id": child, "given": given, "card": cards[number]})
    return found


@pytest.fixture
def gate(demo):
    """Publishes one reading of a card over MQTT with QoS 1, as a turnstile does."""
    device = demo.facts["devices"]["gate-1"]
    count = iter(range(1, 1000))
    boot = time.time_ns() // 1000

    def read(card, way):
        import datetime
        host, port = demo.facts["mqtt"].split(":")
        body = {"boot": boot, "seq": next(count), "at": datetime.datetime.now(demo.zone).isoformat(timespec="seconds"), "card": card, "direction": way}
        subprocess.run(
            ["mosquitto_pub", "-h", host, "-p", port, "-u", device["user"], "-P", device["password"], "-i", device["user"], "-q", "1",
             "-t", device["mqttTopic"], "-m", json.dumps(body)], check=True, timeout=30)

    return read


def letter_to(demo, address, seconds=90):
    """The newest letter to an address, as soon as there is one."""
    end = time.time() + seconds
    while time.time() < end:
        for message in reversed(json.loads(inbox(demo))["messages"]):
            if address in message["recipients"]["to"]:
                return email.message_from_string(inbox(demo, f"/messages/{message['id']}.source"), policy=email.policy.default)
        time.sleep(0.5)
    raise AssertionError(f"no letter to {address} within {seconds} s")


def body(letter, kind):
    return letter.get_body((kind,)).get_content()
