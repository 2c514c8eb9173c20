"""Runs benchmarks and prints their table: `deploy/bench` builds what they need and calls this.

A module of benchmarks stands beside this file and offers

    PRODUCTS: list[str]            executables of the package that it measures; the six services when it does not say
    def benchmarks() -> dict[str, Callable[[Context], list[Row]]]            the context is in context.py

Each is run by its name and gives rows of the table.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
import traceback
from pathlib import Path

import table
from context import Context

HERE = Path(__file__).parent
MODULES = ["drivers", "messaging", "system", "ledger"]
SERVICES = ["Identity", "Ledger", "Canteen", "Access", "Journal", "Notifier"]


def modules():
    """Those that are there, in the order of the table."""
    return [importlib.import_module(name) for name in MODULES if importlib.util.find_spec(name)]


def chosen(names: list[str]) -> dict[str, tuple[object, object]]:
    """Name to module and function, all of them when none is named."""
    known = {name: (module, run) for module in modules() for name, run in module.benchmarks().items()}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in known if not names or name in names}


def main():
    parser = argparse.ArgumentParser(prog="deploy/bench", description="Measures and prints a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="one benchmark; all when none is named")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--products", action="store_true", help="print which executables the benchmarks need")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured (3)")
    parser.add_argument("--bin", type=Path, help="folder of the release executables")
    parser.add_argument("--raw", type=Path, help="folder of the programs in C")
    parser.add_argument("--ports", type=int, help="the first of two hundred ports")
    parser.add_argument("--conninfo", help="a superuser of the server for the benchmarks, without a database")
    parser.add_argument("--amqp", help="the broker's address")
    parser.add_argument("--management", help="the address of the broker's management, with user and password")
    parser.add_argument("--report", type=Path, help="file for the table in Markdown")
    arguments = parser.parse_args()

    wanted = chosen(arguments.names)
    if arguments.list:
        print("\n".join(wanted))
        return
    if arguments.products:
        print("\n".join(sorted({one for module, _ in wanted.values() for one in getattr(module, "PRODUCTS", SERVICES)})))
        return

    context = Context(
        arguments.bin, arguments.raw, arguments.ports, arguments.conninfo, arguments.amqp, arguments.management, arguments.rounds)
    rows: list[table.Row] = []
    broken: list[str] = []
    for name, (_, run) in wanted.items():
        start = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            rows += run(context)
        except Exception:
            # The others are worth having all the same.
            traceback.print_exc()
            broken.append(name)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)

    text = f"{context.machine}\n\n{table.text(rows)}"
    print(text)
    if arguments.report:
        arguments.report.parent.mkdir(exist_ok=True)
        arguments.report.write_text(f"# Benchmarks\n\n{text}\n")
    if broken:
        sys.exit(f"did not run to the end: {', '.join(broken)}")


if __name__ == "__main__":
    main()
