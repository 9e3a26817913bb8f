"""HTTP requests and responses as values, so that connectors need no client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request ready to be sent. Headers and body are secret: they hold credentials and card data."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A complete response: status, headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def content_type(self) -> str:
        """Give the media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class NotSentReason(StrEnum):
    """Why no byte of the request left this machine."""

    CONNECT_FAILED = "connect_failed"
    POOL_EXHAUSTED = "pool_exhausted"
    NO_TIME = "no_time"


class UnansweredReason(StrEnum):
    """Why a request that may have left was not answered with a complete response."""

    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably no byte of the request reached the PSP."""

    reason: NotSentReason


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Bytes may have reached the PSP, and no complete response came back."""

    reason: UnansweredReason


Delivery = HttpResponse | NotSent | Unanswered
"""What became of a request."""


def json_body(value: object) -> tuple[str, bytes]:
    """Give content type and body of a JSON request."""
    return "application/json", msgspec.json.encode(value)


def form_body(fields: Sequence[tuple[str, str]]) -> tuple[str, bytes]:
    """Give content type and body of a form request; fields keep their order and may repeat."""
    return "application/x-www-form-urlencoded", urlencode(list(fields)).encode("ascii")


def json_object(response: HttpResponse) -> dict[str, object] | None:
    """Read the body as a JSON object; None when it is anything else or is not declared as JSON."""
    media_type = response.content_type
    if media_type != "application/json" and not media_type.endswith("+json"):
        return None
    try:
        value = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
