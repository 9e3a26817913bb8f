"""Stripe's connector, put together."""

from typing import Final

from psp_connectors.connectors.stripe.answers import parse
from psp_connectors.connectors.stripe.capabilities import CAPABILITIES, SHAPE
from psp_connectors.connectors.stripe.requests import build, headers_of
from psp_connectors.connectors.stripe.webhooks import read_webhook
from psp_connectors.domain.connector import Account, AccountCheck, CheckResult, Connector
from psp_connectors.domain.http import HttpRequest, HttpResponse, json_object
from psp_connectors.domain.reading import text_at

_OK: Final = 200
_NO_ACCESS: Final = frozenset({401, 403})


def _try_out(account: Account) -> HttpRequest:
    return HttpRequest(method="GET", url=f"{account.base_url}/v1/balance", headers=headers_of(account))


def _tried_out(_account: Account, response: HttpResponse) -> CheckResult:
    if response.status in _NO_ACCESS:
        return CheckResult(passed=False, detail="Stripe refuses the key, or the key may not read the balance")
    answer = json_object(response)
    if response.status != _OK or text_at(answer, "object") != "balance":
        return CheckResult(passed=False, detail=f"Stripe did not answer the check: status {response.status}")
    return CheckResult(passed=True, detail="Stripe accepts the key")


STRIPE: Final = Connector(
    name="stripe",
    capabilities=CAPABILITIES,
    shape=SHAPE,
    build=build,
    parse=parse,
    read_webhook=read_webhook,
    check=AccountCheck(build=_try_out, parse=_tried_out),
)
"""The connector itself."""
