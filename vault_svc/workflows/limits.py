"""Bounds of a rotation: timeouts and retries."""

from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy

# A batch takes a second or two; on a slow database it may take as long as its statements do.
BATCH_TIMEOUT: Final = timedelta(minutes=10)
# A worker that died with a batch in hand is noticed after this long. One that was only slow may go on beside the next.
HEARTBEAT_TIMEOUT: Final = timedelta(seconds=10)
HEARTBEAT_SECONDS: Final = 3.0

# While database or key provider are away a batch is tried again and again: nobody should have to start it anew.
BATCH_PATIENCE: Final = timedelta(days=7)
BATCH_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=0,
)

WORKFLOW_TASK_TIMEOUT: Final = timedelta(seconds=10)
