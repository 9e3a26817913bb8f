"""The purge goes on through errors and ends with the service."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from tests.fakes.vault.card_store import FakeCardStore
from vault_svc.adapters.periodic_purge import purge_every_minute
from vault_svc.application.purge_codes import PurgeCodes
from vault_svc.domain.token import TokenId


@dataclass(slots=True)
class Log:
    """Keeps what was logged, and wakes whoever waits for a line."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        self._write("exception", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.lines.append((level, event, fields))
        self.written.set()

    async def wait_for(self, level: str) -> dict[str, object]:
        async with asyncio.timeout(5):
            while True:
                for line in self.lines:
                    if line[0] == level:
                        return line[2]
                self.written.clear()
                await self.written.wait()


def store_with_an_expired_code() -> FakeCardStore:
    store = FakeCardStore()
    store.codes[TokenId("tok_1")] = (b"sealed", store.clock.now() - timedelta(seconds=1))
    return store


async def test_an_expired_code_is_purged_at_the_start_and_the_loop_ends_with_the_service() -> None:
    store, log, stop = store_with_an_expired_code(), Log(), asyncio.Event()
    loop = asyncio.create_task(purge_every_minute(PurgeCodes(store), stop, log))
    assert await log.wait_for("info") == {"deleted": 1}
    assert store.codes == {}
    stop.set()
    async with asyncio.timeout(5):
        await loop


async def test_a_store_out_of_reach_puts_the_purge_off_to_the_next_round() -> None:
    store, log, stop = store_with_an_expired_code(), Log(), asyncio.Event()
    store.down = True
    loop = asyncio.create_task(purge_every_minute(PurgeCodes(store), stop, log, period_seconds=0.001))
    assert await log.wait_for("warning") == {"reason": "UNAVAILABLE"}
    store.down = False
    assert await log.wait_for("info") == {"deleted": 1}
    stop.set()
    await loop


async def test_a_fault_nobody_thought_of_does_not_end_the_purge() -> None:
    class Faulty(FakeCardStore):
        async def purge_expired_codes(self, limit: int) -> int:
            if not self.calls:
                self.calls.append("purge_expired_codes")
                message = "surprise"
                raise RuntimeError(message)
            return min(limit, 1)

    log, stop = Log(), asyncio.Event()
    loop = asyncio.create_task(purge_every_minute(PurgeCodes(Faulty()), stop, log, period_seconds=0.001))
    await log.wait_for("exception")
    assert await log.wait_for("info") == {"deleted": 1}
    stop.set()
    await loop
