"""What is sent to PayPal for each operation.

Sources: the Orders v2 and Payments v2 descriptions; "Stored payment methods" rules in `card_stored_credential`; "3D
Secure: Orders API" and the official SDK for `attributes.verification`, which the description of 2024-02 lacks.

Our reference goes out as `custom_id` and as `invoice_id`. It is another one for every attempt, so a cascade or a second
try never meets its own invoice; a repetition with a request id that PayPal has forgotten does, and PayPal refuses it by
DUPLICATE_INVOICE_ID (unless the merchant switched that off) instead of charging twice.
"""

import re
from typing import Final

from mesh.money import Money
from psp_connectors.connectors.paypal.capabilities import LONGEST_KEY
from psp_connectors.connectors.paypal.codes import network_of
from psp_connectors.connectors.paypal.money import to_paypal
from psp_connectors.domain.addresses import header_key, path_segment
from psp_connectors.domain.cards import Address, Card
from psp_connectors.domain.connector import Account, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Initiator,
    Level2,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
)
from psp_connectors.domain.http import HttpRequest, json_body
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
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

ORDER_PREFIX: Final = "order:"
"""Before the id of an order that has no authorization or capture yet, in the `psp_reference` of an outcome."""

ORDERS: Final = "/v2/checkout/orders"
AUTHORIZATIONS: Final = "/v2/payments/authorizations"
CAPTURES: Final = "/v2/payments/captures"
REFUNDS: Final = "/v2/payments/refunds"

_LONGEST_NAME: Final = 300
_LONGEST_DESCRIPTION: Final = 127
_LONGEST_DESCRIPTOR: Final = 22
_LONGEST_UNIT_NAME: Final = 256
_LONGEST_LEVEL2_INVOICE: Final = 17
_LEVEL2_INVOICE: Final = re.compile(r"[A-Za-z0-9_\-.,\":;!?]{1,17}\Z")
_NETWORK_REFERENCE: Final = re.compile(r"[a-zA-Z0-9\-_@.:&+=*^'~#!$%()]{9,36}\Z")
_SECURITY_CODE: Final = re.compile(r"[0-9]{3,4}\Z")
_SHORTEST_URL: Final = 10

_PAYMENT_TYPES: Final = {
    CredentialReason.CARD_ON_FILE: "ONE_TIME",
    CredentialReason.RECURRING: "RECURRING",
    CredentialReason.INSTALLMENT: "RECURRING",
}
"""All other reasons are UNSCHEDULED: without a date or an amount that was fixed before."""


def build(operation: Operation, account: Account) -> HttpRequest:
    """Give the request for an operation; raises Unsendable for what PayPal can't be asked."""
    headers = {"Authorization": f"Bearer {account.access_token.reveal()}", "Accept": "application/json"}
    if isinstance(operation, Sync):
        return HttpRequest(method="GET", url=account.base_url + _question(operation), headers=headers)
    key = header_key(operation.idempotency_key, LONGEST_KEY)
    path, fields = _call_of(operation)
    content_type, body = json_body(fields) if fields else ("application/json", b"")
    headers |= {
        "Content-Type": content_type,
        "PayPal-Request-Id": key,
        "Prefer": "return=representation",
    }
    return HttpRequest(method="POST", url=account.base_url + path, headers=headers, body=body)


def _question(operation: Sync) -> str:
    identifier = operation.psp_reference
    if operation.kind is OperationKind.VOID:
        identifier = operation.payment_psp_reference or identifier
    if not identifier:
        raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "PayPal can be asked by its own ids only")
    match operation.kind:
        case OperationKind.AUTHORIZE if identifier.startswith(ORDER_PREFIX):
            return f"{ORDERS}/{path_segment(identifier.removeprefix(ORDER_PREFIX))}"
        case OperationKind.AUTHORIZE:
            return f"{CAPTURES if operation.capture else AUTHORIZATIONS}/{path_segment(identifier)}"
        case OperationKind.CAPTURE:
            return f"{CAPTURES}/{path_segment(identifier)}"
        case OperationKind.VOID:
            return f"{AUTHORIZATIONS}/{path_segment(identifier)}"
        case OperationKind.REFUND:
            return f"{REFUNDS}/{path_segment(identifier)}"
        case OperationKind.VERIFY | OperationKind.INCREMENT | OperationKind.REVERSE:
            raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "PayPal has no such operation")


def _call_of(operation: Action) -> tuple[str, dict[str, object]]:
    match operation:
        case Authorization():
            return ORDERS, _order(operation)
        case Capture():
            return f"{AUTHORIZATIONS}/{path_segment(operation.psp_reference)}/capture", {
                "amount": to_paypal(operation.amount),
                "invoice_id": operation.reference,
                "final_capture": operation.final,
            }
        case Void():
            return f"{AUTHORIZATIONS}/{path_segment(operation.psp_reference)}/void", {}
        case Refund():
            if not operation.capture_psp_reference:
                raise Unsendable(
                    DeclineCode.INVALID_AMOUNT,
                    "PayPal gives back one capture at a time, and no single capture has this amount left",
                )
            return f"{CAPTURES}/{path_segment(operation.capture_psp_reference)}/refund", {
                "amount": to_paypal(operation.amount),
                "custom_id": operation.reference,
                "invoice_id": operation.reference,
            }
        case Verification() | Increment() | Reversal():
            raise Unsendable(CallCode.OPERATION_NOT_SUPPORTED, "PayPal has no such operation for cards")


