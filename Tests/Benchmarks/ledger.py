"""Benchmarks of the books: charges by one and several copies of Ledger beside other ledgers, and a long statement."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from context import POSTGRES_PROGRAMS, Context
from posting import CHILD, FIRST, script
from system import System, percentile
from table import Row, ratio_row

HERE = Path(__file__).parent
COMMANDS = 30_000
# Sessions in which one copy of Ledger decides charges: the lanes of `ledger.charges` (LedgerHearings.swift).
LANES = 2
# How often pgbench and single charges are measured in each round, in turn, and how long: minutes differ more than they do.
TURNS = 3
SECONDS = 3
ALONE = "who hears of them stands still meanwhile, as nobody hears of pgbench"


def charges(context: Context) -> list[Row]:
    """Charge commands from the queue to the published answer, by one, two and four copies of Ledger; everyone buys from one
    supplier. Beside pgbench's simple-update, and single charges beside it and beside ledgers of others."""
    system = System.running(context)
    pgbench = _simple_update(system)
    hordak = _hordak(context)
    copies: dict[int, list[float]] = {1: [], 2: [], 4: []}
    figures: dict[str, list[float]] = {name: [] for name in ("fastapi", "hordak", "hordak of four")}
    kinds = {"collective": "lunches", "personal": "personal purchases"}
    single: dict[tuple[int, str], list[float]] = {(count, kind): [] for count in copies for kind in kinds}
    pgbenches: dict[int, list[float]] = {count: [] for count in copies}
    _prepare_single(system)
    for _ in range(context.rounds):
        for count, rates in copies.items():
            with _copies(system, count - 1) as more, system.alone("ledger"):
                rates.append(_charges(system, more))
        with system.alone("ledger"), _standing(system):
            for count in copies:
                for _ in range(TURNS):
                    pgbenches[count].append(pgbench(LANES * count))
                    for kind in kinds:
                        single[count, kind].append(_single(system, kind, LANES * count))
            figures["fastapi"].append(_fastapi(system))
            system.ask("delete from ledger.outbox where type = 'benchmark'")
        figures["hordak"].append(hordak(1))
        figures["hordak of four"].append(hordak(4))
    # They are nobody's: what is measured after this does not meet them.
    system.ask(f"update ledger.meals_account set is_open = false where person_id::text like '{CHILD}%'")
    rows = [
        ratio_row("charges, command to event", "/s", copies[1], "pgbench simple-update, 8 sessions",
                  [statistics.median(pgbenches[4][TURNS * round_:TURNS * (round_ + 1)]) for round_ in range(context.rounds)], 0.8,
                  f"{COMMANDS:,} commands waiting in the queue, over {len(system.pupils)} accounts, all of one supplier; coalesced in"
                  f" batches as they always are; {ALONE}"),
        *(Row(f"charges by {count} copies", "/s", statistics.median(copies[count]), "", None, "one copy", statistics.median(copies[1]))
          for count in (2, 4)),
        *(ratio_row(f"{kinds[kind]} one by one, in the {LANES * count} sessions of {count} {'copy' if count == 1 else 'copies'}", "/s",
                    rates, "pgbench simple-update, as many", pgbenches[count], 1.1,
                    "Ledger's own statement with its answer in the outbox, a transaction each, sent by pgbench as the peer's are,"
                    f" {TURNS * context.rounds} times in turn" + (", which also counts what is spent today" if kind == "personal" else ""))
          for (count, kind), rates in single.items()),
        ratio_row("charges, command to event", "/s", copies[1], "FastAPI + asyncpg", figures["fastapi"], 2,
                  "the peer decides with the same SQL, a request at a time on 8 connections, loaded by wrk"),
        ratio_row("charges, command to event", "/s", copies[1], "django-hordak", figures["hordak"], 8,
                  "the peer makes a transfer with two legs, and knows neither limits nor repeats nor events"),
        ratio_row("charges by 4 copies", "/s", copies[4], "django-hordak, 4 processes", figures["hordak of four"], 8),
    ]
    return rows


