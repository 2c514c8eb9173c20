"""The turnstiles of a played day: readings over MQTT (QoS 1) and AMQP, single and in stored batches, some of them twice."""
import datetime
import json
import subprocess
import threading
import time


def retry(attempt, what, seconds=120):
    """Does it again until it succeeds, as a device does whose server is away."""
    end = time.time() + seconds
    while True:
        try:
            if attempt():
                return
        except FileNotFoundError as missing:
            raise SystemExit(f"{missing.filename} is missing: deploy/install") from None
        except (subprocess.TimeoutExpired, OSError):
            pass
        if time.time() > end:
            raise SystemExit(f"{what} did not answer for {seconds} s")
        time.sleep(0.5)


class Gate:
    """A turnstile with its boot and sequence numbers; it knows what it told and was acknowledged."""

    def __init__(self, demo, name, boot):
        self.demo, self.name, self.device, self.boot, self.sequence = demo, name, demo.facts["devices"][name], boot, 0
        self.acknowledged, self.unconfirmed, self.told_at = [], [], {}
        self.line = threading.Lock()

    def reading(self, card, at, way):
        self.sequence += 1
        return {"seq": self.sequence, "at": at.isoformat(), "card": card, "direction": way}

    def message(self, readings):
        """The morning is over when it is played: what a device tells late it tells as stored."""
        return {"boot": self.boot, "sentAt": datetime.datetime.now(self.demo.zone).isoformat(), "readings": readings}

    def mqtt(self, messages):
        """Publishes over one connection with QoS 1, until the broker has acknowledged all."""
        host, port = self.demo.facts["mqtt"].split(":")
        text = "".join(json.dumps(message) + "\n" for message in messages)
        command = ["mosquitto_pub", "-h", host, "-p", port, "-u", self.device["user"], "-P", self.device["password"], "-i", self.device["user"],
                   "-q", "1", "-t", self.device["mqttTopic"], "-l"]
        # A turnstile has one connection; a second one under its name would end the first.
        with self.line:
            self.begin(messages)
            retry(lambda: subprocess.run(command, input=text, text=True, capture_output=True, timeout=60).returncode == 0, "MQTT")
        self.note(messages)

    def amqp(self, message):
        """Publishes one stored batch. The tool asks for no confirm; see `repeat_unconfirmed`."""
        self.begin([message])
        self.amqp_once(message)
        self.unconfirmed.append(message)

    def repeat_unconfirmed(self):
        """Tells again, when the day is over, what no broker has acknowledged: one that was killed may have lost it."""
        for message in self.unconfirmed:
            self.amqp_once(message)
        self.note(self.unconfirmed)

    def amqp_once(self, message):
        url = f"amqp://{self.device['user']}:{self.device['password']}@{self.demo.facts['amqp']}"
        command = ["amqp-publish", "-u", url, "-e", self.device["exchange"], "-r", self.device["routingKey"], "-p", "-b", json.dumps(message)]
        retry(lambda: subprocess.run(command, capture_output=True, timeout=60).returncode == 0, "AMQP")

    def begin(self, messages):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        for message in messages:
            for one in message["readings"]:
                self.told_at.setdefault(f"{self.boot}/{one['seq']}", now)

    def note(self, messages):
        self.acknowledged += [f"{self.boot}/{one['seq']}" for message in messages for one in message["readings"]]


def plan(demo, pupils, cards, boot, clock, chance):
    """Who passes when: a list of (moment, act), and the gates, which remember what they told.

    Two thirds come by the first gate, told one by one over MQTT; the others by the second one, told in stored batches over AMQP.
    """
    first, second = Gate(demo, "gate-1", boot), Gate(demo, "gate-2", boot)
    acts = []
    minutes = {}
    for index, pupil in enumerate(pupils):
        gate = first if index % 3 else second
        minutes.setdefault((8, chance.randint(2, 27), gate is first), []).append((cards[pupil], "in"))
        if chance.random() < 0.7:
            minutes.setdefault((14, chance.randint(10, 50), True), []).append((cards[pupil], "out"))
    for (hour, minute, is_first), passing in sorted(minutes.items()):
        gate = first if is_first else second
        readings = [gate.reading(card, clock(hour, minute, chance.randint(0, 59)), way) for card, way in passing]

        def tell(gate=gate, readings=readings):
            if gate is second:
                batch = gate.message(readings)
                for _ in range(2 if chance.random() < 0.1 else 1):
                    gate.amqp(batch)
            else:
                singles = [gate.message([one]) for one in readings]
                gate.mqtt(singles + chance.sample(singles, len(singles) // 10))

        acts.append((hour * 60 + minute, tell))
    return acts, (first, second)


def count(demo, gates):
    """What became of the readings: rows of the table, and the seconds from the door into the feed."""
    from school import derived

    sent = [(gate, key) for gate in gates for key in gate.acknowledged]
    sent = list(dict.fromkeys(sent))
    devices = {line[0]: line[1] for line in demo.ask("select name, id from access.device")}
    keys = [(derived(derived(devices[gate.name], key), "notice"), devices[gate.name], key, gate.told_at[key]) for gate, key in sent]
    found = demo.gather(
        "create temporary table sent (notice uuid, device uuid, key text, told timestamptz)", "sent", keys,
        "select r.key is not null, r.outcome, p.id is not null, n.id is not null, extract(epoch from n.changed_at - s.told),"
        " (select count(*) from access.passage twin where twin.device_id = s.device and twin.person_id = r.person_id"
        "   and twin.occurred_at = r.occurred_at),"
        " (select count(*) from notifier.notice twin where twin.child_id = p.person_id and twin.happened_at = n.happened_at"
        "   and twin.kind in ('entered', 'left') and twin.facts->>'place' = n.facts->>'place')"
        " from sent s left join access.reading r on r.device_id = s.device and r.key = s.key"
        " left join access.passage p on p.device_id = s.device and p.person_id = r.person_id and p.occurred_at = r.occurred_at"
        " left join notifier.notice n on n.id = s.notice")
    recorded = [line for line in found if line[0] == "t"]
    passed = [line for line in recorded if line[1] == "passage"]
    told = [line for line in passed if line[3] == "t"]
    return [
        ("readings", len(sent), len(recorded), len(sent) - len(recorded), sum(1 for line in recorded if int(line[5]) > 1)),
        ("passages in the feed", len(passed), len(told), len(passed) - len(told), sum(1 for line in told if int(line[6]) > 1)),
    ], [float(line[4]) for line in told]
