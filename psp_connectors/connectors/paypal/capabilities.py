"""What PayPal can do for cards, and what an account at PayPal consists of: data that the core obeys.

Sources: the Orders v2 (2.13) and Payments v2 (2.5) descriptions, their "PayPal-Request-Id" parameters (6 hours for
orders, 45 days for captures and refunds, and for voids by the official SDK's reference), the "Currency Codes" and
"Idempotency" references, and the event list of "Webhook event names".

PayPal has no question by our reference: it can be asked by its own ids only, so an authorization whose answer was lost
is sent again with the same key. A void has no id of its own; it is asked about by the authorization it releases.

Left out on purpose: a zero-amount verification, since Orders v2 refuses an amount of zero (CANNOT_BE_ZERO_OR_NEGATIVE)
and the card check of the vault API stores the card at PayPal; an increment, since a reauthorization is a new
authorization after the honor period and not for cards. The card request has no place for an authentication done
elsewhere or for an exemption.
"""

from typing import Final

from psp_connectors.connectors.paypal.money import CURRENCIES
from psp_connectors.domain.capabilities import DAY_SECONDS, AskBy, Capabilities, Feature, OperationCapability
from psp_connectors.domain.connector import AccountField, AccountShape
from psp_connectors.domain.operations import OperationKind

ORDER_KEY_SECONDS: Final = 6 * 3600
PAYMENT_KEY_SECONDS: Final = 45 * DAY_SECONDS
LONGEST_KEY: Final = 108

CAPABILITIES: Final = Capabilities(
    operations={
        OperationKind.AUTHORIZE: OperationCapability(
            ask_by=frozenset({AskBy.PSP_REFERENCE}), repeat_seconds=ORDER_KEY_SECONDS, webhook=True
        ),
        OperationKind.CAPTURE: OperationCapability(
            ask_by=frozenset({AskBy.PSP_REFERENCE}), repeat_seconds=PAYMENT_KEY_SECONDS, webhook=True
        ),
        OperationKind.VOID: OperationCapability(
            ask_by=frozenset({AskBy.PAYMENT}), repeat_seconds=PAYMENT_KEY_SECONDS, webhook=True
        ),
        OperationKind.REFUND: OperationCapability(
            ask_by=frozenset({AskBy.PSP_REFERENCE}), repeat_seconds=PAYMENT_KEY_SECONDS, webhook=True
        ),
    },
    brands=("amex", "diners", "discover", "jcb", "mastercard", "visa"),
    currencies=CURRENCIES,
    idempotency_key_max_length=LONGEST_KEY,
    multiple_captures=True,
    refunds_captures=True,
    features=frozenset(
        {
            Feature.STORED_CREDENTIAL,
            Feature.NETWORK_TRANSACTION_ID,
            Feature.OWN_THREE_DS,
            Feature.ADDRESS,
            Feature.STATEMENT_DESCRIPTOR,
            Feature.LEVEL2,
        }
    ),
)

CLIENT_ID: Final = "client_id"
WEBHOOK_ID: Final = "webhook_id"
WEBHOOK_ROOTS: Final = "webhook_roots"

SHAPE: Final = AccountShape(
    api_key="client secret of the REST app",
    secrets=(
        AccountField(
            name=WEBHOOK_ROOTS,
            meaning="further root certificates (PEM) that may vouch for webhooks; for a sandbox of one's own",
            required=False,
        ),
    ),
    settings=(
        AccountField(name=CLIENT_ID, meaning="client id of the REST app", pattern=r"[\x21-\x39\x3b-\x7e]{1,128}"),
        AccountField(
            name=WEBHOOK_ID,
            meaning="id PayPal gave our webhook address; several, separated by commas, while one replaces another",
            required=False,
            pattern=r"[A-Za-z0-9]{1,50}(,[A-Za-z0-9]{1,50}){0,3}",
        ),
    ),
    live_url="https://api-m.paypal.com",
    test_url="https://api-m.sandbox.paypal.com",
)
