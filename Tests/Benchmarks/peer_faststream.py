"""The inbox as one would write it in Python: FastStream and asyncpg, message by message, the same SQL as ours."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
import uuid

import asyncpg
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue
from faststream.rabbit.schemas import QueueType

REMEMBER = "insert into inbox (queue, message_id) values ($1, $2) on conflict do nothing returning message_id"
KEEP = """
    insert into balance (account_id, version, kopecks) values ($1, $2, $3)
    on conflict (account_id) do update set version = excluded.version, kopecks = excluded.kopecks
    where excluded.version > balance.version
"""


def words(conninfo: str) -> dict[str, str]:
    """libpq's `name=value` pairs as asyncpg wants them."""
    names = {"dbname": "database"}
    pairs = (pair.split("=", 1) for pair in conninfo.split())
    return {names.get(name, name): value for name, value in pairs}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--amqp", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--prefetch", type=int, default=300)
    parser.add_argument("--connections", type=int, default=8)
    arguments = parser.parse_args()

    pool = await asyncpg.create_pool(
        **words(arguments.conninfo), min_size=arguments.connections, max_size=arguments.connections)
    # It logs each message otherwise, which costs it a tenth.
    broker = RabbitBroker(
        arguments.amqp, logger=None, log_level=logging.ERROR, default_channel=Channel(prefetch_count=arguments.prefetch))
    queue = RabbitQueue(arguments.queue, declare=False, durable=True, queue_type=QueueType.QUORUM)
    done = asyncio.Event()
    handled = 0
    start = 0.0

    @broker.subscriber(queue)
    async def hear(message: RabbitMessage):
        nonlocal handled, start
        if not start:
            start = time.monotonic()
        said = json.loads(message.body)
        account = said["data"]["account"]
        version = int(said["sequence"][:6]) << 40 | int(said["sequence"][6:])
        async with pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(REMEMBER, arguments.queue, uuid.UUID(message.message_id)):
                await connection.execute(KEEP, uuid.UUID(account["accountID"]), version, account["balance"])
        handled += 1
        if handled == arguments.messages:
            done.set()

    async with broker:
        await broker.start()
        await asyncio.wait_for(done.wait(), 120)
        seconds = time.monotonic() - start
    await pool.close()
    print(json.dumps({"count": handled, "rate": handled / seconds, "seconds": seconds}))


if __name__ == "__main__":
    asyncio.run(main())
