"""Operations for PayPal, and PayPal's answers to them as its description and guides show them."""

from dataclasses import replace
from typing import Any

from mesh.money import Money
from psp_connectors.connectors.paypal.money import to_paypal
from psp_connectors.domain.cards import Address, Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Customer,
    Initiator,
    Level2,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
)
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
    Operation,
    OperationKind,
    Refund,
    Sync,
    Void,
    amount_of,
    kind_of,
)
from tests.fakes.connectors.ports import API_KEY, authorization, capture, refund, void

ACCESS_TOKEN = "A21AAFs9YK8gWSTBC3A5kYrZ-token"
CLIENT_ID = "AVg1VGnKbeRLIlzJTiqqk"
WEBHOOK_ID = "1JE4291016473214C"
BASE_URL = "https://api-m.sandbox.paypal.com"
RETURN_URL = "https://shop.example/returned"
ORDER = "5O190127TN364715T"
AUTHORIZATION = "0VF52814937998046"
CAPTURE = "2GG279541U471931P"
REFUND = "1JU08902781691411"
PAYMENT_REFERENCE = "pay_1_1"

CUSTOMER = Customer(
    name="Ada Lovelace",
    address=Address(
        line1="12 St James's Square",
        line2="Flat 2",
        city="London",
        state="Greater London",
        postal_code="SW1Y 4JH",
        country="GB",
    ),
)


