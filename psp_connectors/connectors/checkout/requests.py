"""What is sent to Checkout.com, by its description of 2021-07-20 and the current request types of its own libraries.

Our reference goes into `reference`, and into the metadata under a name that tells which operation it is, since an event
about a capture may carry the payment's reference. Sources: "Request a payment", "Pay with stored card details",
"3D Secure", "Idempotency".
"""

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from mesh.money import Money
from psp_connectors.connectors.checkout.capabilities import LONGEST_KEY
from psp_connectors.connectors.checkout.money import to_psp_amount
from psp_connectors.domain.addresses import header_key, path_segment
from psp_connectors.domain.cards import Address
from psp_connectors.domain.connector import Account, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Exemption,
    Initiator,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
)
from psp_connectors.domain.http import HttpRequest, json_body
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

REFERENCE_KEYS: Final = MappingProxyType(
    {
        OperationKind.VERIFY: "payment_reference",
        OperationKind.AUTHORIZE: "payment_reference",
        OperationKind.INCREMENT: "increment_reference",
        OperationKind.CAPTURE: "capture_reference",
        OperationKind.VOID: "void_reference",
        OperationKind.REFUND: "refund_reference",
    }
)
"""Where the metadata hold our reference of an operation."""

CAPTURE_KEY: Final = "capture_mode"
AT_ONCE: Final = "at_once"
LATER: Final = "later"
"""Whether a payment was to be captured at once: an event about its capture is then about the authorization itself."""

_LONGEST_REFERENCE: Final = 50
_LONGEST_URL: Final = 255
_LONGEST_DESCRIPTION: Final = 100
_LONGEST_DESCRIPTOR: Final = 25
_LONGEST_CITY: Final = 13
_LONGEST_NAME: Final = 255
_LONGEST_ORDER_ID: Final = 15
_ALPHA2: Final = 2

_PAYMENT_TYPES: Final = MappingProxyType(
    {
        CredentialReason.CARD_ON_FILE: "Regular",
        CredentialReason.RECURRING: "Recurring",
        CredentialReason.INSTALLMENT: "Installment",
    }
)
_MERCHANT_REASONS: Final = MappingProxyType(
    {
        CredentialReason.RESUBMISSION: "Resubmission",
        CredentialReason.DELAYED_CHARGE: "Delayed_charge",
        CredentialReason.NO_SHOW: "No_show",
        CredentialReason.REAUTHORIZATION: "Reauthorization",
    }
)
_EXEMPTIONS: Final = MappingProxyType(
    {
        Exemption.LOW_VALUE: "low_value",
        Exemption.SECURE_CORPORATE: "secure_corporate_payment",
        Exemption.TRUSTED_BENEFICIARY: "trusted_listing",
        Exemption.TRANSACTION_RISK: "transaction_risk_assessment",
    }
)


def build(operation: Operation, account: Account) -> HttpRequest:
    """Give the request for an operation; raises Unsendable for what can't be put to Checkout.com."""
    if isinstance(operation, Sync):
        return _question(operation, account)
    key = header_key(operation.idempotency_key, LONGEST_KEY)
    if len(operation.reference) > _LONGEST_REFERENCE:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "the reference is longer than this PSP takes")
    path, fields = _call_of(operation, account)
    content_type, body = json_body(fields)
    headers = {
        **headers_of(account),
        "Content-Type": content_type,
        "Cko-Idempotency-Key": key,
    }
    return HttpRequest(method="POST", url=f"{account.base_url}/payments{path}", headers=headers, body=body)


def headers_of(account: Account) -> dict[str, str]:
    """Give the headers of every request."""
    return {"Authorization": f"Bearer {account.api_key.reveal()}", "Accept": "application/json"}


def payment_url(account: Account, psp_reference: str) -> str:
    """Give the address of a payment; raises Unsendable for an id that can't stand in one."""
    return f"{account.base_url}/payments/{path_segment(psp_reference)}"


def _question(operation: Sync, account: Account) -> HttpRequest:
    is_payment = operation.kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY}
    payment = operation.payment_psp_reference or (operation.psp_reference if is_payment else "")
    if operation.kind is OperationKind.REVERSE:
        raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "the PSP releases a payment by its own id only")
    if not payment:
        raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "the PSP can be asked by its own id of the payment only")
    url = payment_url(account, payment)
    return HttpRequest(method="GET", url=url if is_payment else f"{url}/actions", headers=headers_of(account))


def _call_of(operation: Action, account: Account) -> tuple[str, dict[str, Any]]:
    match operation:
        case Verification():
            return "", _payment(operation, account) | {"amount": 0, "currency": operation.currency}
        case Authorization():
            return "", _payment(operation, account) | _charge(operation, account)
        case Reversal():
            raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "the PSP releases a payment by its own id only")
    path = f"/{path_segment(operation.psp_reference)}"
    match operation:
        case Increment():
            fields = _modification(operation, OperationKind.INCREMENT)
            return f"{path}/authorizations", {"amount": to_psp_amount(operation.amount), **fields}
        case Capture():
            fields = _modification(operation, OperationKind.CAPTURE)
            final = {"capture_type": "Final" if operation.final else "NonFinal"}
            return f"{path}/captures", {"amount": to_psp_amount(operation.amount), **final, **fields}
        case Void():
            return f"{path}/voids", _modification(operation, OperationKind.VOID)
        case Refund():
            fields = _modification(operation, OperationKind.REFUND)
            return f"{path}/refunds", {"amount": to_psp_amount(operation.amount), **fields}


def _modification(operation: Increment | Capture | Void | Refund, kind: OperationKind) -> dict[str, Any]:
    return {"reference": operation.reference, "metadata": {REFERENCE_KEYS[kind]: operation.reference}}


