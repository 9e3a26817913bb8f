"""What Adyen can do through this connector, and what an account of it consists of, as data.

Sources: Checkout API v72 (operations, Idempotency-Key of at most 64 characters); docs.adyen.com, API idempotency
(keys belong to the company account and are kept for at least 7 days); Capture, Cancel, Refund, Adjust an authorisation
(all results come by webhook; one can be cancelled by the reference it was asked for with). There is no call that gives
a payment, so nothing can be asked for.
"""

from typing import Final

from psp_connectors.domain.capabilities import DAY_SECONDS, Answering, Capabilities, Feature, OperationCapability
from psp_connectors.domain.connector import AccountField, AccountShape
from psp_connectors.domain.operations import OperationKind

KEY_MAX_LENGTH: Final = 64
KEY_KEPT_SECONDS: Final = 7 * DAY_SECONDS

_AT_ONCE: Final = OperationCapability(ask_by=frozenset(), repeat_seconds=KEY_KEPT_SECONDS, webhook=True)
_LATER: Final = OperationCapability(
    ask_by=frozenset(), repeat_seconds=KEY_KEPT_SECONDS, webhook=True, answering=Answering.LATER
)

CAPABILITIES: Final = Capabilities(
    operations={
        OperationKind.VERIFY: _AT_ONCE,
        OperationKind.AUTHORIZE: _AT_ONCE,
        OperationKind.INCREMENT: _LATER,
        OperationKind.REVERSE: _LATER,
        OperationKind.CAPTURE: _LATER,
        OperationKind.VOID: _LATER,
        OperationKind.REFUND: _LATER,
    },
    brands=("amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"),
    currencies=(),
    idempotency_key_max_length=KEY_MAX_LENGTH,
    multiple_captures=True,
    features=frozenset(
        {
            Feature.ADDRESS,
            Feature.EXEMPTION,
            Feature.EXTERNAL_THREE_DS,
            Feature.LEVEL2,
            Feature.NETWORK_TRANSACTION_ID,
            Feature.OWN_THREE_DS,
            Feature.STATEMENT_DESCRIPTOR,
            Feature.STORED_CREDENTIAL,
        }
    ),
)
"""Adyen's capabilities.

Several captures of one payment, and raising an authorization, are switched on by Adyen for a merchant account; on one
without them the webhook of the second capture, or of the adjustment, tells that it failed. A capture has no place for
`final`: with several captures switched on, what is left lapses with the authorization.
"""

MERCHANT_ACCOUNT: Final = "merchant_account"
RETURN_URL: Final = "return_url"
AUTHORISATION_TYPE: Final = "authorisation_type"
WEBHOOK_LOGIN: Final = "webhook_login"

SHAPE: Final = AccountShape(
    api_key="API key of the web service user (Customer Area, Developers, API credentials)",
    secrets=(
        AccountField(
            name=WEBHOOK_LOGIN,
            meaning="user name and password of the webhook's basic authentication, joined by a colon",
            required=False,
            pattern=r"[^:\s]+:\S+",
        ),
    ),
    settings=(
        AccountField(name=MERCHANT_ACCOUNT, meaning="merchant account code", pattern=r"[A-Za-z0-9_\-]{1,80}"),
        AccountField(
            name=RETURN_URL,
            meaning="where shoppers come back to when a payment names no address of its own",
            pattern=r"https?://\S{1,1000}",
        ),
        AccountField(
            name=AUTHORISATION_TYPE,
            meaning="PreAuth or FinalAuth for every authorization; PreAuth is needed to raise amounts later",
            required=False,
            pattern=r"PreAuth|FinalAuth",
        ),
    ),
    test_url="https://checkout-test.adyen.com/v72",
)
"""What an account consists of. Live addresses hold the company's own prefix, so each account has its own."""
