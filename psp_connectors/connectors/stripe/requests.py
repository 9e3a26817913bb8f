"""What to send to Stripe for each operation (API version 2024-04-10: PaymentIntents, SetupIntents, Refunds).

Sources: the API's description; Stripe docs, Raw card data APIs, Place a hold on a payment method, Capture a payment
multiple times, Increment an authorization, Import 3D Secure results, Set up future payments, Metadata, Search,
Statement descriptors. Level 2 data, the network transaction id of an agreement, and an exemption without an own 3-D
Secure result have no public parameter in this version, and are left out.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from psp_connectors.connectors.stripe.capabilities import (
    API_VERSION,
    CONNECTED_ACCOUNT,
    EXTENDED,
    INCREMENTAL,
    LONGEST_KEY,
    MULTICAPTURE,
)
from psp_connectors.connectors.stripe.money import to_units
from psp_connectors.domain.cards import Card
from psp_connectors.domain.connector import Account, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Customer,
    Exemption,
    Initiator,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)
from psp_connectors.domain.http import HttpRequest, form_body
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
    CardOperation,
    Increment,
    Operation,
    OperationKind,
    Refund,
    Reversal,
    Sync,
    Verification,
    Void,
)
from psp_connectors.domain.outcomes import CallCode

Fields = dict[str, object]

PAYMENTS: Final = "/v1/payment_intents"
SETUPS: Final = "/v1/setup_intents"
REFUNDS: Final = "/v1/refunds"

REFERENCE: Final = "reference"
MERCHANT_REFERENCE: Final = "merchant_reference"

_REFERENCE: Final = re.compile(r"[A-Za-z0-9_\-]{1,40}\Z")
_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}\Z")
_PAYMENT_ID: Final = re.compile(r"pi_[A-Za-z0-9_]{1,100}\Z")
_SETUP_ID: Final = re.compile(r"seti_[A-Za-z0-9_]{1,100}\Z")
_REFUND_ID: Final = re.compile(r"(re|pyr)_[A-Za-z0-9_]{1,100}\Z")

# 50 entries at most; each capture and each increment needs one later.
_MOST_METADATA: Final = 15
_LONGEST_METADATA_KEY: Final = 40
_LONGEST_METADATA_VALUE: Final = 500
_OWN_METADATA: Final = re.compile(r"(merchant_)?reference\Z|(pay|cap|void|ref|inc)_")
_NOT_IN_METADATA_KEYS: Final = re.compile(r"[\[\]]")

_LONGEST_DESCRIPTION: Final = 1000
_LONGEST_TEXT: Final = 5000
# 22 characters in all, of which the account's own prefix takes up to 10 and what joins them 2.
_LONGEST_SUFFIX: Final = 10
_NOT_IN_SUFFIX: Final = re.compile(r"""[^\x20-\x7e]|[<>\\'"*]""")
_LETTER: Final = re.compile(r"[A-Za-z]")

_THREE_DS_VERSIONS: Final = frozenset({"1.0.2", "2.1.0", "2.2.0"})
_STATUSES: Final = frozenset("ACINRUY")
_ECIS: Final = frozenset({"01", "02", "05", "06", "07"})

_RECURRING: Final = frozenset({CredentialReason.RECURRING, CredentialReason.INSTALLMENT})
_MOST_REFUNDS: Final = 100
_MOST_FOUND: Final = 10


def build(operation: Operation, account: Account) -> HttpRequest:
    """Give the request for an operation.

    Raises Unsendable for a reference or key that Stripe has no place for, an identifier that is none of Stripe's, an
    amount or currency Stripe does not take, and a 3-D Secure result it has no word for.
    """
    _check_reference(operation.reference)
    if isinstance(operation, Sync):
        return _question(operation, account)
    if _KEY.match(operation.idempotency_key) is None:
        raise Unsendable(DeclineCode.INVALID_REQUEST, f"Stripe takes keys of 1 to {LONGEST_KEY} characters")
    path, fields = _call_of(operation, account)
    content_type, body = form_body(list(flattened(fields)))
    headers = headers_of(account) | {"Content-Type": content_type, "Idempotency-Key": operation.idempotency_key}
    return HttpRequest(method="POST", url=f"{account.base_url}{path}", headers=headers, body=body)


def question(account: Account, path: str, fields: Fields) -> HttpRequest:
    """Give a request that reads a path below the account's address."""
    query = urlencode(list(flattened(fields)))
    url = f"{account.base_url}{path}?{query}" if query else f"{account.base_url}{path}"
    return HttpRequest(method="GET", url=url, headers=headers_of(account))


def headers_of(account: Account) -> dict[str, str]:
    """Give the headers that every request carries."""
    headers = {
        "Authorization": f"Bearer {account.api_key.reveal()}",
        "Stripe-Version": API_VERSION,
        "Accept": "application/json",
    }
    connected = account.settings.get(CONNECTED_ACCOUNT, "")
    if connected:
        headers["Stripe-Account"] = connected
    return headers


def flattened(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the form fields of nested values, with the brackets that Stripe reads nesting from."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flattened(inner, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flattened(inner, f"{name}[{place}]")
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def _check_reference(reference: str) -> None:
    if _REFERENCE.match(reference) is None:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "the reference can't be a name in Stripe's metadata")


def _identified(pattern: re.Pattern[str], identifier: str) -> str:
    if pattern.match(identifier) is None:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "the PSP reference is none of Stripe's")
    return identifier


