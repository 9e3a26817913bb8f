"""A made-up PSP whose connector uses everything of the contract that accounts and webhooks rest on.

Its webhooks are JSON: a list of items, each with `id`, `type`, `reference` and `amount`, and signed as a whole by
`signature: <secret>` in the header `webhook-signature`; `certificate` there wants a certificate first.
"""

from dataclasses import replace
from typing import Any

import msgspec

from psp_connectors.connectors.sandbox.connector import SANDBOX
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import (
    AccessToken,
    Account,
    AccountCheck,
    AccountField,
    AccountShape,
    CheckResult,
    Connector,
    TokenGrant,
)
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)

CERTIFICATE_URL = "https://certificates.example/1"
PEM = b"-----BEGIN CERTIFICATE-----"
SHAPE = AccountShape(
    api_key="client id",
    secrets=(AccountField(name="client_secret", meaning="client secret of the application"),),
    settings=(
        AccountField(name="merchant_account", meaning="name of the merchant account"),
        AccountField(name="channel", meaning="processing channel", required=False, pattern="pc_[a-z]{3}"),
    ),
    live_url="https://live.psp.example",
    test_url="https://test.psp.example",
)


def sign(secret: str) -> dict[str, str]:
    return {"webhook-signature": f"signature: {secret}"}


def items(*given: dict[str, Any]) -> bytes:
    return msgspec.json.encode(list(given))


def item(
    event_id: str = "evt_1", *, kind: str = "refund", reference: str = "ref_1", amount: Any = 1050
) -> dict[str, Any]:
    return {"id": event_id, "type": kind, "reference": reference, "amount": amount}


def read_webhook(raw: RawWebhook, account: Account, context: WebhookContext) -> WebhookReading:
    assert account.connector == "signing"
    header = raw.headers.get("webhook-signature", "")
    if header == "raise":
        message = "a connector never raises, but this one does"
        raise RuntimeError(message)
    if header == "certificate":
        if CERTIFICATE_URL not in context.evidence:
            return WebhookReading(authenticity=Authenticity.UNDECIDED, evidence_wanted=CERTIFICATE_URL)
        if context.evidence[CERTIFICATE_URL] != PEM:
            return FORGED
    elif not any(header == f"signature: {secret.reveal()}" for secret in context.secrets):
        return FORGED
    try:
        given = msgspec.json.decode(raw.body, type=list[Any])
    except (msgspec.MsgspecError, ValueError):
        return FORGED
    good = [each for each in given if isinstance(each, dict) and each.keys() == item().keys()]
    return WebhookReading(
        authenticity=Authenticity.GENUINE,
        notifications=tuple(map(_notification, good)),
        refused=len(given) - len(good),
    )


def _notification(given: dict[str, Any]) -> Notification:
    if given["type"] == "payout":
        return Notification(event_id=given["id"], event_type="payout")
    return Notification(
        event_id=given["id"],
        event_type=given["type"],
        kind=OperationKind.REFUND,
        reference=given["reference"],
        currency="EUR",
        outcome=Outcome(kind=OutcomeKind.APPROVED, amount=given["amount"]),
    )


def _grant_request(account: Account) -> HttpRequest:
    return HttpRequest(method="POST", url=f"{account.base_url}/token?secret=in_the_query")


def _token(response: HttpResponse) -> AccessToken | None:
    return AccessToken(Secret("token"), 3600) if response.status == 200 else None


def _check_request(account: Account) -> HttpRequest:
    assert account.access_token.reveal() == "token"
    return HttpRequest(method="GET", url=f"{account.base_url}/me")


def _check_result(account: Account, response: HttpResponse) -> CheckResult:
    assert account.name
    return CheckResult(response.status == 200, f"status {response.status}")


SIGNING: Connector = replace(
    SANDBOX,
    name="signing",
    shape=SHAPE,
    read_webhook=read_webhook,
    grant=TokenGrant(build=_grant_request, parse=_token),
    check=AccountCheck(build=_check_request, parse=_check_result),
)
CONNECTORS = {"signing": SIGNING, "sandbox": SANDBOX}
