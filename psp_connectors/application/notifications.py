"""Makes what connectors read out of webhooks fit to be kept."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from psp_connectors.domain.webhooks import Notification

_EVENT_ID_MAX: Final = 255
_INT64: Final = (-(2**63), 2**63 - 1)


def fit(notifications: Iterable[Notification]) -> tuple[tuple[Notification, ...], int]:
    """Give the events with texts and numbers that a database takes, each event id once, and how many can't be kept.

    An id that is too long to be kept becomes its SHA-256: equal ids stay equal. An event without an id is told apart
    by all that it says.
    """
    found: dict[str, Notification] = {}
    unfit = 0
    for notification in notifications:
        try:
            clean = from_plain(_clean(to_plain(notification)))
            text = msgspec.json.encode(clean)
        except (msgspec.MsgspecError, ValueError, OverflowError, TypeError, RecursionError):
            # A number of more than 64 bits, say; the other events of the batch are not to suffer for it.
            unfit += 1
            continue
        event_id = clean.event_id or _digest(text)
        if len(event_id) > _EVENT_ID_MAX:
            event_id = _digest(event_id.encode())
        found.setdefault(event_id, replace(clean, event_id=event_id))
    return tuple(found.values()), unfit


def to_plain(notification: Notification) -> dict[str, Any]:
    """Give an event as plain objects, for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(notification)
    return plain


def from_plain(plain: object) -> Notification:
    """Give the event back; raises msgspec.ValidationError for what `to_plain` did not make."""
    return msgspec.convert(plain, Notification)


def _clean(value: Any) -> Any:  # noqa: ANN401 - whatever JSON may hold
    if isinstance(value, str):
        # PostgreSQL keeps no NUL, and half a surrogate pair has no UTF-8.
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) or (isinstance(value, int) and not _INT64[0] <= value <= _INT64[1]):
        message = "no amount and no time is such a number"
        raise ValueError(message)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _digest(text: bytes) -> str:
    return f"sha256:{hashlib.sha256(text).hexdigest()}"
