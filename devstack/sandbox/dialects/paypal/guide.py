"""What users read about PayPal's dialect, and what an account of it consists of."""

from typing import Final

from devstack.sandbox.account_needs import AccountNeed, AccountNeeds
from devstack.sandbox.dialects.contract import Guide, Trigger
from devstack.sandbox.dialects.paypal.tokens import DEFAULT_CLIENT_ID
from devstack.sandbox.dialects.paypal.triggers import CARDS, REJECTIONS, THREE_DS_CARDS

DEFAULT_WEBHOOK_ID: Final = "1JE4291016473214C"

NEEDS: Final = AccountNeeds(
    api_key="client secret of the app",
    webhook_secret="not used: webhooks are signed with a certificate",  # noqa: S106 - says what it is
    settings=(
        AccountNeed("client_id", "client id of the app", DEFAULT_CLIENT_ID),
        AccountNeed("webhook_id", "id of the webhook, part of what is signed", DEFAULT_WEBHOOK_ID),
    ),
)

_EXAMPLE: Final = """TOKEN=$(curl -s {url}/v1/oauth2/token -u '{client_id}:{key}' -d grant_type=client_credentials \\
  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
curl {url}/v2/checkout/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -H 'PayPal-Request-Id: 1' -H 'Prefer: return=representation' -d '{{"intent": "AUTHORIZE",
  "purchase_units": [{{"amount": {{"currency_code": "EUR", "value": "10.50"}}, "invoice_id": "order-1"}}],
  "payment_source": {{"card": {{"number": "4012888888881881", "expiry": "2030-03", "security_code": "737",
  "name": "Ada Lovelace"}}}}}}'"""

GUIDE: Final = Guide(
    title="PayPal",
    version="Orders v2, Payments v2, Webhooks v1",
    calls=(
        "POST /v1/oauth2/token",
        "POST /v2/checkout/orders",
        "GET /v2/checkout/orders/{id}",
        "POST /v2/checkout/orders/{id}/authorize",
        "POST /v2/checkout/orders/{id}/capture",
        "GET /v2/payments/authorizations/{id}",
        "POST /v2/payments/authorizations/{id}/capture",
        "POST /v2/payments/authorizations/{id}/void",
        "GET /v2/payments/captures/{id}",
        "POST /v2/payments/captures/{id}/refund",
        "GET /v2/payments/refunds/{id}",
        "GET /v1/notifications/webhooks/{id}",
        "POST /v1/notifications/verify-webhook-signature",
        "GET /v1/notifications/certs/{id}",
    ),
    webhooks=(
        "PAYMENT.AUTHORIZATION.CREATED",
        "PAYMENT.AUTHORIZATION.VOIDED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.DECLINED",
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.REFUND.FAILED",
    ),
    triggers=(
        *(Trigger(f"`name` {one.name}", f"response_code {one.response_code}") for one in REJECTIONS.values()),
        Trigger("`number` " + ", ".join(CARDS), "approved"),
        Trigger(
            "`number` " + ", ".join(sorted(THREE_DS_CARDS)) + " with verification SCA_WHEN_REQUIRED",
            "PAYER_ACTION_REQUIRED",
        ),
        Trigger("verification SCA_ALWAYS", "PAYER_ACTION_REQUIRED with every card"),
        Trigger('header `PayPal-Mock-Response: {"mock_application_codes": "ISSUE"}`', "HTTP 422 with that issue"),
    ),
    example=_EXAMPLE,
    remarks=(
        "Orders are for cards; other payment sources are refused.",
        "An invoice id may be used once, as with PayPal's default against double payments.",
        "Request ids are remembered for 6 hours for every call; PayPal keeps those of captures and refunds longer.",
        "Webhooks are signed under an authority of the account's own: its root comes with the signing certificate.",
    ),
)
