"""What the browser tests share: the running demo system, and browsers in which somebody has signed in.

`deploy/test` starts a system of its own and names its demo.json in ZVONOK_DEMO. Waiting is done for what a person would see,
never for a time.
"""
import email
import email.policy
import json
import os
import re
import subprocess
import sys
import time
import types
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from letters import inbox  # noqa: E402
from school import Demo, LISTS, rows, write  # noqa: E402

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
    """Cookies of those who have signed in already, and when they did."""
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
        # A token of five minutes is renewed once: two browsers that begin with the same old one would end the session.
        if who and (who not in states or time.monotonic() - states[who][1] > 200):
            person = next(p for p in demo.facts["signIns"] if p["who"] == who)
            first = Visitor(demo, chromium, size)
            sign_in(first.page, person["login"], person["password"])
            states[who] = (first.context.storage_state(), time.monotonic())
            first.context.close()
        one = Visitor(demo, chromium, size, states[who][0] if who else None, language)
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


def submit(page, name, within="main"):
    """Presses a button that leads to another page."""
    with page.expect_navigation():
        page.locator(within).get_by_role("button", name=name, exact=True).first.click()


def reloaded(page, seconds=30):
    """The page again and again, until whoever looks at it finds what he waits for; the others hear of everything a moment later."""
    end = time.time() + seconds
    yield page
    while time.time() < end:
        time.sleep(0.2)
        page.reload()
        yield page


#: Good by ID-08 and in no list of common ones.
PASSWORD = "Sirenevyj4Tuman9"


def give_login(demo, number):
    """Lets somebody of the lists sign in, by a login of his own; as often as one likes."""
    login = f"browser-{number.lower()}-{uuid.uuid4().hex[:4]}"
    demo.run("identity", "set-password", "--number", number, "--login", login, "--password-stdin", given=PASSWORD + "\n")
    return login


@pytest.fixture
def guardian(demo):
    """Makes guardians whom no other test has: `guardian(2)` is the first parent of two children and signs in by her login."""
    def make(children=1):
        number, person = demo.ask(f"""
            select p.roster_number, p.id from identity.person p where p.kind = 'guardian' and not p.ended and p.roster_number is not null
                and not exists (select from identity.login l where l.person_id = p.id)
                and (select count(*) filter (where is_primary) = {children} and count(*) = {children}
                     from identity.guardianship g where g.guardian_id = p.id and not g.ended)
            order by p.roster_number limit 1""")[0]
        login = give_login(demo, number)
        kids = demo.ask(f"""
            select c.id, c.given_name, c.surname, u.class_id, u.account_number, u.pupil_code from identity.guardianship g
                join identity.person c on c.id = g.child_id join identity.pupil u on u.person_id = c.id
            where g.guardian_id = '{person}' and not g.ended order by c.birth_on""")
        names = "id given surname school_class account code".split()
        return types.SimpleNamespace(
            number=number, id=person, login=login, children=[types.SimpleNamespace(**dict(zip(names, line))) for line in kids])

    return make


@pytest.fixture(scope="session")
def second_school(demo):
    """Another school in the same system, and the login of its curator."""
    folder = demo.file.parent / "lists" / "second"
    folder.mkdir(exist_ok=True)
    name = "Лицей «Заречный»"
    write(folder / "school.csv", ["school", "name", "time_zone", "modules"], [["second", name, demo.facts["zone"], "canteen;entrance;wallet"]])
    write(folder / "classes.csv", ["school", "class"], [["second", f"{grade}З"] for grade in range(1, 12)])
    write(folder / "staff.csv", "school staff_number surname given_name patronymic gender role class subject phone email".split(),
          [["second", "Z001", "Лебедева", "Анна", "Ильинична", "f", "curator", "", "", "", ""]])
    demo.run("identity", "import-roster", folder, "--wait")
    return types.SimpleNamespace(name=name, curator=give_login(demo, "Z001"))


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


def wait_for(find, what, seconds=90):
    """What `find` gives, as soon as it gives something; it fails with the words of `what` when that is too long."""
    end = time.time() + seconds
    while True:
        if found := find():
            return found
        assert time.time() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def letters_to(demo, address):
    """The letters to an address, the newest first."""
    for message in reversed(json.loads(inbox(demo))["messages"]):
        if address in message["recipients"]["to"]:
            yield email.message_from_string(inbox(demo, f"/messages/{message['id']}.source"), policy=email.policy.default)


def letter_to(demo, address):
    """The newest letter to an address, as soon as there is one."""
    return wait_for(lambda: next(letters_to(demo, address), None), f"a letter to {address}")


def link_to(demo, address, path):
    """The link to a path in the newest letter to an address that has one, as soon as there is one."""
    def find():
        found = (re.search(rf"https://\S+{path}\S+", body(letter, "plain")) for letter in letters_to(demo, address))
        return next((link.group(0) for link in found if link), None)

    return wait_for(find, f"a letter to {address} with a link to {path}")


def body(letter, kind):
    return letter.get_body((kind,)).get_content()
