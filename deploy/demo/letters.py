"""The evening's letters of a played day, counted in the inbox where they arrive."""
import collections
import datetime
import email
import json
import urllib.request


def inbox(demo, path="/messages/"):
    with urllib.request.urlopen(demo.facts["mail"]["inbox"] + path, timeout=30) as answer:
        return answer.read().decode()


def send(demo):
    """Sends what is due this evening, and says how many letters the mail server took."""
    evening = datetime.datetime.combine(demo.today, datetime.time(23, 30), demo.zone).astimezone(datetime.timezone.utc)
    return int(demo.run("notifier", "send-digests", "--now", evening.strftime("%Y-%m-%dT%H:%M:%S.000Z")).split()[0])


def count(demo):
    """Letters of the day that Notifier calls sent, and those in the inbox, told apart by their Message-ID."""
    sent = {line[0] for line in demo.ask(f"select 'digest.' || day || '.' || rhythm || '.' || person_id from notifier.digest"
                                         f" where state = 'sent' and day = '{demo.today}'")}
    found = collections.Counter()
    for message in json.loads(inbox(demo))["messages"]:
        head = email.message_from_string(inbox(demo, f"/messages/{message['id']}.source").split("\n\n", 1)[0])
        found[(head["Message-ID"] or "").strip("<>").split("@")[0]] += 1
    here = [letter for letter in sent if found[letter]]
    return [("letters in the inbox", len(sent), len(here), len(sent) - len(here), sum(1 for letter in here if found[letter] > 1))]
