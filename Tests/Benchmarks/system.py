"""Benchmarks over the running services: a system of its own, started by deploy/up, with the demo school in it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import html
import json
import os
import random
import re
import signal
import ssl
import statistics
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import NamedTuple

from table import Row, ratio_row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "demo"))

SERVICES = ["identity", "ledger", "canteen", "access", "journal", "notifier"]


class System:
    """One installation with the demo school, for all benchmarks of a run."""

    _running: System | None = None

    @classmethod
    def running(cls, context) -> System:
        """Starts it with the first benchmark that asks."""
        if cls._running is None:
            cls._running = System(context)
        return cls._running

    @classmethod
    def stop(cls):
        """Stops it and forgets its data."""
        if cls._running is not None:
            subprocess.run([ROOT / "deploy" / "down", "--wipe"], env=cls._running.environment, stdout=subprocess.DEVNULL)
            cls._running = None

    def __init__(self, context):
        self.folder = context.raw.parent / "system"
        self.environment = dict(
            os.environ, ZVONOK_RUN=str(self.folder), ZVONOK_PORTS=str(context.ports + 100), ZVONOK_BIN=str(context.bin),
            ZVONOK_DEMO=str(self.folder / "demo.json"))
        os.environ["ZVONOK_DEMO"] = self.environment["ZVONOK_DEMO"]
        subprocess.run([ROOT / "deploy" / "down", "--wipe"], env=self.environment, stdout=subprocess.DEVNULL)
        subprocess.run([ROOT / "deploy" / "up", "--detach"], env=self.environment, check=True, stdout=sys.stderr)
        from school import Demo, rows, LISTS

        self.demo = Demo()
        self.raw = context.raw
        self.bin = context.bin
        #: The first of fifteen ports that the system leaves free.
        self.spare_port = context.ports + 185
        cards = {line["person_number"]: line["number"] for line in rows(LISTS / "cards.csv")}
        held = self.demo.ask("select distinct p.roster_number from access.directory_person p join access.card c on c.person_id = p.id"
                             " where p.is_pupil and c.status = 'active' order by 1")
        #: Card numbers as they are printed, one for each pupil.
        self.cards = [cards[line[0]] for line in held if line[0] in cards]
        self.pupils = [line[0] for line in self.demo.ask("select id from ledger.directory_pupil where not ended order by id")]
        self.give_money()
        self.quiet()

    def ask(self, sql: str) -> str:
        """The first field of the first row."""
        lines = self.demo.ask(sql)
        return lines[0][0] if lines else ""

    def number(self, sql: str) -> int:
        return int(self.ask(sql) or 0)

    def give_money(self):
        """Enough for every benchmark, through the cash desk."""
        from concurrent.futures import ThreadPoolExecutor

        opener = self.demo.signed_in("accountant")

        def put(numbered):
            number, child = numbered
            form = {"id": str(uuid.uuid4()), "amount": "10000", "receipt": f"B-{number}"}
            return self.demo.request(opener, f"/ledger/children/{child}/top-ups", form=form)[0]

        with ThreadPoolExecutor(4) as pool:
            refused = [status for status in pool.map(put, enumerate(self.pupils)) if status >= 400]
        if refused:
            raise RuntimeError(f"{len(refused)} top-ups were refused: {refused[0]}")

    def waiting(self) -> int:
        """Messages that some service has written and not yet handed to the broker."""
        return self.number("select " + " + ".join(f"(select count(*) from {name}.outbox)" for name in SERVICES))

    def quiet(self, seconds: float = 180):
        """Waits until nobody has anything to do: what one benchmark leaves must not burden the next."""
        end, calm = time.time() + seconds, 0
        while time.time() < end and calm < 3:
            calm = calm + 1 if self.waiting() == 0 and self.demo.queued()[0] == 0 else 0
            time.sleep(1.5)

    def pid(self, service: str) -> int:
        return int((Path(self.demo.facts["folders"]["pids"]) / service).read_text().split()[0])

    @contextlib.contextmanager
    def alone(self, service: str):
        """The other services stand still: what they hear waits in their queues, and is worked off afterwards."""
        others = [self.pid(name) for name in SERVICES if name != service]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
            self.quiet()

    def shoot(self, exchange: str, lines: list[str], rate: int, content_type: str = "application/json") -> subprocess.Popen:
        """Publishes lines (key, message id, body) from a process of its own."""
        file = self.folder / "lines"
        file.write_text("\n".join(lines) + "\n")
        host, port = self.demo.facts["amqp"].split(":")
        user, password = re.match(r"http://(.*?):(.*)@", self.demo.facts["management"]).groups()
        return subprocess.Popen(
            [self.raw / "shoot", host, port, user, password, exchange, str(rate), content_type],
            stdin=open(file), stdout=subprocess.PIPE, text=True)

    def visit(self, rate: int, seconds: float, request, expected: str = "", warm: int = 100, headers: list[str] | None = None) -> list[Visit]:
        """Asks at a steady rate, whether earlier requests have been answered or not, as people do.

        A program in C does it: one in Python takes a third of a processor for it, which those it measures would miss, and
        its own delays would be theirs. `request(number)` gives path, cookies and JSON body, the latter two or None; the
        first `warm` ones are made slowly and not counted: what is opened by the first request of all is not what is met at noon.
        """
        lines = []
        for number in range(warm + int(rate * seconds)):
            path, cookies, body = request(number)
            lines.append("\t".join([self.demo.facts["address"] + path, cookies or "-", json.dumps(body) if body is not None else "-"]))
        said = ["Origin: " + self.demo.facts["address"], *(headers or ["Accept: text/html"])]
        done = subprocess.run(
            [self.raw / "visit", str(rate), str(warm), "64", self.demo.facts["authority"], expected, *said],
            input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True)
        return [Visit(float(wait), int(status), told == "1") for wait, status, told in map(str.split, done.stdout.splitlines())]

    def cookies(self, opener) -> str:
        """What a browser that has signed in sends with each request."""
        jar = next(handler.cookiejar for handler in opener.handlers if hasattr(handler, "cookiejar"))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


class Visit(NamedTuple):
    """One answer: how long it took in ms, its status (0: there was none), and whether it said what was expected."""

    wait: float
    status: int
    told: bool


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


# Passages


def passages(context) -> list[Row]:
    """Readings of two gates at 6,000 a second: raw, durable, understood, and told to everybody."""
    system = System.running(context)
    rate, count = 6_000, 90_000
    sustained, behind, burst, heard = [], [], [], []
    for round_ in range(context.rounds):
        with system.alone("access"):
            seconds, largest = _passages(system, round_ * 3, count, rate)
            sustained.append(count / seconds)
            behind.append(largest)
            seconds, _ = _passages(system, round_ * 3 + 1, count, 0)
            burst.append(count / seconds)
        seconds, _ = _passages(system, round_ * 3 + 2, count, 0)
        heard.append(count / seconds)
        system.quiet()
    kept = statistics.median(sustained)
    return [
        # The last reading is published a little after the first: 2 % are the time of the last batch.
        Row("passages at 6,000 a second", "/s", kept, "at least 6,000 a second", kept >= rate * 0.98,
            note=f"{count:,} readings over AMQP, to the last published event; never more than {int(statistics.median(behind)):,}"
                 " behind the sender; who hears of them stands still meanwhile"),
        Row("passages as fast as they come", "/s", statistics.median(burst), "", None,
            note="the same as fast as the broker confirms, the sender on the same two cores"),
        Row("passages as fast as they come, all services hearing", "/s", statistics.median(heard), "", None,
            note="and every passage becomes a notice in the family's feed at the same time"),
    ]


def _passages(system: System, number: int, count: int, rate: int) -> tuple[float, int]:
    """Gives the seconds from the first reading sent to the last event published, and how far the services were behind."""
    demo, now = system.demo, datetime.datetime.now(datetime.timezone.utc)
    boot = int(time.time())
    keys = [demo.facts["devices"][name]["routingKey"] for name in ("gate-1", "gate-2")]
    people = len(system.cards)
    start = now - datetime.timedelta(days=2 + number)
    lines = []
    for index in range(count):
        turn, person = divmod(index, people)
        at = start + datetime.timedelta(seconds=90 * turn + person % 60)
        body = {"boot": boot, "sentAt": now.isoformat(timespec="milliseconds"), "readings": [
            {"seq": index, "at": at.isoformat(timespec="seconds"), "card": system.cards[person], "direction": "out" if turn % 2 else "in"}]}
        lines.append(f"{keys[index % 2]}\t-\t{json.dumps(body)}")
    before = system.number("select max(id) from access.raw_reading")
    passages = system.number("select count(*) from access.passage")
    sender, largest, ended = system.shoot("school.edge", lines, rate), 0, None
    began = time.time()
    while ended is None or sender.poll() is None:
        taken = system.number("select max(id) from access.raw_reading") - before
        if sender.poll() is None and rate:
            largest = max(largest, int(min(count, rate * (time.time() - began)) - taken))
        if taken >= count and system.number("select count(*) from access.outbox") == 0:
            ended = ended or time.time()
        if time.time() - began > 300:
            raise RuntimeError(f"only {taken} of {count} readings after five minutes")
        time.sleep(0.2)
    sent = json.loads(sender.communicate()[0])
    recorded = system.number("select count(*) from access.passage") - passages
    if recorded != count:
        raise RuntimeError(f"{count} readings became {recorded} passages")
    return ended - sent["first"], largest


# The till and the feed


def _connector(system: System):
    import aiohttp

    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=system.demo.facts["authority"]), limit=64)


def till(context) -> list[Row]:
    """100 sales a second at the till, over HTTPS through the proxy, and their way into the feed."""
    system = System.running(context)
    _keep_commit_times(system)
    middle, late, feed_middle, feed_late = [], [], [], []
    for _ in range(context.rounds):
        waits, sales = _sell(system, 100, 15)
        middle.append(percentile(waits, 0.5))
        late.append(percentile(waits, 0.99))
        system.quiet()
        delays = _feed_delays(system, sales)
        feed_middle.append(percentile(delays, 0.5))
        feed_late.append(percentile(delays, 0.99))
    return [
        Row("a sale at the till, p99", "ms", statistics.median(late), "under 50 ms", statistics.median(late) < 50,
            note=f"100 sales a second for 15 s, through the proxy; p50 {statistics.median(middle):.1f} ms"),
        Row("from a sale's commit into the feed, p99", "ms", statistics.median(feed_late), "under 60 ms",
            statistics.median(feed_late) < 60,
            note=f"commit to commit, by PostgreSQL's own commit times; p50 {statistics.median(feed_middle):.1f} ms"),
    ]


def _sell(system: System, rate: int, seconds: float) -> tuple[list[float], list[str]]:
    """Gives how long each sale took and the ids of those that were completed."""
    said = [f"Authorization: Bearer {system.demo.facts['till']['key']}", "Accept: application/json", "Content-Type: application/json"]
    goods = system.demo.goods()
    cheap = min(goods, key=lambda item: item.get("price", 10**9) if isinstance(item.get("price"), int) else 10**9)
    cards = random.sample(system.cards, len(system.cards))
    sales: list[str] = []

    def sell(number: int):
        sales.append(str(uuid.uuid4()))
        return "/canteen/tills/self/sales", None, {
            "saleID": sales[-1], "card": cards[number % len(cards)], "items": [{"item": cheap["item"], "quantity": 1}],
            "soldAt": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}

    visits = system.visit(rate, seconds, sell, '"state":"completed"', headers=said)
    counted = list(zip(visits, sales[-len(visits):]))
    wrong = [visit for visit, _ in counted if visit.status != 200 or not visit.told]
    if len(wrong) > len(counted) // 100:
        raise RuntimeError(f"{len(wrong)} of {len(counted)} sales were not completed, the first: {wrong[0]}")
    done = [(visit.wait, sale) for visit, sale in counted if visit.status == 200 and visit.told]
    return [wait for wait, _ in done], [sale for _, sale in done]


def _keep_commit_times(system: System):
    """PostgreSQL notes when each transaction was committed; the supervisor starts it again after the change."""
    if system.ask("show track_commit_timestamp") == "on":
        return
    subprocess.run(["psql", system.demo.facts["postgres"], "-qc", "alter system set track_commit_timestamp = on"], check=True)
    os.kill(system.pid("postgres"), 2)
    time.sleep(2)
    end = time.time() + 60
    while time.time() < end:
        try:
            if system.ask("show track_commit_timestamp") == "on":
                return system.quiet()
        except subprocess.CalledProcessError:
            pass
        time.sleep(0.5)
    raise RuntimeError("PostgreSQL did not come back")


def _feed_delays(system: System, sales: list[str]) -> list[float]:
    """Milliseconds from the commit that completed each sale to the commit of its notice."""
    from school import derived

    delays = [float(line[0]) for line in system.demo.gather(
        "create temporary table pair (sale uuid, notice uuid)", "pair", [(sale, derived(sale, "notice")) for sale in sales],
        "select extract(epoch from pg_xact_commit_timestamp(n.xmin) - pg_xact_commit_timestamp(s.xmin)) * 1000"
        " from pair join canteen.sale s on s.id = sale join notifier.notice n on n.id = notice")]
    if len(delays) < len(sales) * 0.99:
        raise RuntimeError(f"only {len(delays)} of {len(sales)} sales are in the feed")
    return delays


# Pages


def pages(context) -> list[Row]:
    """A mother looks around in the cabinet: 200 pages a second."""
    system = System.running(context)
    late, middle = [], []
    for _ in range(context.rounds):
        waits = _look(system, 200, 15)
        late.append(percentile(waits, 0.99))
        middle.append(percentile(waits, 0.5))
    return [Row("a page of the cabinet, p99", "ms", statistics.median(late), "under 50 ms", statistics.median(late) < 50,
                note=f"200 pages a second for 15 s over HTTPS: home, diary, money, meals, attendance; p50 {statistics.median(middle):.1f} ms")]


def _look(system: System, rate: int, seconds: float) -> list[float]:
    guests = []
    for who in ("guardian", "guardian-of-one"):
        opener = system.demo.signed_in(who)
        _, home = system.demo.request(opener, "/", headers={"Accept": "text/html"})
        links = sorted(set(re.findall(r'href="(/(?:journal/diary|ledger/money|canteen/purchases|access/attendance|notifier/letters)[^"#]*)"', home)))
        guests.append((system.cookies(opener), ["/"] + [html.unescape(link) for link in links]))

    def look(number: int):
        cookies, places = guests[number % len(guests)]
        return places[number // len(guests) % len(places)], cookies, None

    visits = system.visit(rate, seconds, look)
    wrong = [visit for visit in visits if visit.status != 200]
    if wrong:
        raise RuntimeError(f"{len(wrong)} pages failed, the first: {wrong[0]}")
    return [visit.wait for visit in visits]


# Signing in


def signins(context) -> list[Row]:
    """Sign-ins by login and password over HTTPS, beside a loop in C that does nothing but hash with the same parameters."""
    system = System.running(context)
    ours, bare, memory = [], [], []
    count = 60
    for _ in range(context.rounds):
        watch = _Memory(system.pid("identity"))
        ours.append(asyncio.run(_sign_in(system, count * 2)))
        memory.append(watch.most())
        done = subprocess.run([context.raw / "argon2", str(count), "2"], check=True, capture_output=True, text=True)
        bare.append(json.loads(done.stdout)["rate"])
    most = statistics.median(memory)
    return [
        ratio_row("sign-ins by login and password", "/s", ours, "libargon2 in C, 2 threads", bare, 0.6,
                  "Argon2id, 19 MiB, 2 passes, 1 lane; 16 people at once over HTTPS, each with a session, its cookies and a line in the log;"
                  " at most two hashes at once by design, and client, proxy and database are on the same two cores"),
        Row("identity while everybody signs in: memory", "MB", most, "under 120 MB", most < 120,
            note="the largest of many looks: two hashes of 19 MiB at once, whoever else comes waits"),
    ]


class _Memory:
    """Looks at a process's resident memory again and again."""

    def __init__(self, pid: int):
        self._file, self._most, self._stop = Path(f"/proc/{pid}/status"), 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self):
        while not self._stop.wait(0.005):
            self._most = max(self._most, int(re.search(r"VmRSS:\s+(\d+)", self._file.read_text()).group(1)) / 1024)

    def most(self) -> float:
        """Ends looking; gives the largest figure in MB."""
        self._stop.set()
        self._thread.join()
        return self._most


