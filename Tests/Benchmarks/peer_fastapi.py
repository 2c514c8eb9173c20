"""A charge as one would write it in Python: FastAPI and asyncpg, an address that decides with the same SQL as ours."""

from __future__ import annotations

import contextlib
import datetime
import os
import uuid

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel

REMEMBER = "insert into ledger.inbox (queue, message_id) values ('benchmark', $1) on conflict do nothing returning message_id"
DECIDE = """
    select * from ledger.decide_charge(
        $1, $2, 1, $3, $4, 'collective', $5, null, null, $6, null, null, null, $6)
"""
SAY = """
    insert into ledger.outbox (event_id, exchange, routing_key, type, body, try_after)
    values ($1, 'school.events', 'ledger.charge.accepted.v1', 'benchmark', $2, 'infinity')
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
        await connection.fetchval(REMEMBER, identifier)
        row = await connection.fetchrow(DECIDE, identifier, uuid.uuid4(), asked.person, asked.amount, asked.what, now)
        answer = Answer(charge=identifier, state=row["state"], balance=row["balance"], decided_at=now)
        await connection.execute(SAY, uuid.uuid4(), answer.model_dump_json().encode())
    return answer