def _charge(operation: Authorization, account: Account) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "amount": to_psp_amount(operation.amount),
        "currency": operation.amount.currency,
        "capture": operation.capture,
    }
    city = account.settings.get("descriptor_city", "")
    if operation.statement_descriptor and city:
        fields["billing_descriptor"] = {
            "name": operation.statement_descriptor[:_LONGEST_DESCRIPTOR],
            "city": city[:_LONGEST_CITY],
        }
    authorization_type = account.settings.get("authorization_type", "")
    if authorization_type:
        fields["authorization_type"] = authorization_type
    level2 = operation.details.level2
    if level2 is not None:
        processing = {"order_id": level2.customer_reference[:_LONGEST_ORDER_ID]} if level2.customer_reference else {}
        tax = {"tax_amount": to_psp_amount(Money(level2.tax_amount, operation.amount.currency))}
        fields["processing"] = {**processing, **tax}
    reason = _merchant_reason(operation.details.stored_credential)
    if reason:
        fields["processing"] = {**fields.get("processing", {}), "merchant_initiated_reason": reason}
    return fields


def _payment(operation: CardOperation, account: Account) -> dict[str, Any]:
    """Give what an authorization and a verification have in common."""
    details = operation.details
    fields: dict[str, Any] = {
        "source": _source(operation),
        "reference": operation.reference,
        "metadata": _metadata(operation),
        **_agreement(details.stored_credential),
    }
    channel = account.settings.get("processing_channel_id", "")
    if channel:
        fields["processing_channel_id"] = channel
    if details.description:
        fields["description"] = details.description[:_LONGEST_DESCRIPTION]
    customer = {"email": details.customer.email, "name": details.customer.name}
    customer = {name: value for name, value in customer.items() if value and len(value) <= _LONGEST_NAME}
    if customer:
        fields["customer"] = customer
    if _is_ipv4(details.customer.ip_address):
        fields["payment_ip"] = details.customer.ip_address
    three_ds = _three_ds(details)
    if three_ds:
        fields["3ds"] = three_ds
    if details.return_url:
        if len(details.return_url) > _LONGEST_URL:
            raise Unsendable(DeclineCode.INVALID_REQUEST, "the return address is longer than this PSP takes")
        # Checkout.com may step up to 3-D Secure by itself after a soft decline, so the way back is always told.
        fields["success_url"] = fields["failure_url"] = details.return_url
    return fields


def _source(operation: CardOperation) -> dict[str, Any]:
    card = operation.card
    source: dict[str, Any] = {
        "type": "card",
        "number": card.number.reveal(),
        "expiry_month": card.exp_month,
        "expiry_year": card.exp_year,
    }
    if card.code:
        source["cvv"] = card.code.reveal()
    if card.holder_name:
        source["name"] = card.holder_name
    credential = operation.details.stored_credential
    if credential is not None and credential.use is CredentialUse.SUBSEQUENT:
        source["stored"] = True
    address = _address(operation.details.customer.address)
    if address:
        source["billing_address"] = address
    return source


def _address(address: Address) -> dict[str, str]:
    fields = {
        "address_line1": address.line1[:200],
        "address_line2": address.line2[:200],
        "city": address.city[:50],
        "state": address.state,
        "zip": address.postal_code[:50],
        "country": address.country if len(address.country) == _ALPHA2 else "",
    }
    return {name: value for name, value in fields.items() if value}


def _metadata(operation: CardOperation) -> Mapping[str, str]:
    own = {REFERENCE_KEYS[OperationKind.AUTHORIZE]: operation.reference}
    if operation.details.merchant_reference:
        own["merchant_reference"] = operation.details.merchant_reference
    if isinstance(operation, Authorization):
        own[CAPTURE_KEY] = AT_ONCE if operation.capture else LATER
    return {**operation.details.metadata, **own}


def _agreement(credential: StoredCredential | None) -> dict[str, Any]:
    if credential is None:
        return {}
    by_merchant = credential.initiator is Initiator.MERCHANT
    payment_type = _PAYMENT_TYPES.get(credential.reason, "Unscheduled")
    if by_merchant and payment_type == "Regular":
        payment_type = "Unscheduled"
    fields: dict[str, Any] = {"payment_type": payment_type, "merchant_initiated": by_merchant}
    if credential.network_transaction_id and credential.use is CredentialUse.SUBSEQUENT:
        fields["previous_payment_id"] = credential.network_transaction_id
    return fields


def _merchant_reason(credential: StoredCredential | None) -> str:
    if credential is None or credential.initiator is not Initiator.MERCHANT:
        return ""
    return _MERCHANT_REASONS.get(credential.reason, "")


def _three_ds(details: PaymentDetails) -> dict[str, Any]:
    exemption = {"exemption": _EXEMPTIONS[details.exemption]} if details.exemption is not None else {}
    result = details.three_ds
    if result is not None:
        return {
            "enabled": True,
            "eci": result.eci,
            "cryptogram": result.cryptogram.reveal(),
            "xid": result.ds_transaction_id,
            "version": result.version,
            **exemption,
        }
    match details.three_ds_preference:
        case ThreeDsPreference.CHALLENGE:
            credential = details.stored_credential
            is_mandate = credential is not None and credential.use is CredentialUse.FIRST
            indicator = "challenge_requested_mandate" if is_mandate else "challenge_requested"
            return {"enabled": True, "challenge_indicator": indicator, **exemption}
        case ThreeDsPreference.SKIP:
            return {"enabled": False, **exemption}
        case ThreeDsPreference.AUTOMATIC:
            return {"enabled": True, **exemption} if exemption else {}


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