async def _sign_in(system: System, count: int) -> float:
    """Gives the sign-ins a second of sixteen people who come at once, each again as soon as he is in."""
    import aiohttp

    address, people = system.demo.facts["address"], system.demo.facts["signIns"]
    numbers = iter(range(count))
    async with aiohttp.ClientSession(connector=_connector(system), headers={"Accept": "text/html", "Origin": address},
                                     cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def come():
            for number in numbers:
                person = people[number % len(people)]
                form = {"login": person["login"], "password": person["password"]}
                async with session.post(f"{address}/identity/sign-in", data=form, allow_redirects=False) as answer:
                    await answer.read()
                    if answer.status != 303 or "sign-in" in answer.headers["Location"]:
                        raise RuntimeError(f"{person['who']} could not sign in: {answer.status}")

        began = time.perf_counter()
        await asyncio.gather(*(come() for _ in range(16)))
        return count / (time.perf_counter() - began)


# Letters


def digests(context) -> list[Row]:
    """Letters built and sent to a sink, beside a bare libcurl loop that sends one of them again and again to the same sink."""
    system = System.running(context)
    port, families = context.ports + 95, 10
    _more_guardians(system, families)
    config = Path(system.demo.facts["services"]["notifier"]["config"])
    own = system.folder / "letters.yaml"
    text = re.sub(r'(?m)^(\s*)url: "smtp://[^"]*"', rf'\1url: "smtp://127.0.0.1:{port}"', config.read_text())
    own.write_text(text)
    own.chmod(0o600)
    binary = system.demo.facts["services"]["notifier"]["binary"]
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "512"], stderr=subprocess.DEVNULL)
    ours, bare, letters = [], [], 0
    try:
        # The running service sends nothing meanwhile: its letters of today are all gone or not due.
        for _ in range(context.rounds):
            system.demo.ask("delete from notifier.digest")
            tonight = datetime.datetime.combine(system.demo.today, datetime.time(23, 30), system.demo.zone).astimezone(datetime.timezone.utc)
            began = time.time()
            done = subprocess.run([binary, "send-digests", "--now", tonight.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "--config", str(own)],
                                  capture_output=True, text=True)
            seconds = time.time() - began
            if done.returncode:
                raise RuntimeError(done.stderr)
            letters = int(done.stdout.split()[0])
            ours.append(letters / seconds)
            body = system.folder / "letter.eml"
            body.write_text(system.ask("select replace(encode(convert_to(body_html || body_text, 'UTF8'), 'base64'), E'\\n', '')"
                                       " from notifier.digest where state = 'sent' order by length(body_html) limit 1"))
            body.write_text("Subject: digest\r\n\r\n" + "\r\n".join(re.findall(".{1,76}", body.read_text())) + "\r\n")
            found = subprocess.run([context.raw / "letters", f"smtp://127.0.0.1:{port}", str(max(2000, letters)), "4", body],
                                   check=True, capture_output=True, text=True)
            bare.append(json.loads(found.stdout)["rate"])
    finally:
        sink.terminate()
    rate = statistics.median(ours)
    return [Row("letters built and sent", "/s", rate, "at least 1,000 a second", rate >= 1000, "bare libcurl loop, 4 connections",
                statistics.median(bare), f"{letters:,} letters, with the start of the process")]


