"""What a benchmark is given: where the executables and the servers are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Context:
    """The surroundings of a run; the servers are private to it."""

    bin: Path
    """The release executables."""
    raw: Path
    """Folder of the programs in C: `loops`, `shoot`, `letters`."""
    ports: int
    """The first of two hundred ports: the servers have a hundred, the system of services the other."""
    server: str
    """libpq's connection string of a superuser, without a database."""
    amqp: str
    management: str
    """The address of the broker's management interface, with user and password."""
    rounds: int

    DATABASE = "benchmarks"

    @property
    def conninfo(self) -> str:
        """The database of the benchmarks."""
        return f"{self.server} dbname={self.DATABASE}"

    @property
    def machine(self) -> str:
        """What the figures were taken on, for the head of the table."""
        models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")]
        system = next(line.split("=")[1].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
                      if line.startswith("PRETTY_NAME="))
        return f"{os.cpu_count()} × {models[0] if models else 'processor'}, {system}"

    def sql(self, statement: str, database: str | None = None) -> str:
        """Runs SQL and gives its unaligned answer."""
        done = subprocess.run(
            [POSTGRES_PROGRAMS / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
             f"{self.server} dbname={database or self.DATABASE}", "-c", statement],
            check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def make_database(self):
        """Makes the database of the benchmarks unless it is there."""
        if not self.sql(f"select 1 from pg_database where datname = '{self.DATABASE}'", "postgres"):
            self.sql(f"create database {self.DATABASE}", "postgres")

    def measure(self, *command: str | Path | int) -> float:
        """Runs a program that prints a line of JSON; gives its rate."""
        words = [str(word) for word in command]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=180)
        if done.returncode != 0:
            raise RuntimeError(f"{Path(words[0]).name} {words[1]} ended with {done.returncode}")
        result = json.loads(done.stdout.splitlines()[-1])
        print(f"  {Path(words[0]).name} {Path(words[1]).stem}: {result['rate']:,.0f} a second", file=sys.stderr, flush=True)
        return result["rate"]

    def ours(self, command: str, *options: str | Path | int) -> float:
        """The rate of one of our commands."""
        return self.measure(self.bin / "Benchmarks", command, *options)

    def make_queue(self, name: str):
        """A new empty quorum queue, in the place of one of that name."""
        self._manage("DELETE", name, ignored=404)
        self._manage("PUT", name, {"durable": True, "arguments": {"x-queue-type": "quorum"}})

    def delete_queue(self, name: str):
        self._manage("DELETE", name, ignored=404)

    def _manage(self, method: str, queue: str, body: dict | None = None, ignored: int | None = None):
        address = urllib.parse.urlsplit(self.management)
        request = urllib.request.Request(
            f"http://{address.hostname}:{address.port}/api/queues/%2F/{urllib.parse.quote(queue, safe='')}", method=method,
            data=json.dumps(body).encode() if body else None, headers={"Content-Type": "application/json"})
        secret = b64encode(f"{address.username}:{address.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            if error.code != ignored:
                raise

    def alternately(self, *sides: Callable[[], float]) -> list[list[float]]:
        """Measures each side once a round, each round beginning with another; gives the figures of each side."""
        figures: list[list[float]] = [[] for _ in sides]
        for round in range(self.rounds):
            for step in range(len(sides)):
                side = (round + step) % len(sides)
                figures[side].append(sides[side]())
        return figures
