"""The statement by which Ledger posts one charge, read from its source: what is measured is what runs."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parent / "../../Services/Ledger/Charging/PostCharge.swift"

# The columns of what it answers.
ANSWER = "place, outcome, state, reason, available, limit_left, business_on, decided_at, used_allowance, account_id, version, school_id, " \
    "number, balance, daily_limit, spent_today, today, is_open, low_below"

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


def lunch(charge: str, sale: str, person: str, amount: str, what: str, now: str) -> dict[str, str]:
    """The values of a lunch by the class's request, bought on line at no till in particular: texts of SQL with their types."""
    return {
        "charge.chargeID": charge, "charge.saleID": sale, "charge.personID": person, "charge.amount": amount, "charge.what": what,
        "charge.soldAt": now, "now": now, "Int32(clamping: charge.attempt)": "1", "charge.kind.rawValue": "'collective'::text",
        "charge.tillID": "null::uuid", "charge.by": "null::uuid", "charge.offlineDay": "null::date",
        "charge.expiresAt": "null::timestamptz",
    }


def script() -> str:
    """For pgbench: a charge of a pupil drawn by `:place` of `:pupils` is posted and its answer waits in the outbox, in one
    transaction, as Ledger does it for many at once; the charge is what remembers the command.

    Identifiers follow each other in time, as those of Canteen and of tills do (UUIDv7): indexes grow at their end. The answer has
    the size of a real one, which Ledger writes outside the database; every column of it is read. Where nothing is posted there is no answer."""
    made = """(
                select p.id as person, encode(overlay(uuid_send(gen_random_uuid())
                    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 'hex')::uuid as id
                from benchmark.pupil p where p.place = :place offset 0
            ) made"""
    statement = posting(lunch("made.id", "made.id", "made.person", "1::bigint", "'Обед'::text", "now()"))
    rules, marker, answer = statement.partition("        select 1::bigint as place")
    if not marker or rules.count("from meals_account m\n") != 1:
        raise RuntimeError("the statement has changed its form")
    return f"""\\set place random(1, :pupils)
{rules.replace("from meals_account m", f"from {made} cross join meals_account m")}
insert into outbox (event_id, exchange, routing_key, type, body)
select charge_id, 'school.events', 'ledger.charge.accepted.v1', 'benchmark',
    convert_to(repeat('x', 900 - num_nulls({ANSWER})), 'UTF8')
from (
        select charge_id, 1::bigint as place{answer}
) answered;
"""
