"""Adyen's connector, put together, with the try-out of an account's credentials."""

from typing import Final

from psp_connectors.connectors.adyen.answers import parse
from psp_connectors.connectors.adyen.capabilities import CAPABILITIES, SHAPE
from psp_connectors.connectors.adyen.requests import build, request_to
from psp_connectors.connectors.adyen.webhooks import read_webhook
from psp_connectors.domain.connector import Account, AccountCheck, CheckResult, Connector
from psp_connectors.domain.http import HttpRequest, HttpResponse, json_object
from psp_connectors.domain.reading import text_at, value_at

_OK: Final = 200
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


def build_check(account: Account) -> HttpRequest:
    """Give a request for the payment methods of the merchant account, which needs the key and moves no money."""
    return request_to(account, "/paymentMethods", {"channel": "Web"})


def parse_check(account: Account, response: HttpResponse) -> CheckResult:
    """Say whether the key and the merchant account fit; the detail holds Adyen's error code at most."""
    del account
    answer = json_object(response)
    if response.status == _OK and isinstance(value_at(answer, "paymentMethods"), list):
        return CheckResult(passed=True, detail="Adyen gave the payment methods of the merchant account")
    if response.status == _UNAUTHORIZED:
        return CheckResult(passed=False, detail="Adyen refused the API key")
    error_code = text_at(answer, "errorCode")
    shown = f", error {error_code}" if error_code.isascii() and error_code.replace("_", "").isalnum() else ""
    if response.status == _FORBIDDEN:
        return CheckResult(
            passed=False, detail=f"the API key has no access to the merchant account or lacks a role{shown}"
        )
    return CheckResult(passed=False, detail=f"Adyen answered with status {response.status}{shown[:32]}")


ADYEN: Final = Connector(
    name="adyen",
    capabilities=CAPABILITIES,
    shape=SHAPE,
    build=build,
    parse=parse,
    read_webhook=read_webhook,
    check=AccountCheck(build=build_check, parse=parse_check),
)
"""The connector itself."""
