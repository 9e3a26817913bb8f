"""Checkout.com's connector, put together, with the try-out of an account's credentials."""

from typing import Final

from psp_connectors.connectors.checkout.answers import parse
from psp_connectors.connectors.checkout.capabilities import CAPABILITIES, SHAPE
from psp_connectors.connectors.checkout.requests import build, headers_of, payment_url
from psp_connectors.connectors.checkout.webhooks import read_webhook
from psp_connectors.domain.connector import Account, AccountCheck, CheckResult, Connector
from psp_connectors.domain.http import HttpRequest, HttpResponse

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404

_NO_PAYMENT: Final = "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"
"""An id of the right form that no payment has."""


def build_check(account: Account) -> HttpRequest:
    """Ask for a payment that does not exist: only a good key is told so, and no money moves."""
    return HttpRequest(method="GET", url=payment_url(account, _NO_PAYMENT), headers=headers_of(account))


def parse_check(account: Account, response: HttpResponse) -> CheckResult:
    """Say whether the key is good."""
    del account
    if response.status == _NOT_FOUND:
        return CheckResult(passed=True, detail="Checkout.com accepts the key and may be asked about payments")
    if response.status == _UNAUTHORIZED:
        return CheckResult(passed=False, detail="Checkout.com refused the secret key")
    if response.status == _FORBIDDEN:
        return CheckResult(passed=False, detail="the secret key has no access to payment details")
    return CheckResult(passed=False, detail=f"Checkout.com answered with status {response.status}")


CHECKOUT: Final = Connector(
    name="checkout",
    capabilities=CAPABILITIES,
    shape=SHAPE,
    build=build,
    parse=parse,
    read_webhook=read_webhook,
    check=AccountCheck(build=build_check, parse=parse_check),
)
"""The connector itself."""
