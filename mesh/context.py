"""What is known of the call being served: who calls, with which key, and until when."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum


class KeyScope(IntEnum):
    """What an API key may do; the values are those of `payera.options.v1.KeyScope`."""

    PUBLISHABLE = 1
    SECRET = 2
    OPERATOR = 3


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of an API key.

    `merchant_id` is empty for an operator's key; a key that is not `live` works on test accounts only.
    """

    merchant_id: str
    scope: KeyScope
    key_id: str
    live: bool


@dataclass(slots=True)
class CallContext:
    """One call: `principal` is None for internal rpcs, `deadline` is in seconds of `time.monotonic`."""

    request_id: str
    caller: str
    principal: Principal | None
    idempotency_key: str
    deadline: float
    replayed: bool = False


_CURRENT: ContextVar[CallContext] = ContextVar("payera_call")


def current() -> CallContext:
    """Give the call being served; raises LookupError outside a call."""
    return _CURRENT.get()


def current_or_none() -> CallContext | None:
    """Give the call being served, or None outside a call."""
    return _CURRENT.get(None)


def set_current(context: CallContext) -> None:
    """Make `context` the call of the running task; the server does this once per call."""
    _CURRENT.set(context)


@contextmanager
def serving(context: CallContext) -> Iterator[CallContext]:
    """Make `context` the current call within a `with` block, for work that no server started."""
    token = _CURRENT.set(context)
    try:
        yield context
    finally:
        _CURRENT.reset(token)


def remaining_ms(context: CallContext) -> int:
    """Give the milliseconds left until the call's deadline, never below zero."""
    return max(0, int((context.deadline - time.monotonic()) * 1000))


def mark_replayed() -> None:
    """Say that the answer is that of an earlier call with the same key; the server adds `idempotent-replayed: true`."""
    _CURRENT.get().replayed = True