def paypal_account(base_url: str = BASE_URL, *, webhook_roots: str = "", **settings: str) -> Account:
    return Account(
        name="paypal_a",
        connector="paypal",
        base_url=base_url,
        api_key=Secret(API_KEY),
        access_token=Secret(ACCESS_TOKEN),
        secrets={"webhook_roots": Secret(webhook_roots)} if webhook_roots else {},
        settings={"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID} | settings,
    )


def paypal_capture(value: int = 1050, currency: str = "EUR", *, final: bool = True) -> Capture:
    return replace(capture(), psp_reference=AUTHORIZATION, amount=Money(value, currency), final=final)


def paypal_void() -> Void:
    return replace(void(), psp_reference=AUTHORIZATION)


def paypal_refund(value: int = 1050, currency: str = "EUR") -> Refund:
    return replace(refund(), psp_reference=AUTHORIZATION, capture_psp_reference=CAPTURE, amount=Money(value, currency))


def question(kind: OperationKind, *, captured: bool = False, order: bool = False) -> Sync:
    known = {
        OperationKind.AUTHORIZE: CAPTURE if captured else AUTHORIZATION,
        OperationKind.CAPTURE: CAPTURE,
        OperationKind.VOID: "",
        OperationKind.REFUND: REFUND,
    }
    references = {
        OperationKind.AUTHORIZE: PAYMENT_REFERENCE,
        OperationKind.CAPTURE: "cap_1",
        OperationKind.VOID: "void_1",
        OperationKind.REFUND: "ref_1",
    }
    return Sync(
        kind=kind,
        reference=references[kind],
        amount=None if kind is OperationKind.VOID else Money(1050, "EUR"),
        psp_reference=f"order:{ORDER}" if order else known[kind],
        payment_psp_reference=f"order:{ORDER}" if order else (CAPTURE if captured else AUTHORIZATION),
        capture=captured,
    )


def agreement(
    initiator: Initiator = Initiator.MERCHANT,
    use: CredentialUse = CredentialUse.SUBSEQUENT,
    reason: CredentialReason = CredentialReason.RECURRING,
    *,
    nti: str = "",
    date: str = "",
) -> StoredCredential:
    return StoredCredential(
        initiator=initiator, use=use, reason=reason, network_transaction_id=nti, network_transaction_date=date
    )


def detailed(details: PaymentDetails, *, captured: bool = False) -> Authorization:
    return replace(authorization(capture=captured), details=details)


def variations() -> dict[str, Action]:
    """Give every kind of request the connector can build, by name."""
    details = {
        "address": PaymentDetails(customer=CUSTOMER),
        "china": PaymentDetails(customer=Customer(address=Address(line1="1", country="CN"))),
        "described": PaymentDetails(merchant_reference="order 17", description="Gläser " * 40),
        "level2": PaymentDetails(level2=Level2(customer_reference="PO-4711", tax_amount=199)),
        "challenge": PaymentDetails(return_url=RETURN_URL, three_ds_preference=ThreeDsPreference.CHALLENGE),
        "automatic": PaymentDetails(return_url=RETURN_URL),
        "skipped": PaymentDetails(return_url=RETURN_URL, three_ds_preference=ThreeDsPreference.SKIP),
        "merchant initiated": PaymentDetails(
            return_url=RETURN_URL,
            stored_credential=agreement(nti="MCC123456", date="0117"),
        ),
    }
    for initiator in Initiator:
        for use in CredentialUse:
            for reason in CredentialReason:
                details[f"{initiator} {use} {reason}"] = PaymentDetails(
                    stored_credential=agreement(initiator, use, reason, nti="123456789012345")
                )
    found: dict[str, Action] = {name: detailed(value) for name, value in details.items()}
    found |= {f"{name}, captured": detailed(value, captured=True) for name, value in details.items()}
    return found | {
        "authorize": authorization(),
        "charge": authorization(capture=True),
        "yen": authorization(1050, "JPY"),
        "forint": authorization(105000, "HUF"),
        "capture": paypal_capture(),
        "partial capture": paypal_capture(1, final=False),
        "void": paypal_void(),
        "refund": paypal_refund(),
        "partial refund": paypal_refund(1),
    }


def link(relation: str, href: str, method: str = "GET") -> dict[str, str]:
    return {"href": BASE_URL + href, "rel": relation, "method": method}


def authorization_answer(amount: Money, status: str = "CREATED", **changes: object) -> dict[str, Any]:
    return {
        "id": AUTHORIZATION,
        "status": status,
        "amount": to_paypal(amount),
        "custom_id": PAYMENT_REFERENCE,
        "invoice_id": PAYMENT_REFERENCE,
        "expiration_time": "2026-12-24T10:00:00Z",
        "network_transaction_reference": {"id": "123456789012345", "network": "VISA"},
        "processor_response": {"avs_code": "Y", "cvv_code": "M", "response_code": "0000"},
        "links": [link("self", f"/v2/payments/authorizations/{AUTHORIZATION}")],
        "create_time": "2026-11-25T10:00:00Z",
        "update_time": "2026-11-25T10:00:00Z",
    } | changes


def capture_answer(
    amount: Money, reference: str = "cap_1", status: str = "COMPLETED", **changes: object
) -> dict[str, Any]:
    up = link("up", f"/v2/payments/authorizations/{AUTHORIZATION}")
    return {
        "id": CAPTURE,
        "status": status,
        "amount": to_paypal(amount),
        "custom_id": PAYMENT_REFERENCE,
        "invoice_id": reference,
        "final_capture": True,
        "links": [link("self", f"/v2/payments/captures/{CAPTURE}"), up],
        "create_time": "2026-11-25T10:00:00Z",
        "update_time": "2026-11-25T10:00:00Z",
    } | changes


def charge_answer(amount: Money, status: str = "COMPLETED", **changes: object) -> dict[str, Any]:
    """Give the capture of a payment that was captured at once: its parent is the order."""
    fields = {
        "processor_response": {"avs_code": "Y", "cvv_code": "M", "response_code": "0000"},
        "network_transaction_reference": {"id": "123456789012345", "network": "VISA"},
        "links": [link("up", f"/v2/checkout/orders/{ORDER}")],
    }
    return capture_answer(amount, PAYMENT_REFERENCE, status, **(fields | changes))


def refund_answer(amount: Money, status: str = "COMPLETED", **changes: object) -> dict[str, Any]:
    return {
        "id": REFUND,
        "status": status,
        "amount": to_paypal(amount),
        "custom_id": "ref_1",
        "invoice_id": "ref_1",
        "links": [
            link("self", f"/v2/payments/refunds/{REFUND}"),
            link("up", f"/v2/payments/captures/{CAPTURE}"),
        ],
        "create_time": "2026-11-25T10:00:00Z",
        "update_time": "2026-11-25T10:00:00Z",
    } | changes


def order_answer(
    amount: Money, payment: dict[str, Any] | None, *, captured: bool, status: str = "COMPLETED", **changes: object
) -> dict[str, Any]:
    unit: dict[str, Any] = {
        "reference_id": "default",
        "amount": to_paypal(amount),
        "custom_id": PAYMENT_REFERENCE,
        "invoice_id": PAYMENT_REFERENCE,
    }
    if payment is not None:
        unit["payments"] = {"captures" if captured else "authorizations": [payment]}
    return {
        "id": ORDER,
        "intent": "CAPTURE" if captured else "AUTHORIZE",
        "status": status,
        "payment_source": {
            "card": {
                "name": "Ada Lovelace",
                "last_digits": "4242",
                "brand": "VISA",
                "type": "CREDIT",
                "expiry": "2099-12",
            }
        },
        "purchase_units": [unit],
        "create_time": "2026-11-25T10:00:00Z",
        "links": [link("self", f"/v2/checkout/orders/{ORDER}")],
    } | changes


def approval(operation: Operation) -> dict[str, Any]:
    """Give the body with which PayPal approves an operation."""
    amount = amount_of(operation) or Money(1050, "EUR")
    captured = isinstance(operation, Authorization | Sync) and operation.capture
    payment = charge_answer(amount) if captured else authorization_answer(amount)
    asks_for_order = isinstance(operation, Sync) and operation.psp_reference.startswith("order:")
    if isinstance(operation, Authorization) or asks_for_order:
        return order_answer(amount, payment, captured=captured)
    by_kind: dict[OperationKind, dict[str, Any]] = {
        OperationKind.AUTHORIZE: payment,
        OperationKind.CAPTURE: capture_answer(amount, operation.reference),
        OperationKind.VOID: authorization_answer(amount, "VOIDED"),
        OperationKind.REFUND: refund_answer(amount),
    }
    answer = by_kind[kind_of(operation)]
    if not captured:
        # Only an order tells what the processor said of an authorization.
        answer.pop("processor_response", None)
    return answer


def actions() -> tuple[Action, ...]:
    return authorization(), authorization(capture=True), paypal_capture(), paypal_void(), paypal_refund()


def questions() -> tuple[Sync, ...]:
    kinds = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
    return (
        *(question(kind) for kind in kinds),
        question(OperationKind.AUTHORIZE, captured=True),
        question(OperationKind.AUTHORIZE, order=True),
        question(OperationKind.AUTHORIZE, captured=True, order=True),
    )


def operations() -> tuple[Operation, ...]:
    return (*actions(), *questions())


def error(name: str, *issues: str, **changes: object) -> dict[str, Any]:
    return {
        "name": name,
        "message": "as PayPal words it",
        "debug_id": "90957fca61718",
        "details": [{"issue": issue, "description": "as PayPal words it"} for issue in issues],
        "links": [],
    } | changes
