"""The drivers by themselves: statements beside pgbench, publishing and consuming beside loops in C, the check of who asks."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from context import POSTGRES_PROGRAMS, Context
from table import Row, ratio_row

PRODUCTS = ["Benchmarks"]

CONNECTIONS = 6
SECONDS = 4
MESSAGES = 80_000
QUEUE = "bench.driver"


def benchmarks():
    return {
        "postgres-update": lambda context: statement(
            context, "postgres-update", "update figure set value = value + 1 where id = :id"),
        "postgres-select": lambda context: statement(
            context, "postgres-select", "select value from figure where id = :id"),
        "publish": publish,
        "consume": consume,
        "session": session,
    }


def statement(context: Context, name: str, sql: str) -> list[Row]:
    """One statement on random rows, prepared, each on its own: our pool and pgbench with as many connections."""
    context.make_database()
    where = ["--conninfo", context.conninfo]
    subprocess.run([context.bin / "Benchmarks", "prepare", *where, "--amqp", context.amqp], check=True)
    context.sql("vacuum (analyze) figure")
    context.sql("checkpoint")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "statement.sql"
        script.write_text(f"\\set id random(1, 100000)\n{sql};\n")
        ours, raw = context.alternately(
            lambda: context.ours(name, *where, "--connections", CONNECTIONS, "--seconds", SECONDS),
            lambda: pgbench(context, script))
    title = f"{name.replace('-', ' ')}, {CONNECTIONS} connections"
    return [ratio_row(title, "statements/s", ours, "pgbench", raw, 0.85)]


def pgbench(context: Context, script: Path) -> float:
    done = subprocess.run(
        [POSTGRES_PROGRAMS / "pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T", str(SECONDS),
         "-f", script, context.conninfo],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
    print(f"  pgbench: {rate:,.0f} a second", file=sys.stderr, flush=True)
    return rate


def publish(context: Context) -> list[Row]:
    """Batches of 200 persistent, mandatory messages of 512 bytes into a quorum queue, each batch confirmed."""
    work = ["--amqp", context.amqp, "--queue", QUEUE, "--messages", MESSAGES, "--batch", 200, "--size", 512]

    def into_new_queue(program: Path) -> float:
        context.make_queue(QUEUE)
        return context.measure(program, "publish", *work)

    ours, raw = context.alternately(
        lambda: into_new_queue(context.bin / "Benchmarks"), lambda: into_new_queue(context.raw / "loops"))
    context.delete_queue(QUEUE)
    return [ratio_row("publish with confirms", "messages/s", ours, "C", raw, 0.8)]


def consume(context: Context) -> list[Row]:
    """The same messages taken out again with a prefetch of 300, acknowledged a hundred at a time."""
    where = ["--amqp", context.amqp, "--queue", QUEUE, "--messages", MESSAGES]

    def from_full_queue(program: Path) -> float:
        context.make_queue(QUEUE)
        filling = [context.raw / "loops", "publish", *where, "--batch", 500]
        subprocess.run([str(word) for word in filling], check=True, stdout=subprocess.DEVNULL)
        return context.measure(program, "consume", *where, "--batch", 100, "--prefetch", 300)

    ours, raw = context.alternately(
        lambda: from_full_queue(context.bin / "Benchmarks"), lambda: from_full_queue(context.raw / "loops"))
    context.delete_queue(QUEUE)
    return [ratio_row("consume with acknowledgements", "messages/s", ours, "C", raw, 0.8)]


def session(context: Context) -> list[Row]:
    """What another service than Identity does before it answers: whose token it is, and whether he may."""
    context.make_database()
    where = ["session-check", "--conninfo", context.conninfo]
    known, fresh, signature = context.alternately(
        lambda: context.ours(*where), lambda: context.ours(*where, "--new"),
        lambda: context.ours(*where, "--new", "--signature-only", "--checks", 5_000))
    rows = [("a session checked in another service", known, "the token was seen within the minute; the decision is one statement on the service's own tables"),
            ("a session checked in another service, new token", fresh, "every token for the first time: as above, with its signature"),
            ("the signature of a new token alone", signature, "ES256")]
    return [Row(name, "ms", 1000 / statistics.median(rates), "under 0.2 ms", statistics.median(rates) > 5_000, note=note)
            for name, rates, note in rows]