def _charges(system: System, more: list[int]) -> float:
    """The rate at which waiting commands are decided and answered. `more`: processes of further copies."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = []
    for index in range(COMMANDS):
        charge, sale, child = uuid.uuid4(), uuid.uuid4(), system.pupils[index % len(system.pupils)]
        event = {"chargeID": str(charge), "saleID": str(sale), "attempt": 1, "personID": child, "amount": 1, "kind": "collective",
                 "what": "Обед", "soldAt": now}
        body = {"specversion": "1.0", "id": str(charge), "source": "/school/canteen", "type": "ledger.charge.v1", "subject": str(sale),
                "time": now, "datacontenttype": "application/json", "partitionkey": str(sale),
                "sequence": "000001000000000000000001", "data": event}
        lines.append(f"ledger.charge.v1\t{charge}\t{json.dumps(body, ensure_ascii=False)}")
    before = _posted(system)
    # The commands wait in the queue: who decides stands still while they are published.
    copies = [system.pid("ledger"), *more]
    _signal(copies, signal.SIGSTOP)
    try:
        sender = system.shoot("school.commands", lines, 0, "application/cloudevents+json")
        if json.loads(sender.communicate()[0])["returned"]:
            raise RuntimeError("charge commands were returned")
    finally:
        began = time.time()
        _signal(copies, signal.SIGCONT)
    while time.time() - began < 120:
        time.sleep(0.1)
        if system.number("select count(*) from ledger.outbox") == 0 and _posted(system) - before >= COMMANDS:
            return COMMANDS / (time.time() - began)
    raise RuntimeError("the charges were not posted within two minutes")


def _posted(system: System) -> int:
    return system.number("select count(*) from ledger.charge where state = 'posted'")


def _signal(pids: list[int], what: signal.Signals):
    for pid in pids:
        os.kill(pid, what)


@contextlib.contextmanager
def _copies(system: System, count: int):
    """Further processes of Ledger beside the one that runs; gives their numbers."""
    config = system.demo.facts["services"]["ledger"]["config"]
    running = []
    try:
        for number in range(count):
            port = system.spare_port + 2 * number
            places = {"HTTP_PORT": str(port), "HEALTH_PORT": str(port + 1)}
            with open(system.folder / f"ledger-{number + 2}.log", "w") as log:
                running.append(subprocess.Popen(
                    [system.bin / "Ledger", "serve", "--config", config], env=dict(os.environ, **places), stdout=log, stderr=log))
            _wait_for(f"http://127.0.0.1:{port + 1}/ready")
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


@contextlib.contextmanager
def _standing(system: System):
    """Ledger too stands still: its tables are used by others."""
    _signal([system.pid("ledger")], signal.SIGSTOP)
    try:
        yield
    finally:
        _signal([system.pid("ledger")], signal.SIGCONT)


def _wait_for(address: str):
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{address} does not answer")


# The peers


def _pgbench(address: str, connections: int, *options: str | Path) -> float:
    done = subprocess.run(
        [POSTGRES_PROGRAMS / "pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(SECONDS), *options, address],
        check=True, capture_output=True, text=True)
    return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))


def _simple_update(system: System):
    """pgbench's own, in a database of its own on the same server."""
    address = system.demo.facts["postgres"].replace("dbname=zvonok", "dbname=pgbench")
    subprocess.run([POSTGRES_PROGRAMS / "psql", system.demo.facts["postgres"], "-qc", "create database pgbench"], check=True)
    subprocess.run([POSTGRES_PROGRAMS / "pgbench", "-i", "-q", "-s", "10", address], check=True, capture_output=True)
    return lambda connections: _pgbench(address, connections, "-b", "simple-update")


