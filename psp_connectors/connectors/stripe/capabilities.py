"""What Stripe can do, and what an account at Stripe consists of, as data.

Sources: Stripe API reference ("Idempotent requests", PaymentIntents, SetupIntents, Refunds, Search), Stripe docs
("Capture a payment multiple times", "Increment an authorization", "Supported currencies").
"""

from types import MappingProxyType
from typing import Final

from psp_connectors.connectors.stripe.money import CURRENCIES, LIMITS
from psp_connectors.domain.capabilities import DAY_SECONDS, AskBy, Capabilities, Feature, OperationCapability
from psp_connectors.domain.connector import AccountField, AccountShape
from psp_connectors.domain.operations import OperationKind

API_VERSION: Final = "2024-04-10"

LONGEST_KEY: Final = 255

_KEY_SECONDS: Final = DAY_SECONDS
"""Stripe may forget a key once it is 24 hours old, and promises no more."""

_BY_PAYMENT: Final = OperationCapability(
    ask_by=frozenset({AskBy.PAYMENT, AskBy.PSP_REFERENCE}), repeat_seconds=_KEY_SECONDS, webhook=True
)

_COUNTRIES: Final = (
    "AE AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GI GR HK HR HU "
    "IE IN IT JP LI LT LU LV MT MX MY NL NO NZ PL PT RO SE SG SI SK TH US"
)

CAPABILITIES: Final = Capabilities(
    operations=MappingProxyType(
        {
            # SetupIntents can't be searched.
            OperationKind.VERIFY: OperationCapability(
                ask_by=frozenset({AskBy.PSP_REFERENCE}), repeat_seconds=_KEY_SECONDS, webhook=True
            ),
            OperationKind.AUTHORIZE: OperationCapability(
                ask_by=frozenset({AskBy.REFERENCE, AskBy.PSP_REFERENCE}), repeat_seconds=_KEY_SECONDS, webhook=True
            ),
            OperationKind.INCREMENT: _BY_PAYMENT,
            OperationKind.CAPTURE: _BY_PAYMENT,
            OperationKind.VOID: _BY_PAYMENT,
            OperationKind.REFUND: _BY_PAYMENT,
        }
    ),
    brands=("amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"),
    currencies=CURRENCIES,
    idempotency_key_max_length=LONGEST_KEY,
    multiple_captures=True,
    countries=tuple(_COUNTRIES.split()),
    limits=LIMITS,
    # The network transaction id is read but can't be sent: no public parameter of this version takes one.
    features=frozenset(
        {
            Feature.STORED_CREDENTIAL,
            Feature.EXTERNAL_THREE_DS,
            Feature.OWN_THREE_DS,
            Feature.CHALLENGE,
            Feature.CANCEL_CHALLENGE,
            Feature.EXEMPTION,
            Feature.ADDRESS,
            Feature.STATEMENT_DESCRIPTOR,
        }
    ),
)

CONNECTED_ACCOUNT: Final = "stripe_account"
MULTICAPTURE: Final = "request_multicapture"
INCREMENTAL: Final = "request_incremental_authorization"
EXTENDED: Final = "request_extended_authorization"

_IF_AVAILABLE: Final = "^(if_available|never)$"

SHAPE: Final = AccountShape(
    api_key="secret or restricted key of the account (sk_..., rk_...)",
    settings=(
        AccountField(
            name=CONNECTED_ACCOUNT,
            meaning="connected account that the calls are made for, when the key is a platform's",
            required=False,
            pattern="^acct_[A-Za-z0-9]{1,64}$",
        ),
        # Stripe refuses the whole payment of an account that asks for one of these without being entitled to it.
        AccountField(
            name=MULTICAPTURE,
            meaning="if_available when the account may capture an authorization several times",
            required=False,
            pattern=_IF_AVAILABLE,
        ),
        AccountField(
            name=INCREMENTAL,
            meaning="if_available when the account may increment authorizations",
            required=False,
            pattern=_IF_AVAILABLE,
        ),
        AccountField(
            name=EXTENDED,
            meaning="if_available when the account may hold authorizations longer than usual",
            required=False,
            pattern=_IF_AVAILABLE,
        ),
    ),
    live_url="https://api.stripe.com",
    test_url="https://api.stripe.com",
)