def _more_guardians(system: System, times: int):
    """Gives every child more guardians, so that there is something to send; Notifier's own tables only."""
    # psql runs one -c as one transaction.
    system.demo.ask(f"""
        create temporary table more as
            select gen_random_uuid() as id, g.guardian_id as like_id from (select distinct guardian_id from notifier.directory_guardianship) g
            cross join generate_series(1, {times});
        insert into notifier.directory_guardianship (guardian_id, child_id, topics, is_primary, until_on)
            select more.id, child_id, topics, is_primary, until_on from more join notifier.directory_guardianship g on g.guardian_id = like_id;
        insert into notifier.contact (person_id, email, email_confirmed, language, version)
            select id, 'parent@school.test', true, 'ru', 1 from more""")


# At rest


def rest(context) -> list[Row]:
    """Resident memory and processor time of each service with nothing to do."""
    system = System.running(context)
    system.quiet()
    ticks = os.sysconf("SC_CLK_TCK")

    def used(pid: int) -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    pids = {name: system.pid(name) for name in SERVICES}
    before, seconds = {name: used(pid) for name, pid in pids.items()}, 30
    time.sleep(seconds)
    rows = []
    for name, pid in pids.items():
        memory = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024
        share = (used(pid) - before[name]) / ticks / seconds * 100
        rows.append(Row(f"{name} at rest: memory", "MB", memory, "under 80 MB", memory < 80))
        rows.append(Row(f"{name} at rest: processor", "%", share, "under 1 %", share < 1))
    return rows


def benchmarks() -> dict:
    """By name, in the order in which they run: rest first, for memory grows with what was done; passages last, for after
    them every child has hundreds of notices, which no letter and no page has to tell of in life."""
    return {"rest": rest, "signins": signins, "digests": digests, "till": till, "pages": pages, "passages": passages}
