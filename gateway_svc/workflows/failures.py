"""Turns refusals into failures of an activity that Temporal retries, or does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from temporalio.exceptions import ApplicationError

from mesh.reasons import Reason
from mesh.refusal import Refusal

PASSING: Final = frozenset({Reason.UNAVAILABLE, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED, Reason.INTERNAL})


@contextmanager
def refusals_as_failures() -> Iterator[None]:
    """Raise ApplicationError with the refusal's reason as type; one that time may heal is retried, another is not."""
    try:
        yield
    except Refusal as refusal:
        reason = refusal.reason
        raise ApplicationError(reason.value, type=reason.value, non_retryable=reason not in PASSING) from None
