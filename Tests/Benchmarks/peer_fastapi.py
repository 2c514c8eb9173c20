"""A charge as one would write it in Python: FastAPI and asyncpg, an address that decides with the same SQL as ours."""

from __future__ import annotations

import contextlib
import datetime
import os
import uuid

import asyncpg
from fastapi import FastAPI
from posting import posting, purchase
from pydantic import BaseModel

POST = posting(purchase("collective", "$1::uuid", "$2::uuid", "$3::uuid", "$4::bigint", "$5::text", "$6::timestamptz"))
# What the statement does not post is decided as among many.
DECIDE = """
    select * from decide_charges(
        array[$1::uuid], array[$2::uuid], array[1], array[$3::uuid], array[$4::bigint], array['collective'], array[$5::text],
        array[null::uuid], array[null::uuid], array[$6::timestamptz], array[null::timestamptz], array[null::date], array[null::uuid], $6)
"""
SAY = """
    insert into outbox (event_id, exchange, routing_key, type, body)
    values ($1, 'school.events', 'ledger.charge.accepted.v1', 'benchmark', $2)
"""


class Charge(BaseModel):
    """What the till asks for."""

    person: uuid.UUID
    amount: int
    what: str


class Answer(BaseModel):
    """How it ended."""

    charge: uuid.UUID
    state: str
    balance: int
    decided_at: datetime.datetime


@contextlib.asynccontextmanager
async def connected(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(os.environ["CONNINFO"], min_size=8, max_size=8)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=connected)


@app.post("/charges")
async def charge(asked: Charge) -> Answer:
    identifier, now = uuid.uuid4(), datetime.datetime.now(datetime.timezone.utc)
    async with app.state.pool.acquire() as connection, connection.transaction():
        values = (identifier, uuid.uuid4(), asked.person, asked.amount, asked.what, now)
        row = await connection.fetchrow(POST, *values) or await connection.fetchrow(DECIDE, *values)
        answer = Answer(charge=identifier, state=row.get("state", "posted"), balance=row["balance"], decided_at=now)
        await connection.execute(SAY, uuid.uuid4(), answer.model_dump_json().encode())
    return answer
