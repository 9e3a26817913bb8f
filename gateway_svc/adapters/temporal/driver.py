"""Hands what a request could not finish to the workflows, and waits a little for them."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError

from gateway_svc.adapters.temporal.starting import MODIFICATION, PAYMENT, start_operation
from gateway_svc.workflows.messages import SETTLED_UPDATE
from mesh.keyring import KeyringError, load_keyring
from mesh.temporal_connection import connect, new_runtime

# The start is pursued this long even when the caller can't wait; after that the sweep must find the work.
START_SECONDS: Final = 5.0
# Starts under way at once; what comes on top of them is left to the sweep.
PURSUED_MAX: Final = 256
# After a failed connection others are not tried for this long, so that a dead Temporal costs the requests nothing.
PAUSE_SECONDS: Final = 0.5

_FAILURES: Final = (TemporalError, RPCError, RuntimeError, OSError, TimeoutError, KeyringError)


class TemporalDurableDriver:
    """The `DurableDriver` port over Temporal's update-with-start.

    Needs neither Temporal nor the keyring when it is made: it connects at the first call, and again after a failure.
    Never raises for Temporal being away, slow or wrongly set up: that is logged, and the sweep finds the work.
    """

    def __init__(self, address: str, namespace: str, codec_keyring_path: Path) -> None:
        self._address = address
        self._namespace = namespace
        self._keyring_path = codec_keyring_path
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._refuse_until = 0.0
        self._pursued: set[asyncio.Task[None]] = set()
        self._logger = structlog.get_logger()

    async def settle_payment(self, payment_id: str, *, wait_ms: int) -> None:
        """Start or join the payment's workflow and wait at most ``wait_ms`` for it to leave PROCESSING."""
        await self._settle(PAYMENT, payment_id, wait_ms / 1000)

    async def settle_modification(self, modification_id: str, *, wait_ms: int) -> None:
        """Start or join the modification's workflow and wait at most ``wait_ms`` for it to be settled."""
        await self._settle(MODIFICATION, modification_id, wait_ms / 1000)

    async def close(self) -> None:
        """Give up the starts that are still pursued."""
        pursued = tuple(self._pursued)
        for task in pursued:
            task.cancel()
        await asyncio.gather(*pursued, return_exceptions=True)

    async def _settle(self, kind: str, reference: str, wait_seconds: float) -> None:
        if len(self._pursued) >= PURSUED_MAX or time.monotonic() < self._refuse_until:
            self._logger.warning("workflow not started", reference=reference, error="Temporal is away or slow")
            return
        # A task of its own: the caller may go at any moment without taking the start with it.
        task = asyncio.create_task(self._pursue(kind, reference, max(wait_seconds, START_SECONDS)))
        self._pursued.add(task)
        task.add_done_callback(self._pursued.discard)
        await asyncio.wait({task}, timeout=max(wait_seconds, 0.0))

    async def _pursue(self, kind: str, reference: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                client = await self._connected()
                await client.execute_update_with_start_workflow(
                    SETTLED_UPDATE,
                    start_workflow_operation=start_operation(kind, reference),
                    rpc_timeout=timedelta(seconds=seconds),
                )
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
            self._logger.info("workflow not settled in time", reference=reference)
        except WorkflowUpdateFailedError:
            self._logger.warning("workflow ended before it was settled", reference=reference)
        except _FAILURES as error:
            self._logger.warning("workflow not started", reference=reference, error=str(error))

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None:
                if time.monotonic() < self._refuse_until:
                    message = "Temporal was away a moment ago"
                    raise TimeoutError(message)
                try:
                    keyring = load_keyring(self._keyring_path)
                    self._client = await connect(self._address, self._namespace, keyring, new_runtime())
                except _FAILURES:
                    self._refuse_until = time.monotonic() + PAUSE_SECONDS
                    raise
            return self._client