def _call_of(operation: Action, account: Account) -> tuple[str, Fields]:
    match operation:
        case Authorization():
            return PAYMENTS, _payment(operation, account)
        case Verification():
            return SETUPS, _setup(operation)
        case Reversal():
            # A search by our reference finds what there is to cancel, so that asking tells more.
            raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "Stripe cancels a payment by its own id only")
    payment = _identified(_PAYMENT_ID, operation.psp_reference)
    match operation:
        case Increment():
            fields: Fields = {"amount": to_units(operation.total), "metadata": _mark(operation)}
            return f"{PAYMENTS}/{payment}/increment_authorization", fields
        case Capture():
            fields = {"amount_to_capture": to_units(operation.amount), "metadata": _mark(operation)}
            if not operation.final:
                fields["final_capture"] = False
            return f"{PAYMENTS}/{payment}/capture", fields
        case Void():
            return f"{PAYMENTS}/{payment}/cancel", {}
        case Refund():
            amount = to_units(operation.amount)
            return REFUNDS, {"payment_intent": payment, "amount": amount, "metadata": {REFERENCE: operation.reference}}


def _mark(operation: Capture | Increment) -> Fields:
    """Give what tells later that this very operation succeeded: Stripe keeps it only together with the change."""
    return {operation.reference: to_units(operation.amount)}


def _question(operation: Sync, account: Account) -> HttpRequest:
    match operation.kind:
        case OperationKind.VERIFY:
            setup = _identified(_SETUP_ID, operation.psp_reference)
            return question(account, f"{SETUPS}/{setup}", {"expand": ["latest_attempt"]})
        case OperationKind.REFUND if operation.psp_reference:
            return question(account, f"{REFUNDS}/{_identified(_REFUND_ID, operation.psp_reference)}", {})
        case OperationKind.REFUND:
            payment = _identified(_PAYMENT_ID, operation.payment_psp_reference)
            return question(account, REFUNDS, {"payment_intent": payment, "limit": _MOST_REFUNDS})
        case OperationKind.AUTHORIZE if not operation.psp_reference and not operation.payment_psp_reference:
            fields: Fields = {
                "query": f"metadata['{REFERENCE}']:'{operation.reference}'",
                "limit": _MOST_FOUND,
                "expand": ["data.latest_charge"],
            }
            return question(account, f"{PAYMENTS}/search", fields)
        case _:
            payment = _identified(_PAYMENT_ID, operation.payment_psp_reference or operation.psp_reference)
            return question(account, f"{PAYMENTS}/{payment}", {"expand": ["latest_charge"]})


def _payment(operation: Authorization, account: Account) -> Fields:
    details = operation.details
    fields: Fields = {
        "amount": to_units(operation.amount),
        "currency": operation.amount.currency.lower(),
        "capture_method": "automatic" if operation.capture else "manual",
        "expand": ["latest_charge"],
    }
    options: Fields = {}
    if not operation.capture:
        for name in (MULTICAPTURE, INCREMENTAL, EXTENDED):
            if account.settings.get(name):
                options[name] = account.settings[name]
    if details.stored_credential is not None:
        fields |= _stored_credential(details.stored_credential)
    # Off session Stripe fails by itself where the shopper would have to act.
    if not _is_off_session(details) and (details.three_ds is not None or not details.return_url):
        fields["error_on_requires_action"] = True
    suffix = _NOT_IN_SUFFIX.sub("", operation.statement_descriptor)[:_LONGEST_SUFFIX].strip()
    if _LETTER.search(suffix):
        fields["statement_descriptor_suffix"] = suffix
    exemption = "low_risk" if details.exemption is Exemption.TRANSACTION_RISK else ""
    return fields | _common(operation, options | _authentication(details, exemption))


