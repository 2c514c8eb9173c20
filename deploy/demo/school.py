"""What the demo's programs share: where everything is, who is who, how to sign in."""
import base64
import csv
import datetime
import hashlib
import http.client
import http.cookiejar
import io
import json
import os
import re
import ssl
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
LISTS = HERE / "school"
DATA = HERE / "data"
ZONES = ["Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk",
         "Asia/Vladivostok", "Asia/Magadan", "Asia/Kamchatka"]
# Where it is afternoon while all of Russia sleeps: schools at embassies.
ABROAD = ["Europe/London", "Atlantic/Azores", "America/Sao_Paulo", "America/Caracas", "America/New_York", "America/Mexico_City",
          "America/Los_Angeles", "Pacific/Honolulu"]


class Demo:
    """The running system as `demo.json` describes it."""

    def __init__(self):
        self.file = Path(os.environ.get("ZVONOK_DEMO", HERE.parent.parent / ".run" / "demo.json"))
        self.facts = json.loads(self.file.read_text())

    def save(self, **facts):
        """Adds facts to demo.json, readable by its owner alone."""
        self.facts = {**json.loads(self.file.read_text()), **facts}
        self.file.write_text(json.dumps(self.facts, indent=1, ensure_ascii=False) + "\n")
        self.file.chmod(0o600)

    def run(self, service, *words, given=None):
        """An administration command of a service; gives what it prints."""
        known = self.facts["services"][service]
        command = [known["binary"], *map(str, words), "--config", known["config"]]
        done = subprocess.run(command, input=given, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{service} {words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def ask(self, sql):
        """Rows of the database, as an administrator sees them; fields apart by |."""
        done = subprocess.run(["psql", self.facts["postgres"], "-AtX", "-c", sql], capture_output=True, text=True, check=True)
        return [line.split("|") for line in done.stdout.splitlines()]

    def gather(self, table, name, lines, sql):
        """Rows of a question about things that only the caller knows: they go into a temporary table first."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        script = f"{table};\n\\copy {name} from stdin with csv\n{text.getvalue()}\\.\n{sql};\n"
        done = subprocess.run(["psql", self.facts["postgres"], "-AtXq", "-v", "ON_ERROR_STOP=1"], input=script, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return [line.split("|") for line in done.stdout.splitlines()]

    @property
    def zone(self):
        return ZoneInfo(self.facts["zone"])

    @property
    def today(self):
        return datetime.datetime.now(self.zone).date()

    def opener(self):
        """A browser without pictures: it keeps cookies and trusts the installation's authority."""
        context = ssl.create_default_context(cafile=self.facts["authority"])
        jar = http.cookiejar.CookieJar()
        return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor(jar))

    def request(self, opener, path, form=None, data=None, headers=None):
        """One request; gives status and text, also of a refusal."""
        body = urllib.parse.urlencode(form).encode() if form is not None else json.dumps(data).encode() if data is not None else None
        fields = {"Origin": self.facts["address"], "Accept": "application/json", **(headers or {})}
        if data is not None:
            fields["Content-Type"] = "application/json"
        try:
            with opener.open(urllib.request.Request(self.facts["address"] + path, data=body, headers=fields), timeout=15) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except http.client.HTTPException as broken:
            # The other side died in the middle of its answer.
            raise ConnectionError(str(broken)) from None

    def patient(self, opener, path, **what):
        """A request that is made again while the system is away."""
        end = time.time() + 120
        while True:
            try:
                status, text = self.request(opener, path, **what)
            except OSError:
                status, text = 503, ""
            if status < 500 or time.time() > end:
                return status, text
            time.sleep(0.5)

    def queued(self):
        """Messages in the queues of the services, as the broker counts them: those on their way, and those that were given up."""
        user, host = re.match(r"http://(.*)@(.*)", self.facts["management"]).groups()
        request = urllib.request.Request(f"http://{host}/api/queues?columns=name,messages",
                                         headers={"Authorization": "Basic " + base64.b64encode(user.encode()).decode()})
        with urllib.request.urlopen(request, timeout=20) as answer:
            queues = json.load(answer)
        counts = {queue["name"]: queue.get("messages", 0) for queue in queues if queue["name"] not in ("unrouted", "unheard")}
        return (sum(count for name, count in counts.items() if not name.startswith("dead.")),
                sum(count for name, count in counts.items() if name.startswith("dead.")))

    def signed_in(self, who):
        """A browser in which somebody of demo.json has signed in."""
        person = next(p for p in self.facts["signIns"] if p["who"] == who)
        opener = self.opener()
        status, text = self.request(opener, "/identity/sign-in", form={"login": person["login"], "password": person["password"]},
                                    headers={"Accept": "text/html"})
        if status >= 400:
            raise SystemExit(f"{who} could not sign in: {status} {text[:200]}")
        return opener

    def goods(self):
        """What the till of demo.json offers."""
        key = {"Authorization": f"Bearer {self.facts['till']['key']}"}
        return json.loads(self.request(self.opener(), "/canteen/tills/self/goods", headers=key)[1])["items"]


def derived(parent, name):
    """The identifier that the services derive from another one: RFC 9562, version 8, by SHA-256."""
    word = bytearray(hashlib.sha256(uuid.UUID(str(parent)).bytes + name.encode()).digest()[:16])
    word[6] = word[6] & 0x0F | 0x80
    word[8] = word[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(word)))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path, header, lines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def best_zone(now):
    """Where the school day has just ended, in Russia if anywhere there: the demo shows a whole day, and its letters, at any hour."""
    def distance(name):
        local = now.astimezone(ZoneInfo(name))
        return abs(local.hour + local.minute / 60 - 16.5)
    # At 19:00 the evening's letters go out, whatever has happened by then.
    return min(ZONES + ABROAD, key=lambda name: (distance(name) > 1.75, name not in ZONES, distance(name)))


def school_days(before, count):
    """The last weekdays before a day, newest first."""
    days, day = [], before
    while len(days) < count:
        day -= datetime.timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days
