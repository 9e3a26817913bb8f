"""What users read about Checkout.com's dialect, and what an account of it consists of."""

from typing import Final

from devstack.sandbox.account_needs import AccountNeed, AccountNeeds
from devstack.sandbox.dialects.checkout.triggers import AMOUNTS, CARDS, CVV_CARD
from devstack.sandbox.dialects.contract import Guide, Trigger

NEEDS: Final = AccountNeeds(
    api_key="secret key (sk_sbox_...), sent as bearer token",
    webhook_secret="signature key of the workflow",  # noqa: S106 - says what it is
    secrets=(AccountNeed("webhook_authorization", "what the Authorization header of webhooks holds", ""),),
)

_EXAMPLE: Final = """curl {url}/payments -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -H 'Cko-Idempotency-Key: 1' -d '{{"source": {{"type": "card", "number": "4242424242424242", "expiry_month": 12,
  "expiry_year": 2030, "cvv": "100"}}, "amount": 1050, "currency": "EUR", "capture": false,
  "reference": "order-1"}}'"""

GUIDE: Final = Guide(
    title="Checkout.com",
    version="description of 2021-07-20",
    calls=(
        "POST /payments",
        "GET /payments/{id}",
        "GET /payments/{id}/actions",
        "POST /payments/{id}/authorizations",
        "POST /payments/{id}/captures",
        "POST /payments/{id}/voids",
        "POST /payments/{id}/refunds",
    ),
    webhooks=(
        "card_verified",
        "card_verification_declined",
        "payment_approved",
        "payment_declined",
        "payment_pending",
        "payment_authorization_incremented",
        "payment_authorization_increment_declined",
        "payment_captured",
        "payment_capture_declined",
        "payment_voided",
        "payment_void_declined",
        "payment_refunded",
        "payment_refund_declined",
    ),
    triggers=(
        *(Trigger(f"card {number}", f"response code 200{code}") for number, code in CARDS.items()),
        Trigger(
            "amounts of five digits ending in " + ", ".join(AMOUNTS),
            "response code 200xx with these digits, in currencies of two decimals",
        ),
        Trigger(f"card {CVV_CARD} with cvv 200, 201, 202", "cvv_check D, P, U"),
        Trigger(
            "`3ds.enabled` without cryptogram and exemption",
            "202 with a redirect; the page there has a button to pass and one to fail",
        ),
    ),
    example=_EXAMPLE,
    remarks=(
        "Captures, voids and refunds answer 202; a webhook and the list of actions say what came of them.",
        "A payment with `capture` is answered as Authorized and is captured at once afterwards.",
        "Only answers of the 2xx kind are kept under a key; a key in use gives 429.",
        "Answers have no balances, since the description can't be fulfilled with them; webhooks do.",
    ),
)