def _setup(operation: Verification) -> Fields:
    credential = operation.details.stored_credential
    later = credential is not None and credential.reason is not CredentialReason.CARD_ON_FILE
    fields: Fields = {"usage": "off_session" if later else "on_session", "expand": ["latest_attempt"]}
    return fields | _common(operation, _authentication(operation.details, ""))


def _common(operation: CardOperation, options: Fields) -> Fields:
    details = operation.details
    fields: Fields = {
        "confirm": True,
        "payment_method_types": ["card"],
        "payment_method_data": {"type": "card", "card": _card(operation.card), **_billing(operation, details.customer)},
        "metadata": _metadata(operation.reference, details),
    }
    if options:
        fields["payment_method_options"] = {"card": options}
    if details.return_url and details.three_ds is None and not _is_off_session(details):
        fields["return_url"] = details.return_url
    if details.description:
        fields["description"] = details.description[:_LONGEST_DESCRIPTION]
    return fields


def _card(card: Card) -> Fields:
    fields: Fields = {"number": card.number.reveal(), "exp_month": card.exp_month, "exp_year": card.exp_year}
    if card.code:
        fields["cvc"] = card.code.reveal()
    return fields


def _billing(operation: CardOperation, customer: Customer) -> Fields:
    names = ("line1", "line2", "city", "state", "postal_code", "country")
    address = {name: text for name in names if 0 < len(text := getattr(customer.address, name)) <= _LONGEST_TEXT}
    fields: Fields = {}
    if address:
        fields["address"] = address
    for name, text in (("name", operation.card.holder_name or customer.name), ("email", customer.email)):
        if 0 < len(text) <= _LONGEST_TEXT:
            fields[name] = text
    return {"billing_details": fields} if fields else {}


def _is_off_session(details: PaymentDetails) -> bool:
    credential = details.stored_credential
    return (
        credential is not None
        and credential.initiator is Initiator.MERCHANT
        and credential.use is CredentialUse.SUBSEQUENT
    )


def _stored_credential(credential: StoredCredential) -> Fields:
    """Say which agreement the charge belongs to; a later charge by the shopper has no word of its own."""
    if credential.use is CredentialUse.FIRST:
        on_file = credential.reason is CredentialReason.CARD_ON_FILE
        return {"setup_future_usage": "on_session" if on_file else "off_session"}
    if credential.initiator is Initiator.MERCHANT:
        return {"off_session": "recurring" if credential.reason in _RECURRING else "one_off"}
    return {}


_PREFERENCES: Final[Mapping[ThreeDsPreference, str]] = MappingProxyType(
    {ThreeDsPreference.AUTOMATIC: "", ThreeDsPreference.CHALLENGE: "challenge", ThreeDsPreference.SKIP: "automatic"}
)
# There is no way to forbid 3-D Secure: "automatic" asks for it only where the law or a rule of the account does.


def _authentication(details: PaymentDetails, exemption: str) -> Fields:
    if details.three_ds is not None:
        return {"three_d_secure": _result(details.three_ds) | ({"exemption_indicator": exemption} if exemption else {})}
    preference = _PREFERENCES[details.three_ds_preference]
    return {"request_three_d_secure": preference} if preference else {}


def _result(result: ThreeDsResult) -> Fields:
    if result.version not in _THREE_DS_VERSIONS or result.trans_status not in _STATUSES:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "Stripe has no word for this 3-D Secure version or status")
    if not result.cryptogram or not result.ds_transaction_id:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "Stripe wants the cryptogram and the transaction id")
    fields: Fields = {
        "version": result.version,
        "ares_trans_status": result.trans_status,
        "cryptogram": result.cryptogram.reveal(),
        "transaction_id": result.ds_transaction_id,
    }
    if result.eci in _ECIS:
        fields["electronic_commerce_indicator"] = result.eci
    return fields


def _metadata(reference: str, details: PaymentDetails) -> dict[str, str]:
    """Give our references and the merchant's entries within Stripe's bounds; none of these may pass for one of ours."""
    fields = {REFERENCE: reference}
    if details.merchant_reference:
        fields[MERCHANT_REFERENCE] = details.merchant_reference[:_LONGEST_METADATA_VALUE]
    fitting = (
        (key, value)
        for key, value in details.metadata.items()
        if 0 < len(key) <= _LONGEST_METADATA_KEY
        and 0 < len(value) <= _LONGEST_METADATA_VALUE
        and _OWN_METADATA.match(key) is None
        and _NOT_IN_METADATA_KEYS.search(key) is None
    )
    return fields | dict(list(fitting)[:_MOST_METADATA])
