"""What users read about Adyen's dialect, and what an account of it consists of."""

from typing import Final

from devstack.sandbox.account_needs import AccountNeed, AccountNeeds
from devstack.sandbox.dialects.adyen.triggers import HOLDER_NAMES, REFUSALS, THREE_DS_CARDS
from devstack.sandbox.dialects.contract import Guide, Trigger

NEEDS: Final = AccountNeeds(
    api_key="API key, sent in X-API-Key",
    webhook_secret="HMAC key of the standard webhook, 64 hexadecimal digits",  # noqa: S106 - says what it is
    webhook_secret_pattern="[0-9A-Fa-f]{64}",  # noqa: S106 - says what it looks like
    settings=(
        AccountNeed("merchant_account", "merchant account code", "PayeraSandbox_ECOM"),
        AccountNeed(
            "capture_delay", "`immediate` or `manual`: when payments that do not say are captured", "immediate"
        ),
        AccountNeed("multiple_captures", "`on`, or `off`: the first capture then releases the rest", "on"),
    ),
    secrets=(AccountNeed("webhook_login", "`user:password` of the webhook's basic authentication", ""),),
)

_EXAMPLE: Final = """curl {url}/v72/payments -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \\
  -H 'Idempotency-Key: 1' -d '{{"merchantAccount": "{merchant_account}", "reference": "order-1",
  "amount": {{"currency": "EUR", "value": 1050}}, "returnUrl": "https://shop.example/return",
  "paymentMethod": {{"type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030",
  "cvc": "737", "holderName": "Ada Lovelace"}}}}'"""

GUIDE: Final = Guide(
    title="Adyen",
    version="Checkout API v72, standard webhooks",
    calls=(
        "POST /v72/payments",
        "POST /v72/payments/details",
        "POST /v72/payments/{pspReference}/captures",
        "POST /v72/payments/{pspReference}/cancels",
        "POST /v72/payments/{pspReference}/refunds",
        "POST /v72/payments/{pspReference}/reversals",
        "POST /v72/payments/{pspReference}/amountUpdates",
        "POST /v72/cancels",
        "POST /v72/paymentMethods",
    ),
    webhooks=(
        "AUTHORISATION",
        "AUTHORISATION_ADJUSTMENT",
        "CAPTURE",
        "CAPTURE_FAILED",
        "CANCELLATION",
        "CANCEL_OR_REFUND",
        "TECHNICAL_CANCEL",
        "REFUND",
        "REFUND_FAILED",
    ),
    triggers=(
        *(
            Trigger(f"`paymentMethod.holderName` {name}", f"refusalReasonCode {code}" if code != "1" else "Authorised")
            for name, code in HOLDER_NAMES.items()
        ),
        Trigger(
            "`additionalData.RequestedTestAcquirerResponseCode` " + ", ".join(REFUSALS),
            "the refusal with that refusalReasonCode; 1 is Authorised",
        ),
        Trigger("`paymentMethod.cvc` 000 to 006", "cvcResult with that number"),
        Trigger(
            "card " + ", ".join(sorted(THREE_DS_CARDS)) + ", or `attemptAuthentication` always",
            "RedirectShopper; opening the address leads back to returnUrl, then POST /payments/details",
        ),
    ),
    example=_EXAMPLE,
    remarks=(
        "Captures, cancellations, refunds and adjustments answer `received`; a webhook says what came of them.",
        "No payment can be asked for, as at Adyen. `test_4111111111111111` is taken for an encrypted card number.",
        "A used key gives the first answer whatever the body; one in use gives 422 with errorCode 704.",
        "An adjustment raises the authorised amount; one that lowers it fails by webhook.",
    ),
)
