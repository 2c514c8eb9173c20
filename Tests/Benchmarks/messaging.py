"""Outbox to broker and broker to projection, beside loops in C and beside the same consumer in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from context import Context
from table import Row, ratio_row

PRODUCTS = ["Benchmarks"]

MESSAGES = 60_000
FOR_PEER = 6_000
QUEUE = "bench.canteen.ledger"
HERE = Path(__file__).parent


def benchmarks():
    return {"relay": relay, "inbox": inbox}


def where(context: Context) -> list[str]:
    return ["--conninfo", context.conninfo, "--amqp", context.amqp]


def quietly(context: Context, command: str, *options: object):
    """A step that belongs to no figure."""
    subprocess.run(
        [context.bin / "Benchmarks", command, *where(context), *map(str, options)], check=True, stdout=subprocess.DEVNULL)


def fill(context: Context, messages: int):
    """Empty tables and queue, and a full outbox."""
    context.make_database()
    quietly(context, "prepare")
    quietly(context, "say", "--messages", messages)
    # What is written belongs to no figure of what follows.
    context.sql("checkpoint")


def expect(context: Context, query: str, answer: str):
    """Whoever did the work, it must be the same work."""
    found = context.sql(query)
    if found != answer:
        raise RuntimeError(f"{query}: {found} instead of {answer}")


def relay(context: Context) -> list[Row]:
    """Batches of 500 read in order, published with confirms, deleted: until the outbox is empty."""
    def empty_the_outbox(*program: object) -> float:
        fill(context, MESSAGES)
        rate = context.measure(*program, *where(context), "--messages", MESSAGES)
        expect(context, "select count(*) from outbox", "0")
        return rate

    ours, raw = context.alternately(
        lambda: empty_the_outbox(context.bin / "Benchmarks", "relay"),
        lambda: empty_the_outbox(context.raw / "loops", "relay", "--batch", 500))
    return [ratio_row("relay", "messages/s", ours, "C", raw, 0.7)]


def inbox(context: Context) -> list[Row]:
    """Batches of 100: inbox and the newest state of each account in one transaction, then one acknowledgement."""
    result = "select count(*), sum(version), sum(kopecks) from balance"
    right: dict[int, str] = {}

    def empty_the_queue(messages: int, *program: object) -> float:
        fill(context, messages)
        quietly(context, "relay", "--messages", messages)
        rate = context.measure(*program, *where(context), "--messages", messages)
        expect(context, "select count(*) from inbox", str(messages))
        expect(context, result, right.setdefault(messages, context.sql(result)))
        return rate

    def ours() -> float:
        return empty_the_queue(MESSAGES, context.bin / "Benchmarks", "inbox")

    def raw() -> float:
        return empty_the_queue(MESSAGES, context.raw / "loops", "inbox", "--queue", QUEUE, "--batch", 100, "--prefetch", 300)

    def peer() -> float:
        return empty_the_queue(FOR_PEER, sys.executable, HERE / "peer_faststream.py", "--queue", QUEUE)

    ours_figures, raw_figures, peer_figures = context.alternately(ours, raw, peer)
    return [
        ratio_row("inbox with projection", "messages/s", ours_figures, "C", raw_figures, 0.6),
        ratio_row(
            "inbox with projection", "messages/s", ours_figures, "FastStream + asyncpg", peer_figures, 10,
            "the same SQL on both sides; the peer has 8 connections and handles messages side by side"),
    ]
