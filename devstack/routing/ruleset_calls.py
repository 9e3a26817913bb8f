"""Calls of rulesets over REST, with a merchant's key, or an operator's for a merchant."""

import http
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import urlencode

from devstack.configuration import load_configuration
from devstack.errors import StackError
from devstack.rest import Answer, Rest
from devstack.seed import remembered_merchant

KEY_VARIABLE: Final = "PAYERA_API_KEY"
PAGES_MAX: Final = 1_000
INVALID: Final = "RULESET_INVALID"


class RulesetRefusedError(StackError):
    """A call was refused; `reason` is that of the error catalogue."""

    def __init__(self, message: str, next_step: str, reason: str) -> None:
        super().__init__(message, next_step)
        self.reason = reason


class Rulesets:
    """One merchant's rulesets; `merchant_id` is named with an operator's key alone."""

    def __init__(self, rest: Rest, merchant_id: str = "") -> None:
        self._rest = rest
        self._merchant_id = merchant_id

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """Read one thing; empty query values are left out."""
        given = {name: value for name, value in (query | {"merchant_id": self._merchant_id}).items() if value}
        return _good(self._rest.get(f"/v1/routing/{path}" + (f"?{urlencode(given)}" if given else "")))

    def change(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Check, save or change something."""
        sent = dict(body or {})
        if self._merchant_id:
            sent["merchant_id"] = self._merchant_id
        return _good(self._rest.post(f"/v1/routing/{path}", sent, money=False))

    def pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Give all entries of a list, page by page."""
        token = ""
        for _ in range(PAGES_MAX):
            page = self.read(path, page_token=token, page_size="100")
            yield from page[name]
            token = page["next_page_token"]
            if not token:
                return

    def active(self) -> dict[str, Any]:
        """Tell which version decides."""
        return self.read("active_ruleset")

    def ruleset(self, version: int) -> dict[str, Any]:
        """Read one version."""
        return self.read(f"rulesets/{version}")

    def check(self, ruleset: Mapping[str, Any]) -> dict[str, Any]:
        """Check a ruleset."""
        return self.change("rulesets:check", {"ruleset": ruleset})


def rulesets_of(home: Path | None, *, key_file: TextIO | None, merchant: str, operator: bool) -> Rulesets:
    """Give the calls with the key of the file, else of the environment, else of the stack's own merchant.

    With `operator` the stack's operator calls for its merchant, or for the one that is named. Raises StackError when
    there is no key.
    """
    configuration = load_configuration(home, create=False)
    own = remembered_merchant(configuration)
    if key_file is not None:
        key = key_file.readline().strip()
    elif operator:
        key = "" if own is None else own.operator_key
        merchant = merchant or ("" if own is None else own.merchant_id)
    else:
        key = os.environ.get(KEY_VARIABLE, "").strip() or ("" if own is None else own.secret_key)
    if not key or not key.isascii() or not key.isprintable():
        raise StackError("there is no API key to call with", "start the stack: payera up, or name a key: --key-file")
    return Rulesets(Rest(configuration.rest_url, key), merchant)


def _good(answer: Answer) -> dict[str, Any]:
    if answer.status == http.HTTPStatus.OK:
        return answer.body
    lines = [answer.body.get("message", f"answered {answer.status}")]
    remedy = ""
    for detail in answer.body.get("details", []):
        remedy = detail.get("metadata", {}).get("remedy", remedy)
        lines += [f"{each['field']}: {each['description']}" for each in detail.get("field_violations", [])[1:]]
    next_step = remedy or "see the log: payera logs router"
    raise RulesetRefusedError("\n       ".join(lines), next_step, answer.reason)
