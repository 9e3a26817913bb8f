"""The newest requests and answers of an account, for people to read: nothing secret of them is shown."""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from devstack.sandbox.incoming import Incoming
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.wire import GoneNowhere
from mesh.card_numbers import mask_card_numbers

MOST_KEPT: Final = 100
MASK: Final = "***"
_SHOWN_START, _SHOWN_END = 6, 4
"""What may be shown of a card number: PCI DSS 4.0.1, requirement 3.4.1."""
_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")
_SECRET_HEADERS: Final = frozenset({"authorization", "x-api-key", "cookie", "set-cookie"})
_SECRET_FIELDS: Final = frozenset(
    {"cvc", "cvv", "cvc2", "cvv2", "security_code", "access_token", "refresh_token", "client_secret", "password"}
)
#: Of the connection, not of the call.
_TRANSPORT_HEADERS: Final = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-length", "user-agent", "date", "server"}
)
_SECRET_IN_TEXT: Final = re.compile(rf"((?:{'|'.join(sorted(_SECRET_FIELDS))})\W{{1,8}})[A-Za-z0-9_.-]+", re.IGNORECASE)
"""What stands behind the name of a secret field in a text that could not be taken apart."""
_SCHEME: Final = re.compile(r"(?:basic|bearer) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer, None when it got no whole one; its repr shows neither."""

    number: int
    request: Incoming = field(repr=False)
    answer: web.Response | None = field(repr=False)


class Exchanges:
    """Keeps the newest MOST_KEPT of one account, as they were; `told` gives them without what is secret."""

    def __init__(self, account: AccountEntry) -> None:
        self._secrets = sorted(
            {
                text
                for text in (
                    account.api_key, account.webhook_secret, account.webhook_secret_before, *account.secrets.values()
                )
                if text
            },
            key=len,
            reverse=True,
        )  # fmt: skip
        self._kept: deque[Exchange] = deque(maxlen=MOST_KEPT)
        self._count = 0

    @property
    def count(self) -> int:
        """Tell how many there were."""
        return self._count

    def keep(self, request: Incoming, response: web.StreamResponse | None) -> None:
        """Keep one; what is no whole answer counts as none."""
        self._count += 1
        whole = isinstance(response, web.Response) and not isinstance(response, GoneNowhere)
        self._kept.append(Exchange(self._count, request, response if whole else None))  # type: ignore[arg-type]

    def told(self, after: int) -> Iterator[dict[str, Any]]:
        """Yield those numbered higher than `after`, oldest first, as JSON data."""
        for exchange in list(self._kept):
            if exchange.number > after:
                yield self._told(exchange)

    def _told(self, exchange: Exchange) -> dict[str, Any]:
        request, answer = exchange.request, exchange.answer
        told = {
            "number": exchange.number,
            "method": request.method,
            "path": self._text(request.path),
            "query": self._text(request.query),
            "headers": self._headers(request.headers.items()),
            "body": self._body(request.headers.get("content-type", ""), request.body),
            "answer": None,
        }
        if answer is not None:
            body = answer.body if isinstance(answer.body, bytes) else b""
            told["answer"] = {
                "status": answer.status,
                "headers": self._headers((name.lower(), value) for name, value in answer.headers.items()),
                "body": self._body(answer.content_type, body),
            }
        return told

    def _headers(self, headers: Any) -> dict[str, str]:  # noqa: ANN401 - pairs from two libraries
        shown = {}
        for name, value in headers:
            if name in _TRANSPORT_HEADERS:
                continue
            scheme = _SCHEME.match(value)
            secret = name in _SECRET_HEADERS
            shown[name] = f"{scheme[0] if scheme else ''}{MASK}" if secret else self._text(value)
        return shown

    def _body(self, content_type: str, body: bytes) -> Any:  # noqa: ANN401 - JSON
        """Give JSON as data, a form as pairs, and everything else as text."""
        if not body:
            return None
        try:
            if "x-www-form-urlencoded" in content_type:
                return [
                    [name, self._value(name.rstrip("]").rpartition("[")[2], value)]
                    for name, value in parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
                ]
            return self._value("", json.loads(body))
        except (ValueError, RecursionError):
            return _SECRET_IN_TEXT.sub(rf"\1{MASK}", self._text(body.decode("utf-8", "replace")))

    def _value(self, name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        if name.lower() in _SECRET_FIELDS:
            return MASK if value else value
        if isinstance(value, dict):
            return {self._text(key): self._value(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(name, each) for each in value]
        if value is None or isinstance(value, bool | float):
            return value
        shown = self._shown(name, str(value))
        return value if shown == str(value) else shown

    def _shown(self, name: str, text: str) -> str:
        if name.lower() == "number" and _CARD_NUMBER.fullmatch(text):
            return f"{text[:_SHOWN_START]}{MASK}{text[-_SHOWN_END:]}"
        return self._text(text)

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_card_numbers(text)
