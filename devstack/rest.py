"""A merchant's view of the stack: plain REST calls with a key, as `curl` would make them."""

import http.client
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from devstack.errors import StackError

TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: HTTP status, headers with lower-case names, and the JSON body."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def reason(self) -> str:
        """Return the error's reason, empty when the answer is none."""
        details = self.body.get("details", [])
        return next((detail["reason"] for detail in details if "reason" in detail), "")


class Rest:
    """Calls the edge with one API key; every call has a deadline."""

    def __init__(self, base_url: str, key: str) -> None:
        self._address = urlsplit(base_url).netloc
        self._key = key

    def get(self, path: str) -> Answer:
        """Read."""
        return self.send("GET", path)

    def post(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None, money: bool = True
    ) -> Answer:
        """Create or change; a call that moves money gets an idempotency key of its own unless one is given."""
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())} if money or idempotency_key else {}
        return self.send("POST", path, json.dumps(body).encode(), headers)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send exactly this; raise StackError when nobody answers."""
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        sent = {"content-type": "application/json", **(headers or {})}
        if self._key:
            sent["authorization"] = f"Bearer {self._key}"
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            message = f"{method} {path} got no answer from {self._address}: {type(error).__name__}"
            raise StackError(message, "see whether everything runs: payera status") from error
        finally:
            connection.close()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, names, json.loads(text) if text else {})


def expect_ok(answer: Answer, what: str) -> dict[str, Any]:
    """Return the body of a good answer; raise StackError that names ``what`` for any other."""
    if answer.status != http.HTTPStatus.OK:
        message = f"{what} was answered {answer.status} {answer.reason}: {answer.body.get('message', '')}"
        raise StackError(message, "see the log: payera logs gateway")
    return answer.body