def _prepare_single(system: System):
    """Children of the benchmark, as many as the demo's pupils and of the same supplier, each with money for all of it."""
    path = "set search_path = ledger; set session_replication_role = replica;"
    made = f"""(
        select ('{CHILD}' || {FIRST} + n)::uuid as id, n, m.* from generate_series(1, {len(system.pupils)}) n, (
            select to_jsonb(m) as like_him, m.school_id from meals_account m where m.is_open and m.held = 0 and not m.subsidised limit 1
        ) m
    ) made"""
    system.ask(f"{path} insert into account select id, 'meals', school_id, id, now() from {made}")
    system.ask(f"""{path} insert into meals_account select (jsonb_populate_record(null::meals_account, like_him || jsonb_build_object(
        'id', id, 'person_id', id, 'number', 'b' || n, 'pupil_code', 'b' || n, 'balance', 1000000000, 'position', 0,
        'daily_limit', null, 'low_below', null))).* from {made}""")
    system.ask("analyze ledger.account")
    system.ask("analyze ledger.meals_account")


def _single(system: System, kind: str, connections: int) -> float:
    before = _posted(system)
    options = f"{system.demo.facts['postgres']} options='-c search_path=ledger'"
    charge = system.folder / "charge.sql"
    charge.write_text(script(kind))
    # Later than all before, and still of twelve digits: ten million identifiers for each second of a day.
    number = FIRST + int(time.time()) % 86_400 * 10_000_000
    rate = _pgbench(options, connections, "-f", charge, "-D", f"children={len(system.pupils)}", "-D", f"number={number}")
    # Declined charges would be quicker.
    if _posted(system) - before < rate * SECONDS * 0.7:
        raise RuntimeError("single charges were not posted")
    return rate


def _fastapi(system: System) -> float:
    port = system.spare_port + 10
    facts = dict(pair.split("=", 1) for pair in system.demo.facts["postgres"].split())
    address = f"postgresql://{facts['user']}:{facts['password']}@{facts['host']}:{facts['port']}/{facts['dbname']}?search_path=ledger"
    script = system.folder / "charges.lua"
    people = ", ".join(f'"{pupil}"' for pupil in system.pupils)
    script.write_text(
        f"local people = {{{people}}}\n"
        'request = function()\n'
        '  local body = string.format(\'{"person":"%s","amount":1,"what":"Обед"}\', people[math.random(#people)])\n'
        '  return wrk.format("POST", "/charges", {["Content-Type"] = "application/json"}, body)\n'
        'end\n')
    with open(system.folder / "fastapi.log", "w") as log:
        peer = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "peer_fastapi:app", "--port", str(port), "--no-access-log", "--loop", "uvloop"],
            cwd=HERE, env=dict(os.environ, CONNINFO=address), stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/openapi.json")
        done = subprocess.run(
            ["wrk", "-t1", "-c8", "-d6s", "-s", script, f"http://127.0.0.1:{port}/charges"], check=True, capture_output=True, text=True)
    finally:
        peer.terminate()
        peer.wait(30)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))


