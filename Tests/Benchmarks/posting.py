"""The statement by which Ledger posts one charge, read from its source: what is measured is what runs."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parent / "../../Services/Ledger/Charging/PostCharge.swift"

# The columns of what it answers.
ANSWER = "business_on, decided_at, id, version, school_id, number, balance, daily_limit, spent_today, today, low_below"
# Children of the benchmark are told by what stands at the end of their identifiers, which pgbench can draw: twelve digits.
CHILD, CHARGE = "00000000-0000-7000-8000-", "ffffffff-0000-7000-8000-"
FIRST = 100_000_000_000

# A value in the statement: what stands in the brackets of an interpolation of Swift.
VALUE = re.compile(r"\\\(((?:[^()]|\([^()]*\))*)\)")


def posting(values: dict[str, str]) -> str:
    """The statement with these texts of SQL in the places of its values, which are named as the source names them; raises a
    RuntimeError where the source asks for others."""
    statement = re.search(r'-> SQL \{\n\s*"""\n(.*?)\n\s*"""', SOURCE.read_text(), re.DOTALL)
    if not statement:
        raise RuntimeError(f"{SOURCE} has no statement")
    asked = {match.group(1) for match in VALUE.finditer(statement.group(1))}
    if asked != set(values):
        raise RuntimeError(f"the statement asks for {sorted(asked)}, not for {sorted(values)}")
    return VALUE.sub(lambda match: values[match.group(1)], statement.group(1))


def purchase(kind: str, charge: str, sale: str, person: str, amount: str, what: str, now: str) -> dict[str, str]:
    """The values of a purchase on line at no till in particular, texts of SQL with their types: `collective` is a lunch by the
    class's request, `personal` counts what is spent today."""
    return {
        "charge.chargeID": charge, "charge.saleID": sale, "charge.personID": person, "charge.amount": amount, "charge.what": what,
        "charge.soldAt": now, "now": now, "Int32(clamping: charge.attempt)": "1", "charge.kind.rawValue": f"'{kind}'::text",
        "charge.tillID": "null::uuid", "charge.by": "null::uuid", "charge.offlineDay": "null::date",
        "charge.expiresAt": "null::timestamptz",
    }


def script(kind: str) -> str:
    """For pgbench: a charge of a child drawn from `:children` is posted and its answer waits in the outbox, in one transaction, as
    Ledger does it for many at once; the charge is what remembers the command.

    What Ledger hears in the command, who buys and under which identifier, pgbench says as it says whom its own script pays: drawn by
    the client. Identifiers follow each other from `:number`, as those of Canteen and of tills do (UUIDv7): indexes grow at their end.
    The answer has the size of a real one, which Ledger writes outside the database; every column of it is read. Where nothing is
    posted there is no answer."""
    charge, child = f"('{CHARGE}' || :id)::uuid", f"('{CHILD}' || :child)::uuid"
    statement = posting(purchase(kind, charge, charge, child, "1::bigint", "'Обед'::text", "now()"))
    rules, marker, answer = statement.partition("        select business_on")
    if not marker:
        raise RuntimeError("the statement has changed its form")
    return f"""\\set id :number + :client_id
\\set number :number + 1000
\\set child random({FIRST} + 1, {FIRST} + :children)
{rules}
insert into outbox (event_id, exchange, routing_key, type, body)
select id, 'school.events', 'ledger.charge.accepted.v1', 'benchmark', convert_to('{"x" * 890}' || num_nulls({ANSWER}), 'UTF8')
from (
{marker}{answer}
) answered;
"""
