"""Starts rotations in Temporal and reads how far they are."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from mesh.keyring import KeyringError, load_keyring
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.temporal_connection import connect, new_runtime
from vault_svc.application.ports.rotations import (
    RotationCounts,
    RotationKind,
    RotationOrder,
    RotationReport,
    RotationState,
)
from vault_svc.application.rotate_keys import Position
from vault_svc.workflows.limits import WORKFLOW_TASK_TIMEOUT
from vault_svc.workflows.messages import (
    PROGRESS_MEMO,
    ROTATION_WORKFLOW,
    TASK_QUEUE,
    RotationProgress,
    RotationRun,
    workflow_id_of,
)

CALL_SECONDS: Final = 5.0
# After a failed connection others are not tried for this long, so that a dead Temporal costs nobody seconds.
PAUSE_SECONDS: Final = 0.5

_CALL_TIMEOUT: Final = timedelta(seconds=CALL_SECONDS)
_FAILURES: Final = (TemporalError, RPCError, RuntimeError, OSError, TimeoutError, KeyringError, ValueError)
_RUNNING: Final = frozenset({WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW})
_MILLISECONDS: Final = 1000


class TemporalRotations:
    """The `Rotations` port over one workflow for each kind.

    Needs neither Temporal nor the keyring when it is made: it connects at the first call, and again after a failure.
    Temporal being away, slow or wrongly set up is Refusal(UNAVAILABLE), and logged.
    """

    def __init__(
        self, address: str, namespace: str, codec_keyring_path: Path | None, *, task_queue: str = TASK_QUEUE
    ) -> None:
        self._address = address
        self._namespace = namespace
        self._keyring_path = codec_keyring_path
        self._task_queue = task_queue
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._refuse_until = 0.0
        self._logger = structlog.get_logger()

    async def start(self, order: RotationOrder) -> RotationReport:
        """Start a rotation, or tell of the one of that kind that runs already, whatever its order was."""
        progress = RotationProgress(RotationCounts())
        async with self._reached() as client:
            await client.start_workflow(
                ROTATION_WORKFLOW,
                RotationRun(order, Position(), progress),
                id=workflow_id_of(order.kind),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_timeout=WORKFLOW_TASK_TIMEOUT,
                memo={PROGRESS_MEMO: progress},
                rpc_timeout=_CALL_TIMEOUT,
            )
            self._logger.info(
                "rotation ordered", kind=order.kind.value, merchant_id=order.merchant_id, key_id=order.requested_by
            )
            return await _report(client, order.kind)

    async def find(self, kind: RotationKind) -> RotationReport | None:
        """Tell of the newest rotation of a kind, for as long as Temporal keeps what is over."""
        async with self._reached() as client:
            try:
                return await _report(client, kind)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[Client]:
        try:
            async with asyncio.timeout(2 * CALL_SECONDS):
                yield await self._connected()
        except _FAILURES as error:
            self._logger.warning("rotations are out of reach", error=str(error))
            raise Refusal(Reason.UNAVAILABLE) from None

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None:
                if time.monotonic() < self._refuse_until:
                    message = "Temporal was away a moment ago"
                    raise TimeoutError(message)
                try:
                    self._client = await self._connect()
                except _FAILURES:
                    self._refuse_until = time.monotonic() + PAUSE_SECONDS
                    raise
            return self._client

    async def _connect(self) -> Client:
        if not self._address or self._keyring_path is None:
            message = "PAYERA_TEMPORAL_ADDRESS or PAYERA_CODEC_KEYRING is not set"
            raise OSError(message)
        return await connect(self._address, self._namespace, load_keyring(self._keyring_path), new_runtime())


async def _report(client: Client, kind: RotationKind) -> RotationReport:
    description = await client.get_workflow_handle(workflow_id_of(kind)).describe(rpc_timeout=_CALL_TIMEOUT)
    # Anybody who may write to Temporal could have put anything there: the codec refuses what we did not encrypt.
    progress = await description.memo_value(
        PROGRESS_MEMO, RotationProgress(RotationCounts()), type_hint=RotationProgress
    )
    started = progress.started_ms / _MILLISECONDS
    return RotationReport(
        kind=kind,
        state=_state_of(description),
        counts=progress.counts,
        started_at=datetime.fromtimestamp(started, tz=UTC) if started else description.start_time,
        ended_at=None if _state_of(description) is RotationState.RUNNING else description.close_time,
    )


def _state_of(description: WorkflowExecutionDescription) -> RotationState:
    if description.status in _RUNNING:
        return RotationState.RUNNING
    if description.status is WorkflowExecutionStatus.COMPLETED:
        return RotationState.FINISHED
    return RotationState.FAILED
