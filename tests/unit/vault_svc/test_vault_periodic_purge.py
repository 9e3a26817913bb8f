"""The purge goes on through errors and ends with the service."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from tests.fakes.vault.card_store import FakeCardStore, KeptCode
from tests.unit.vault_svc.vaults import Vault
from vault_svc.adapters.periodic_purge import purge_every_minute
from vault_svc.application.purge import Purge
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
    store.codes[TokenId("tok_1")] = KeptCode(1, b"sealed", store.clock.now() - timedelta(seconds=1))
    return store


def purge_of(store: FakeCardStore) -> Purge:
    return Purge(store, Vault(store).keys)


async def test_an_expired_code_is_purged_at_the_start_and_the_loop_ends_with_the_service() -> None:
    store, log, stop = store_with_an_expired_code(), Log(), asyncio.Event()
    loop = asyncio.create_task(purge_every_minute(purge_of(store), stop, log))
    assert await log.wait_for("info") == {"codes": 1, "cards": 0}
    assert store.codes == {}
    stop.set()
    async with asyncio.timeout(5):
        await loop


async def test_a_store_out_of_reach_puts_the_purge_off_to_the_next_round() -> None:
    store, log, stop = store_with_an_expired_code(), Log(), asyncio.Event()
    store.down = True
    loop = asyncio.create_task(purge_every_minute(purge_of(store), stop, log, period_seconds=0.001))
    assert await log.wait_for("warning") == {"reason": "UNAVAILABLE"}
    store.down = False
    assert await log.wait_for("info") == {"codes": 1, "cards": 0}
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
    loop = asyncio.create_task(purge_every_minute(purge_of(Faulty()), stop, log, period_seconds=0.001))
    await log.wait_for("exception")
    assert await log.wait_for("info") == {"codes": 1, "cards": 0}
    stop.set()
    await loop


async def test_an_expired_card_is_purged_and_a_round_without_work_says_nothing() -> None:
    vault, log, stop = Vault(), Log(), asyncio.Event()
    token = await vault.keep(code="")
    vault.store.clock.time += timedelta(days=1)
    loop = asyncio.create_task(purge_every_minute(vault.purge, stop, log, period_seconds=0.001))
    assert await log.wait_for("info") == {"codes": 0, "cards": 1}
    rounds = len(vault.store.calls)
    async with asyncio.timeout(5):
        while len(vault.store.calls) < rounds + 4:  # noqa: ASYNC110 - the loop tells nobody of its rounds
            await asyncio.sleep(0.001)
    stop.set()
    await loop
    assert token.token_id not in vault.store.cards
    assert len(log.lines) == 1
