"""Publishes the heads of the audit's chains, so that a tail that was cut off, its head row included, is noticed."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from mesh.refusal import Refusal
from vault_svc.application.ports.audit_heads import (
    AuditHeadPublisher,
    AuditHeadSource,
    AuditHeadWatch,
    HeadsNotPublishedError,
)
from vault_svc.application.ports.clock import Clock
from vault_svc.domain.audit import ChainHead, contradiction

INTERVAL_SECONDS: Final = 10.0
"""How often it is looked for new heads; what is cut off within that time, head row included, goes unnoticed."""
LONGEST_SECONDS: Final = 3600.0
"""After this time heads are published although nothing has changed: silence is a sign that nobody publishes."""
LAST_SECONDS: Final = 3.0
"""How long a round may go on, and how long the last one may take, when the service stops."""


class PublishAuditHeads:
    """Publishes what the database gives, when it differs from what is published or that was long ago."""

    def __init__(
        self,
        source: AuditHeadSource,
        publisher: AuditHeadPublisher,
        watch: AuditHeadWatch,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._watch = watch
        self._clock = clock
        self._monotonic = monotonic
        self._logger = logger
        self._seen: tuple[ChainHead, ...] = ()
        self._published: tuple[ChainHead, ...] | None = None
        self._published_at = 0.0

    async def __call__(self) -> bool:
        """Do one round; tell whether something was published. Fails as the ports do, and may then be repeated."""
        read_at = self._clock.now()
        heads = tuple(await self._source.read())
        self._look_at(heads)
        now = self._monotonic()
        due = heads != self._published or now - self._published_at >= LONGEST_SECONDS
        if due:
            await self._publisher.publish(heads, read_at)
            self._published, self._published_at = heads, now
            self._watch.published()
        self._watch.current()
        return due

    def _look_at(self, heads: tuple[ChainHead, ...]) -> None:
        """Raise the alarm when the chains were set back. They are published all the same: that is the evidence."""
        wrong = contradiction(self._seen, heads)
        self._seen = heads
        if wrong is not None:
            self._watch.contradicted()
            self._logger.error(
                "audit chain was set back", chain=wrong.chain, sequence=wrong.sequence, hash=wrong.hash.hex()
            )


async def publish_audit_heads(
    stop: asyncio.Event,
    publish: PublishAuditHeads,
    watch: AuditHeadWatch,
    logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    *,
    interval_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Publish in every interval until ``stop`` is set, and a last time then; ends within seconds.

    A round that fails is logged, counted and made up for by the next.
    """
    rounds = _Rounds(publish, watch, logger)
    while not stop.is_set():
        await _until(stop, rounds.go())
        await _wait(stop, interval_seconds)
    await _until(stop, rounds.go())


class _Rounds:
    """Rounds of which none fails."""

    def __init__(self, publish: PublishAuditHeads, watch: AuditHeadWatch, logger: Any) -> None:  # noqa: ANN401 - as above
        self._publish = publish
        self._watch = watch
        self._logger = logger
        self._failing = False

    async def go(self) -> None:
        try:
            await self._publish()
        except (Refusal, HeadsNotPublishedError) as error:
            self._watch.failed()
            self._logger.warning("audit heads not published", error=str(error))
            self._failing = True
        except Exception:
            # Publishing must not end because one round failed for a reason nobody thought of.
            self._watch.failed()
            self._logger.exception("audit heads not published")
            self._failing = True
        else:
            if self._failing:
                self._failing = False
                self._logger.info("audit heads published again")


async def _until(stop: asyncio.Event, going: Any) -> None:  # noqa: ANN401 - a coroutine
    """Let a round end by itself, but once ``stop`` is set within LAST_SECONDS."""
    round_ = asyncio.ensure_future(going)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({round_, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not round_.done():
            await asyncio.wait({round_}, timeout=LAST_SECONDS)
    finally:
        round_.cancel()
        stopping.cancel()
        await asyncio.gather(round_, stopping, return_exceptions=True)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
