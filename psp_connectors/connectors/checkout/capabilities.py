"""What Checkout.com can do, and what an account there consists of.

Sources: "Idempotency" (24 hours, but answers of the 2xx kind only: a call that failed after it was booked would be
booked again, so nothing is ever repeated), "API rate limits", the description of 2021-07-20 (a
payment can be asked for by its id alone; captures, voids and refunds are acknowledged) and "API endpoints".
"""

from typing import Final

from psp_connectors.connectors.checkout.money import LIMITS
from psp_connectors.domain.capabilities import (
    Answering,
    AskBy,
    Capabilities,
    Feature,
    OperationCapability,
)
from psp_connectors.domain.connector import AccountField, AccountShape
from psp_connectors.domain.operations import OperationKind

LONGEST_KEY: Final = 36
"""No limit is documented; a UUID is what is recommended, so nothing longer is relied upon."""

_PAYMENT: Final = OperationCapability(ask_by=frozenset({AskBy.PSP_REFERENCE}), repeat_seconds=0, webhook=True)
_DECIDED_ACTION: Final = OperationCapability(ask_by=frozenset({AskBy.PAYMENT}), repeat_seconds=0, webhook=True)
_ACKNOWLEDGED: Final = OperationCapability(
    ask_by=frozenset({AskBy.PAYMENT}), repeat_seconds=0, webhook=True, answering=Answering.LATER
)

CAPABILITIES: Final = Capabilities(
    operations={
        OperationKind.VERIFY: _PAYMENT,
        OperationKind.AUTHORIZE: _PAYMENT,
        OperationKind.INCREMENT: _DECIDED_ACTION,
        OperationKind.CAPTURE: _ACKNOWLEDGED,
        OperationKind.VOID: _ACKNOWLEDGED,
        OperationKind.REFUND: _ACKNOWLEDGED,
    },
    brands=("amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"),
    currencies=(),
    idempotency_key_max_length=LONGEST_KEY,
    multiple_captures=True,
    limits=LIMITS,
    # What waits for the shopper runs out there by itself; only what is authorized can be voided.
    features=frozenset(Feature) - {Feature.CANCEL_CHALLENGE},
)

SHAPE: Final = AccountShape(
    api_key="secret key (sk_...) with access to payments, captures, voids, refunds and payment details",
    secrets=(
        AccountField(
            name="webhook_authorization",
            meaning="what the Authorization header of every webhook holds, where the workflow is set up with one",
            required=False,
        ),
    ),
    settings=(
        AccountField(
            name="processing_channel_id",
            meaning="processing channel of the payments; needed when the key is good for several",
            required=False,
            pattern=r"pc_\w{26}",
        ),
        AccountField(
            name="descriptor_city",
            meaning="city on the cardholder's statement; without it no statement descriptor is sent",
            required=False,
            pattern=r".{1,13}",
        ),
        AccountField(
            name="authorization_type",
            meaning="Final or Estimated; only an estimated authorization can be incremented",
            required=False,
            pattern="Final|Estimated",
        ),
    ),
    live_url="https://api.checkout.com",
    test_url="https://api.sandbox.checkout.com",
)
