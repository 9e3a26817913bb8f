"""Bounds of the durable driver: timeouts, retries and the number of steps of one workflow run."""

from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy

# A PSP may take long to authorize; a capture, void or refund is alike. An ask is a plain read.
SEND_TIMEOUT_MS: Final = 12_000
ASK_TIMEOUT_MS: Final = 5_000

# Sending, then recording against a database that comes back late, within one activity.
ADVANCE_TIMEOUT: Final = timedelta(seconds=30)

# How long one step may be retried while the database is away. After that the run fails, and the sweep starts anew.
ADVANCE_PATIENCE: Final = timedelta(minutes=10)

# Retrying is safe because an activity begins from the recorded state: what may have been sent is asked for.
ADVANCE_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=15),
    maximum_attempts=60,
)

# A longer wait between retries is a timer in the server, not a workflow task held open.
LOCAL_RETRY_THRESHOLD: Final = timedelta(seconds=3)

# The core allows 4 attempts, each with 11 asks, or with some 120 steps where it waits for the shopper; more than this
# can only be a fault of ours.
STEPS_MAX: Final = 500

# A worker that died with a step in hand is noticed after this long.
WORKFLOW_TASK_TIMEOUT: Final = timedelta(seconds=5)

# A call is sent only while the record it rests on is this young; every PSP remembers a key for far longer.
FRESH_SECONDS: Final = 60.0

# Records are retried at once, outcome in hand: losing it would cost an ask at the PSP.
RECORD_TRIES_MAX: Final = 6
RECORD_FIRST_WAIT_SECONDS: Final = 0.05

SWEEP_TIMEOUT: Final = timedelta(seconds=30)
SWEEP_PATIENCE: Final = timedelta(seconds=50)
SWEEP_RUN_TIMEOUT: Final = timedelta(seconds=60)
SWEEP_RETRY: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)

# A sweep tells the vault of so many stored cards at once, so many times; each is one small write there.
TOKENS_AT_ONCE: Final = 20
TOKEN_BATCHES_MAX: Final = 10
KEEP_TIMEOUT_MS: Final = 2_000
