"""Operators' REST calls about PSP accounts, with failures that name the next step."""

import http
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from devstack.configuration import load_configuration
from devstack.errors import StackError
from devstack.rest import Answer, Rest
from devstack.seed import remembered_merchant

PAGES_MAX: Final = 100


class Operator:
    """Calls the running stack with its operator key; raises StackError for every answer that is no success."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """Read one thing; empty query values are left out."""
        given = urlencode({name: value for name, value in query.items() if value})
        return _good(self._rest.get(f"{path}?{given}" if given else path))

    def change(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Create or change something."""
        return _good(self._rest.post(path, body or {}, money=False))

    def pages(self, path: str, name: str, **query: str) -> Iterator[dict[str, Any]]:
        """Give all entries of a list, page by page."""
        token = ""
        for _ in range(PAGES_MAX):
            page = self.read(path, page_token=token, page_size="100", **query)
            yield from page[name]
            token = page["next_page_token"]
            if not token:
                return


def operator_of(home: Path | None) -> Operator:
    """Give the calls of the stack's operator; raise StackError when the stack was never seeded."""
    configuration = load_configuration(home, create=False)
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "this stack has no operator key yet"
        raise StackError(message, "start it: payera up")
    return Operator(Rest(configuration.rest_url, merchant.operator_key))


def account_path(account: str, action: str = "") -> str:
    """Give the path of an account, or of something to be done with it."""
    return f"/v1/psp_accounts/{quote(account, safe='')}{action}"


def _good(answer: Answer) -> dict[str, Any]:
    if answer.status == http.HTTPStatus.OK:
        return answer.body
    lines = [answer.body.get("message", f"answered {answer.status}")]
    remedy = ""
    for detail in answer.body.get("details", []):
        remedy = detail.get("metadata", {}).get("remedy", remedy)
        violations = detail.get("field_violations", [])
        lines += [f"{each['field']}: {each['description']}" for each in violations[1:]]
    raise StackError("\n       ".join(lines), remedy or "see the log: payera logs connectors")
