"""What arrives by mail, read in the inbox where the demo system's letters are caught."""
import collections
import datetime
import email
import json
import re
import signal
import subprocess

from conftest import PHONE, body, letter_to, wait_for
from letters import inbox
from playwright.sync_api import expect


def guardian_of_one(demo):
    """The address, and the child, of the demo's mother of one."""
    number = next(p for p in demo.facts["signIns"] if p["who"] == "guardian-of-one")["number"]
    return demo.ask("select c.email, k.given_name, c.person_id from notifier.directory_person p join notifier.contact c on c.person_id = p.id"
                    " join notifier.directory_guardianship g on g.guardian_id = p.id join notifier.directory_person k on k.id = g.child_id"
                    f" where p.roster_number = '{number}'")[0]


def test_the_letter_of_the_day_tells_it_in_both_forms(demo):
    """NT-01, NT-02, BY-11: whose day it is stands in the subject; text and HTML tell the same; nothing is fetched from elsewhere."""
    address, child, person = guardian_of_one(demo)
    letter = letter_to(demo, address)
    assert child in letter["Subject"]
    assert re.fullmatch(rf"<digest\.\d{{4}}-\d\d-\d\d\.daily\.{person}@.+>", letter["Message-ID"])
    text, html = body(letter, "plain"), body(letter, "html")
    assert child in text and child in html
    for sum_of_money in re.findall(r"[−+]\d+(?:,\d\d)?", text):
        assert sum_of_money in html
    assert not re.search(r"<(img|script|link)\b|url\(", html)


def test_one_press_in_the_mail_program_ends_the_letters(visitor, demo):
    """RFC 8058: a POST by the mail program, without cookies or any question, ends them; the cabinet says so and brings them back."""
    address, _, _ = guardian_of_one(demo)
    letter = letter_to(demo, address)
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(https://.+)>", letter["List-Unsubscribe"]).group(1)
    nobody = visitor()
    # Looking at the address, as scanners of mail do, ends nothing.
    nobody.go(link)
    mother = visitor("guardian-of-one", PHONE)
    expect(mother.go("/notifier/letters").get_by_label("Как часто")).to_have_value("daily")
    assert nobody.context.request.post(link, form={"List-Unsubscribe": "One-Click"}).ok
    page = mother.go("/notifier/letters")
    expect(page.get_by_label("Как часто")).to_have_value("never")
    page.get_by_label("Как часто").select_option("daily")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text("Сохранено.")).to_be_visible()


def test_letters_survive_whoever_sends_them(demo):
    """NT-02: killed with -9 while letters go out, again and again: each arrives, and what is repeated bears the same Message-ID."""
    notifier = demo.facts["services"]["notifier"]
    known = {message["id"] for message in messages(demo)}
    demo.ask("delete from notifier.digest")
    due = datetime.datetime.combine(demo.today, datetime.time(23, 30), demo.zone).astimezone(datetime.timezone.utc)
    kills = 3
    for turn in range(kills + 1):
        # Past the time for which whoever died had claimed what he was at.
        now = (due + datetime.timedelta(minutes=6 * turn)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        sender = subprocess.Popen([notifier["binary"], "send-digests", "--now", now, "--config", notifier["config"]],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if turn < kills:
            seen = len(messages(demo))
            wait_for(lambda: len(messages(demo)) > seen + 30 or sender.poll() is not None, "thirty letters, or the end")
            sender.kill()
        assert sender.wait(120) in (0, -signal.SIGKILL)
    sent = {line[0] for line in demo.ask("select person_id from notifier.digest where state = 'sent'")}
    found = collections.Counter(message_id(demo, message) for message in messages(demo) if message["id"] not in known)
    assert len(sent) > 100 and {name.split(".")[3].split("@")[0] for name in found} == sent
    # Only what the mail server took while one commit was under way can be said again.
    assert sum(found.values()) - len(found) <= len(found) // 10
    assert demo.ask("select count(*) from notifier.digest where state not in ('sent', 'empty')") == [["0"]]


def messages(demo):
    return json.loads(inbox(demo))["messages"]


def message_id(demo, message):
    source = inbox(demo, f"/messages/{message['id']}.source").split("\n\n", 1)[0]
    return email.message_from_string(source)["Message-ID"]
