"""The table of the benchmarks: each row is our figure beside a peer or a raw limit taken in the same run."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ours` and `beside` are medians in `unit`; `goal` is what the figure is held against, in words, and `met` says
    whether it was reached. `note` says what bounds a figure that was missed, or how it was taken.
    """

    name: str
    unit: str
    ours: float
    goal: str
    met: bool | None
    peer: str = ""
    beside: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's: above one we are the quicker."""
        return self.ours / self.beside if self.beside else None


def ratio_row(name: str, unit: str, ours: list[float], peer: str, beside: list[float], least: float, note: str = "") -> Row:
    """A row whose goal is a ratio: the median of the runs' own ratios decides, not the ratio of two medians."""
    middle = statistics.median(o / b for o, b in zip(ours, beside, strict=True))
    return Row(
        name, unit, statistics.median(ours), f"at least {least:g} times", middle >= least, peer,
        statistics.median(ours) / middle, note)


def number(value: float) -> str:
    """A figure with as many digits as one reads."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def text(rows: list[Row]) -> str:
    """The rows as a table for a terminal or a Markdown page."""
    lines = ["| what | ours | beside | ratio | goal | |", "|---|---:|---:|---:|---|---|"]
    for row in rows:
        beside = f"{number(row.beside)} ({row.peer})" if row.beside is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio else ""
        mark = {True: "met", False: "MISSED", None: ""}[row.met]
        lines.append(f"| {row.name} | {number(row.ours)} {row.unit} | {beside} | {ratio} | {row.goal} | {mark} |")
    lines += [f"* {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join(lines)
