"""What users read about Stripe's dialect, and what an account of it consists of."""

from typing import Final

from devstack.sandbox.account_needs import AccountNeed, AccountNeeds
from devstack.sandbox.dialects.contract import Guide, Trigger
from devstack.sandbox.dialects.stripe.events import API_VERSION, EVENTS
from devstack.sandbox.dialects.stripe.triggers import CARDS

NEEDS: Final = AccountNeeds(
    api_key="secret key (`sk_test_...`), as a bearer token or the user of basic authentication",
    webhook_secret="signing secret of the endpoint (`whsec_...`)",  # noqa: S106 - says what it is
    settings=(AccountNeed("account_id", "id of the account", "acct_1PayeraSandbox001"),),
)

_EXAMPLE: Final = """curl {url}/v1/payment_intents -u {key}: -H 'Idempotency-Key: 1' -d amount=1050 -d currency=eur \\
  -d confirm=true -d capture_method=manual -d 'payment_method_types[]=card' -d payment_method=pm_card_visa \\
  -d 'metadata[reference]=order-1'"""

GUIDE: Final = Guide(
    title="Stripe",
    version=API_VERSION,
    calls=(
        "POST /v1/payment_intents",
        "GET /v1/payment_intents/{id}",
        "GET /v1/payment_intents/search",
        "POST /v1/payment_intents/{id}/capture",
        "POST /v1/payment_intents/{id}/cancel",
        "POST /v1/payment_intents/{id}/increment_authorization",
        "GET /v1/charges/{id}",
        "POST /v1/refunds",
        "GET /v1/refunds",
        "GET /v1/refunds/{id}",
        "POST /v1/setup_intents",
        "GET /v1/setup_intents/{id}",
        "GET /v1/balance",
        "GET /v1/account",
    ),
    webhooks=EVENTS,
    triggers=tuple(
        Trigger(f"`{card.number}`" + (f" `{card.method}`" if card.method else ""), card.effect)
        for card in CARDS.values()
    ),
    example=_EXAMPLE,
    remarks=(
        "Payments and set-ups are confirmed when they are created (`confirm=true`), with cards.",
        (
            "The sandbox's `reference` of a payment, set-up or refund is `metadata[reference]`; of a capture or "
            "increment also, or the name of the only entry of its metadata; a cancellation goes by the payment's."
        ),
        (
            "Captures in parts need `payment_method_options[card][request_multicapture]=if_available`, increments "
            "`request_incremental_authorization=if_available`, as at Stripe."
        ),
        "A search finds at once what Stripe may find a minute later; it takes `metadata['key']:'value'` alone.",
        "An idempotency key is remembered for 24 hours.",
        "Disputes, customers and other payment methods are left out.",
    ),
)
