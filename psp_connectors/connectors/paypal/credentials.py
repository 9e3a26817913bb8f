"""How PayPal is asked for an access token, and how an account's credentials are tried without moving money.

Sources: "Authentication" (POST /v1/oauth2/token with client id and secret as basic authentication) and the Webhooks v1
description (`webhooks.get`).
"""

import base64
from typing import Final
from urllib.parse import quote

from psp_connectors.connectors.paypal.capabilities import CLIENT_ID, WEBHOOK_ID
from psp_connectors.connectors.paypal.requests import AUTHORIZATIONS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccessToken, Account, AccountCheck, CheckResult, TokenGrant
from psp_connectors.domain.http import HttpRequest, HttpResponse, form_body, json_object
from psp_connectors.domain.reading import integer_at, text_at

_OK: Final = 200
_NOT_FOUND: Final = 404
_LONGEST_TOKEN: Final = 4096
_LONGEST_LIFETIME: Final = 24 * 3600
_NOBODYS: Final = "PAYERACHECK"
"""An id that no authorization has, to learn whether we may ask for one."""


def build_grant(account: Account) -> HttpRequest:
    """Ask for a token with the app's client id and secret."""
    credentials = f"{account.settings.get(CLIENT_ID, '')}:{account.api_key.reveal()}"
    content_type, body = form_body([("grant_type", "client_credentials")])
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/v1/oauth2/token",
        headers={
            "Authorization": "Basic " + base64.b64encode(credentials.encode()).decode("ascii"),
            "Accept": "application/json",
            "Content-Type": content_type,
        },
        body=body,
    )


def parse_grant(response: HttpResponse) -> AccessToken | None:
    """Give the token, None for an answer that is none."""
    answer = json_object(response)
    token, lifetime = text_at(answer, "access_token"), integer_at(answer, "expires_in")
    usable = 0 < len(token) <= _LONGEST_TOKEN and token.isascii() and token.isprintable() and " " not in token
    if response.status != _OK or not usable or lifetime is None or lifetime <= 0:
        return None
    if text_at(answer, "token_type").lower() != "bearer":
        return None
    return AccessToken(Secret(token), min(lifetime, _LONGEST_LIFETIME))


def build_check(account: Account) -> HttpRequest:
    """Ask for our webhook, else for an authorization that does not exist: either needs good credentials."""
    first = account.settings.get(WEBHOOK_ID, "").partition(",")[0]
    path = f"/v1/notifications/webhooks/{quote(first, safe='')}" if first else f"{AUTHORIZATIONS}/{_NOBODYS}"
    headers = {"Authorization": f"Bearer {account.access_token.reveal()}", "Accept": "application/json"}
    return HttpRequest(method="GET", url=account.base_url + path, headers=headers)


def parse_check(account: Account, response: HttpResponse) -> CheckResult:
    """Say whether the credentials are good, and whether PayPal knows the webhook."""
    answer = json_object(response)
    webhook_id = account.settings.get(WEBHOOK_ID, "").partition(",")[0]
    if answer is None:
        return CheckResult(passed=False, detail=f"PayPal gave no readable answer (status {response.status})")
    if not webhook_id:
        known = response.status == _NOT_FOUND and text_at(answer, "name") == "RESOURCE_NOT_FOUND"
        detail = "PayPal takes the credentials; no webhook is set up" if known else _refusal(response)
        return CheckResult(passed=known, detail=detail)
    if response.status == _OK and text_at(answer, "id") == webhook_id:
        return CheckResult(passed=True, detail="PayPal takes the credentials and knows the webhook")
    if response.status == _NOT_FOUND:
        return CheckResult(passed=False, detail="PayPal takes the credentials, but has no webhook of this id")
    return CheckResult(passed=False, detail=_refusal(response))


def _refusal(response: HttpResponse) -> str:
    return f"PayPal refused the credentials (status {response.status})"


GRANT: Final = TokenGrant(build=build_grant, parse=parse_grant)
CHECK: Final = AccountCheck(build=build_check, parse=parse_check)
