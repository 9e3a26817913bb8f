"""Runs a router's knowledge until somebody ends the process; its arguments are Kafka, the topic, the database's URL."""

import asyncio
import sys

from mesh.database import Database
from tests.support.learning_bench import Router


async def main(bootstrap: str, topic: str, url: str) -> None:
    """Learn, and keep a snapshot several times a second."""
    database = Database(url, pool_size=2, name="test")
    await database.open()
    await Router(bootstrap, topic, database, snapshot_seconds=0.2).knowledge.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