def _hordak(context: Context):
    """Gives how to measure so many processes of it, in a database of its own."""
    context.sql("drop database if exists hordak", "postgres")
    context.sql("create database hordak", "postgres")
    facts = dict(pair.split("=", 1) for pair in context.server.split())
    secret = f":{facts['password']}" if "password" in facts else ""
    environment = dict(os.environ, CONNINFO_URL=f"postgres://{facts['user']}{secret}@{facts['host']}:{facts['port']}/hordak")

    def run(*arguments: str) -> str:
        return subprocess.run([sys.executable, HERE / "peer_hordak.py", *arguments], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    run("prepare")

    def measure(processes: int) -> float:
        with ThreadPoolExecutor(processes) as pool:
            return sum(json.loads(said)["rate"] for said in pool.map(lambda _: run("run", "6"), range(processes)))

    return measure


# The long ledger


ENTRIES = 10_000_000


def statement(context: Context) -> list[Row]:
    """The months of a statement where ten million entries are kept."""
    system = System.running(context)
    _fill(system)
    late, middle = [], []
    for _ in range(context.rounds):
        waits = _read(system, 50, 15)
        late.append(percentile(waits, 0.99))
        middle.append(percentile(waits, 0.5))
    kept = system.number("select count(*) from ledger.leg")
    began = time.time()
    books = subprocess.run([system.bin / "Ledger", "verify", "--config", system.demo.facts["services"]["ledger"]["config"]],
                           check=True, capture_output=True, text=True).stdout.strip()
    verified = time.time() - began
    return [Row("a page of a statement, p99", "ms", statistics.median(late), "under 30 ms", statistics.median(late) < 30,
                note=f"{kept:,} entries, {kept // 2 // len(system.pupils):,} on each account over ten years; any of its months, 50 pages a"
                     f" second for 15 s over HTTPS; p50 {statistics.median(middle):.1f} ms"),
            Row("all of these books verified", "s", verified, "", None, note=books)]


def _fill(system: System):
    """Ten years of lunches, each paid in before: so much in, so much out, the balance as it was at the end of each day.

    The triggers, which would check each statement, do not look: the checks below do.
    """
    pairs = ENTRIES // 4 // len(system.pupils)
    path = "set search_path = ledger; set session_replication_role = replica;"
    system.ask("create schema if not exists benchmark")
    system.ask(path + f"""
        create table benchmark.past as
        select m.id as account_id, m.person_id, b.supplier_id, b.terminal_id, n, m.position + 2 * n - 1 as position, m.balance, gen_random_uuid() as paid_in,
            gen_random_uuid() as bought, now() - interval '1 day' - ({pairs} - n) * (interval '3650 days' / {pairs}) as at
        from meals_account m join school_books b using (school_id), generate_series(1, {pairs}) as n where m.is_open""")
    # What an account has already comes before: the past is moved behind it.
    system.ask(path + f"""
        update transfer set made_at = made_at - interval '3660 days' where account_id in (select id from meals_account)""")
    system.ask(path + "update charge set decided_at = decided_at - interval '3660 days'")
    system.ask(path + """
        insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method)
        select paid_in, 'topUp', account_id, at, at::date, 12000, '', 'terminal' from benchmark.past""")
    system.ask(path + "insert into charge (id, decided_at, state, number) select paid_in, at, 'transfer', null from benchmark.past")
    system.ask(path + """
        insert into entry (transfer_id, account_id, amount, position, balance)
        select paid_in, account_id, 12000, position, balance + 12000 from benchmark.past
        union all select paid_in, terminal_id, -12000, null, null from benchmark.past""")
    system.ask(path + """
        insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, decided_at, business_on, state,
            position, balance, number)
        select bought, gen_random_uuid(), 1, person_id, account_id, supplier_id, 12000, 'collective', 'Обед', at + interval '1 minute',
            at::date, 'posted', position + 1, balance, null
        from benchmark.past""")
    # What the organisations have of it.
    system.ask(path + """
        insert into organisation_movement (account_id, amount)
        select terminal_id, -12000 * count(*) from benchmark.past group by 1
        union all select supplier_id, 12000 * count(*) from benchmark.past group by 1""")
    system.ask(path + f"update meals_account set position = position + {2 * pairs} where is_open")
    system.ask("vacuum analyze ledger.entry")
    system.ask("vacuum analyze ledger.transfer")
    system.ask("vacuum analyze ledger.charge")


def _read(system: System, rate: int, seconds: float) -> list[float]:
    opener = system.demo.signed_in("guardian")
    cookies = system.cookies(opener)
    _, money = system.demo.request(opener, "/ledger/money", headers={"Accept": "text/html"})
    children = sorted(set(re.findall(r"/ledger/children/([0-9a-f-]{36})/statement", money)))
    today = system.demo.today
    months = [f"{year}-{month:02}" for year in range(today.year - 9, today.year + 1) for month in range(1, 13)
              if (year, month) <= (today.year, today.month)]

    def look(number: int):
        return f"/ledger/children/{children[number % len(children)]}/statement?month={months[(number * 7) % len(months)]}", cookies, None

    visits = system.visit(rate, seconds, look, "Обед", warm=40)
    wrong = [visit for visit in visits if visit.status != 200]
    if wrong or not any(visit.told for visit in visits):
        raise RuntimeError(f"{len(wrong)} statements failed, or were empty")
    return [visit.wait for visit in visits]


def benchmarks() -> dict:
    """By name; the long ledger last, for it stays long."""
    return {"charges": charges, "statement": statement}