def _order(operation: Authorization) -> dict[str, object]:
    details = operation.details
    unit: dict[str, object] = {
        "amount": to_paypal(operation.amount),
        "custom_id": operation.reference,
        "invoice_id": operation.reference,
    }
    if details.merchant_reference:
        unit["reference_id"] = details.merchant_reference[:_LONGEST_UNIT_NAME]
    if details.description:
        unit["description"] = _cut(details.description, _LONGEST_DESCRIPTION)
    if operation.statement_descriptor:
        unit["soft_descriptor"] = operation.statement_descriptor[:_LONGEST_DESCRIPTOR]
    if details.level2 is not None:
        level2 = _level2(details.level2, operation.amount.currency)
        if level2:
            unit["supplementary_data"] = {"card": {"level_2": level2}}
    return {
        "intent": "CAPTURE" if operation.capture else "AUTHORIZE",
        "purchase_units": [unit],
        "payment_source": {"card": _card(operation.card, details)},
    }


def _card(card: Card, details: PaymentDetails) -> dict[str, object]:
    credential = details.stored_credential
    by_merchant = credential is not None and credential.initiator is Initiator.MERCHANT
    fields: dict[str, object] = {
        "number": card.number.reveal(),
        "expiry": f"{card.exp_year:04d}-{card.exp_month:02d}",
    }
    name = card.holder_name or details.customer.name
    if name:
        fields["name"] = name[:_LONGEST_NAME]
    # PayPal refuses a security code on a charge that the shopper does not make.
    if not by_merchant and _SECURITY_CODE.match(card.code.reveal()):
        fields["security_code"] = card.code.reveal()
    address = _address(details.customer.address)
    if address:
        fields["billing_address"] = address
    if credential is not None:
        fields["stored_credential"] = _stored_credential(credential, card.summary.brand)
    if not by_merchant:
        fields |= _authentication(details)
    return fields


def _address(address: Address) -> dict[str, str]:
    """Give PayPal's portable address; empty without the country, which PayPal demands."""
    if not address.country:
        return {}
    fields = {
        "address_line_1": address.line1,
        "address_line_2": address.line2,
        "admin_area_1": address.state,
        "admin_area_2": address.city,
        "postal_code": address.postal_code,
        # PayPal's own code of China for bank cards.
        "country_code": "C2" if address.country == "CN" else address.country,
    }
    return {name: value for name, value in fields.items() if value}


def _authentication(details: PaymentDetails) -> dict[str, object]:
    """Ask for PayPal's 3-D Secure, which needs somewhere to come back to.

    The shopper comes back to the same place whether they finished or gave up.
    """
    if details.three_ds_preference is ThreeDsPreference.SKIP or len(details.return_url) < _SHORTEST_URL:
        return {}
    always = details.three_ds_preference is ThreeDsPreference.CHALLENGE
    return {
        "attributes": {"verification": {"method": "SCA_ALWAYS" if always else "SCA_WHEN_REQUIRED"}},
        "experience_context": {"return_url": details.return_url, "cancel_url": details.return_url},
    }


def _stored_credential(credential: StoredCredential, brand: str) -> dict[str, object]:
    """Give the agreement; PayPal lets only a shopper make the first use, and only a shopper buy once."""
    by_merchant = credential.initiator is Initiator.MERCHANT
    first = credential.use is CredentialUse.FIRST
    payment_type = _PAYMENT_TYPES.get(credential.reason, "UNSCHEDULED")
    if by_merchant and payment_type == "ONE_TIME":
        payment_type = "UNSCHEDULED"
    fields: dict[str, object] = {
        "payment_initiator": "MERCHANT" if by_merchant else "CUSTOMER",
        "payment_type": payment_type,
        "usage": ("DERIVED" if by_merchant else "FIRST") if first else "SUBSEQUENT",
    }
    if by_merchant and credential.network_transaction_id:
        fields["previous_network_transaction_reference"] = _network_reference(credential, brand)
    return fields


def _network_reference(credential: StoredCredential, brand: str) -> dict[str, str]:
    if _NETWORK_REFERENCE.match(credential.network_transaction_id) is None:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "PayPal can't take this network transaction id")
    reference = {"id": credential.network_transaction_id}
    if credential.network_transaction_date:
        reference["date"] = credential.network_transaction_date
    network = network_of(brand)
    if network:
        reference["network"] = network
    return reference


def _level2(level2: Level2, currency: str) -> dict[str, object]:
    fields: dict[str, object] = {}
    invoice = level2.customer_reference[:_LONGEST_LEVEL2_INVOICE]
    if _LEVEL2_INVOICE.match(invoice):
        fields["invoice_id"] = invoice
    if level2.tax_amount > 0:
        fields["tax_total"] = to_paypal(Money(level2.tax_amount, currency))
    return fields


def _cut(text: str, longest: int) -> str:
    """Cut to so many bytes: PayPal's limit is in ASCII characters, and others count for more."""
    return text.encode()[:longest].decode(errors="ignore")
