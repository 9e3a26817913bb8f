"""Does one batch of a rotation, and tells Temporal meanwhile that it is alive."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from mesh.refusal import Refusal
from vault_svc.application.ports.key_provider import KeyProviderDownError, KeyUnavailableError
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Rotation, Step
from vault_svc.workflows.limits import HEARTBEAT_SECONDS
from vault_svc.workflows.messages import ROTATE_BATCH, BatchOrder

AFTER_ITEM: Final = "vault_worker.after_item"
AFTER_BATCH: Final = "vault_worker.after_batch"


class Crashes(Protocol):
    """Points at which a test may end the process; `mesh.crashpoints.CrashPoints` is one."""

    async def reach(self, name: str) -> None:
        """Return at once unless a test has armed ``name``."""
        ...


class BatchObserver(Protocol):
    """Counts what batches do."""

    def stepped(self, kind: RotationKind, step: Step) -> None:
        """Note what a batch has done."""
        ...

    def failed(self, kind: RotationKind, reason: str) -> None:
        """Note that a batch has to be tried again."""
        ...


class RotationActivities:
    """Batches of every kind of rotation."""

    def __init__(
        self,
        rotations: Mapping[RotationKind, Rotation],
        crashes: Crashes,
        observer: BatchObserver,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    ) -> None:
        self._rotations = rotations
        self._crashes = crashes
        self._observer = observer
        self._logger = logger

    @activity.defn(name=ROTATE_BATCH)
    async def rotate_batch(self, batch: BatchOrder) -> Step:
        """Do the batch. May be repeated after any crash: what is done already is found done."""
        kind = batch.order.kind
        async with _heartbeats():
            try:
                step = await self._rotations[kind].advance(batch.order, batch.position, self._tick)
            except Refusal as refusal:
                raise self._failure(kind, refusal.reason.value) from None
            except (KeyProviderDownError, KeyUnavailableError) as error:
                # Its text names a key, never its bytes.
                self._logger.warning("key provider can't be used", kind=kind.value, error=str(error))
                raise self._failure(kind, type(error).__name__) from None
            except Exception as error:  # noqa: BLE001 - whatever it is, its text must not get into a history
                # A driver's text may quote rows, with sealed bytes in them: type and place have to do.
                place = traceback.format_tb(error.__traceback__)[-3:]
                self._logger.error(  # noqa: TRY400 - with the text left out
                    "batch failed", kind=kind.value, error=type(error).__name__, place=place
                )
                raise self._failure(kind, type(error).__name__) from None
        self._observer.stepped(kind, step)
        await self._crashes.reach(AFTER_BATCH)
        return step

    def _failure(self, kind: RotationKind, reason: str) -> ApplicationError:
        self._observer.failed(kind, reason)
        return ApplicationError(reason, type=reason)

    async def _tick(self) -> None:
        await self._crashes.reach(AFTER_ITEM)


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Send heartbeats for as long as the block runs, however long one of its statements takes."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
