"""Sends webhooks as a PSP does: in order, again when they are not acknowledged, and wrongly when told to."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiohttp

from devstack.sandbox.dialects.contract import Notice, Signed

MOST_QUEUED: Final = 10_000
MOST_LISTED: Final = 10_000
RETRY_SECONDS: Final = (0.2, 1.0, 3.0, 10.0)
"""Waits between attempts; after the last the webhook has failed. A real PSP goes on for days."""
ATTEMPT_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 60.0
STOP_SECONDS: Final = 2.0
_OK: Final = range(200, 300)


class WebhookMode(StrEnum):
    """When webhooks are sent; docs/sandbox.md says what each does."""

    NORMAL = "normal"
    FIRST = "first"
    LATE = "late"
    TWICE = "twice"
    MISSING = "missing"
    REVERSED = "reversed"


class DeliveryState(StrEnum):
    """How a delivery stands."""

    QUEUED = "queued"
    HELD = "held"
    WITHHELD = "withheld"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class WebhookSetting:
    """How an account's webhooks are sent; `delay_ms` None holds late ones until they are released."""

    mode: WebhookMode = WebhookMode.NORMAL
    delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: the status answered, 0 when nothing was."""

    status: int
    at: int

    @property
    def acknowledged(self) -> bool:
        """Tell whether the receiver has taken it."""
        return self.status in _OK


@dataclass(slots=True)
class Delivery:
    """One webhook on its way; `copies` is how often it is delivered although the first was acknowledged."""

    notice: Notice
    state: DeliveryState
    copies: int = 1
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Release:
    """Which webhooks to send now: held ones by reference (prefix); with `again` also those in every other state."""

    reference: str = ""
    type: str = ""
    again: bool = False

    def wants(self, delivery: Delivery) -> bool:
        """Tell whether this one is meant."""
        notice = delivery.notice
        fitting = notice.reference.startswith(self.reference) and notice.type.startswith(self.type)
        return fitting and (self.again or delivery.state is DeliveryState.HELD)


class WebhookSender:
    """The webhooks of one account. `sign` makes a delivery for a time in seconds since the epoch.

    One after another is sent, so that their order is theirs; one that waits to be tried again does not hold up others.
    """

    def __init__(self, url: str, sign: Callable[[Notice, int], Signed], clock: Callable[[], float] = time.time) -> None:
        self.url = url
        self.setting = WebhookSetting()
        self.dropped = 0
        self._sign = sign
        self._clock = clock
        self._deliveries: deque[Delivery] = deque()
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(MOST_QUEUED)
        self._unsettled = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._session: aiohttp.ClientSession | None = None
        self._worker: asyncio.Task[None] | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Give what was to be sent, oldest first, at most MOST_LISTED."""
        return tuple(self._deliveries)

    async def close(self) -> None:
        """Stop sending; what is under way is cut off."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._closed = True
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    def take(self, notices: Sequence[Notice]) -> list[Delivery]:
        """Note webhooks, in the mode that is set; `before_answer` and `after_answer` send them."""
        if not self.url:
            return []
        mode = self.setting.mode
        state = {
            WebhookMode.LATE: DeliveryState.HELD,
            WebhookMode.REVERSED: DeliveryState.HELD,
            WebhookMode.MISSING: DeliveryState.WITHHELD,
        }.get(mode, DeliveryState.QUEUED)
        batch = [Delivery(notice, state, copies=2 if mode is WebhookMode.TWICE else 1) for notice in notices]
        self._deliveries.extend(batch)
        while len(self._deliveries) > MOST_LISTED:
            forgotten = self._deliveries.popleft()
            if forgotten.state is DeliveryState.HELD:
                # Nobody can release it any more.
                forgotten.state = DeliveryState.DROPPED
                self.dropped += 1
        if mode is WebhookMode.LATE and self.setting.delay_ms is not None:
            for delivery in batch:
                self._send_after(self.setting.delay_ms / 1000, delivery)
        return batch

    async def before_answer(self, batch: Sequence[Delivery]) -> None:
        """Deliver what is to be acknowledged before the API answers; gives up when the attempts are used up."""
        if self.setting.mode is not WebhookMode.FIRST:
            return
        for delivery in batch:
            for wait in (0.0, *RETRY_SECONDS):
                await asyncio.sleep(wait)
                if await self._attempt(delivery):
                    break
            else:
                delivery.state = DeliveryState.FAILED

    def after_answer(self, batch: Sequence[Delivery]) -> None:
        """Send the rest, once the API has answered."""
        for delivery in batch:
            if delivery.state is DeliveryState.QUEUED and not delivery.attempts:
                self._enqueue(delivery)

    async def release(self, which: Release) -> list[Delivery]:
        """Deliver webhooks now, each tried once, and give them; newest first in mode `reversed`."""
        wanted = [delivery for delivery in self._deliveries if which.wants(delivery)]
        if self.setting.mode is WebhookMode.REVERSED:
            wanted.reverse()
        for delivery in wanted:
            if not await self._attempt(delivery):
                delivery.state = DeliveryState.FAILED
        return wanted

    async def settle(self) -> bool:
        """Wait until nothing is queued or to be tried again, at most SETTLE_SECONDS; tell whether that is so."""
        try:
            await asyncio.wait_for(self._settled.wait(), SETTLE_SECONDS)
        except TimeoutError:
            return False
        return True

    def _enqueue(self, delivery: Delivery) -> None:
        if self._closed or self._queue.full():
            self._drop(delivery)
            return
        self._queue.put_nowait(delivery)
        self._unsettled += 1
        self._settled.clear()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            delivery = await self._queue.get()
            try:
                await self._deliver(delivery)
            except Exception:  # one webhook that can't be made must not hold up the others
                logging.getLogger(__name__).exception("a webhook of type %s was not sent", delivery.notice.type)
                delivery.state = DeliveryState.FAILED
            finally:
                self._done()

    async def _deliver(self, delivery: Delivery) -> None:
        acknowledged = await self._attempt(delivery)
        if acknowledged and sum(attempt.acknowledged for attempt in delivery.attempts) < delivery.copies:
            acknowledged = await self._attempt(delivery)
        if acknowledged:
            return
        tried = len(delivery.attempts)
        if tried > len(RETRY_SECONDS):
            delivery.state = DeliveryState.FAILED
            return
        self._send_after(RETRY_SECONDS[tried - 1], delivery)

    def _send_after(self, seconds: float, delivery: Delivery) -> None:
        if self._closed or len(self._timers) >= MOST_QUEUED:
            self._drop(delivery)
            return
        self._unsettled += 1
        self._settled.clear()

        def send() -> None:
            self._timers.discard(timer)
            if delivery.state in {DeliveryState.QUEUED, DeliveryState.HELD}:
                delivery.state = DeliveryState.QUEUED
                self._enqueue(delivery)
            self._done()

        timer = asyncio.get_running_loop().call_later(seconds, send)
        self._timers.add(timer)

    def _drop(self, delivery: Delivery) -> None:
        delivery.state = DeliveryState.DROPPED
        self.dropped += 1

    def _done(self) -> None:
        self._unsettled -= 1
        if self._unsettled <= 0:
            self._settled.set()

    async def _attempt(self, delivery: Delivery) -> bool:
        """Try once, and tell whether it was acknowledged."""
        async with self._turn:
            if self._session is None:
                self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS))
            now = int(self._clock())
            signed = self._sign(delivery.notice, now)
            status = 0
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.post(
                    self.url, data=signed.body, headers=dict(signed.headers), allow_redirects=False
                ) as response:
                    status = response.status
            delivery.attempts.append(Attempt(status, now))
        if delivery.attempts[-1].acknowledged:
            delivery.state = DeliveryState.DELIVERED
        return delivery.attempts[-1].acknowledged
