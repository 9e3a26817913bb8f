"""Operations for Stripe with every variation, and the objects with which Stripe goes along with them."""

from dataclasses import replace
from typing import Any

from mesh.money import Money
from psp_connectors.domain.cards import Address, Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Cryptogram,
    Customer,
    Exemption,
    Initiator,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    Capture,
    Increment,
    Operation,
    OperationKind,
    Refund,
    Sync,
    Verification,
    Void,
    amount_of,
    kind_of,
)
from tests.fakes.connectors.ports import API_KEY, KEY, authorization, card

PAYMENT = "pi_3OabcdefGHIJKL01"
SETUP = "seti_1OabcdefGHIJKL02"
REFUND = "re_3OabcdefGHIJKL03"
RETURN_URL = "https://shop.example/back"
CUSTOMER = Customer(
    id="c1",
    name="Ada Lovelace",
    email="ada@example.com",
    address=Address(line1="1 Row", line2="B", city="London", state="LND", postal_code="W1", country="GB"),
)
THREE_DS = ThreeDsResult(
    version="2.2.0",
    eci="05",
    cryptogram=Cryptogram("AAABBEg0VhI0VniQEjRWAAAAAAA="),
    ds_transaction_id="f25084f0-5b16-4c0a-ae5d-b24808a95e4b",
    trans_status="Y",
)


def stripe_account(base_url: str = "https://api.stripe.com", **settings: str) -> Account:
    return Account(
        name="stripe_a", connector="stripe", base_url=base_url, api_key=Secret(API_KEY), settings=dict(settings)
    )


def agreement(initiator: Initiator, use: CredentialUse, reason: CredentialReason) -> PaymentDetails:
    return PaymentDetails(stored_credential=StoredCredential(initiator=initiator, use=use, reason=reason))


def full_details() -> PaymentDetails:
    return PaymentDetails(
        merchant_reference="order 7",
        description="Two hats",
        return_url=RETURN_URL,
        customer=CUSTOMER,
        three_ds_preference=ThreeDsPreference.CHALLENGE,
        metadata={"shop": "7", "reference": "not ours", "cap_9": "1", "a[b]": "x"},
    )


def variations() -> dict[str, PaymentDetails]:
    plain = PaymentDetails()
    found = {
        "plain": plain,
        "full": full_details(),
        "three_ds": PaymentDetails(three_ds=THREE_DS),
        "three_ds_exempt": PaymentDetails(three_ds=THREE_DS, exemption=Exemption.TRANSACTION_RISK),
    }
    for initiator in Initiator:
        for use in CredentialUse:
            for reason in CredentialReason:
                found[f"{initiator}_{use}_{reason}"] = agreement(initiator, use, reason)
    return found


def verification() -> Verification:
    return Verification(reference="pay_1_1", idempotency_key=KEY, currency="EUR", card=card())


def increment() -> Increment:
    return Increment(
        reference="inc_1",
        idempotency_key=KEY,
        psp_reference=PAYMENT,
        amount=Money(450, "EUR"),
        total=Money(1500, "EUR"),
    )


def capture(value: int = 1050, *, final: bool = True) -> Capture:
    return Capture(
        reference="cap_1", idempotency_key=KEY, psp_reference=PAYMENT, amount=Money(value, "EUR"), final=final
    )


def void() -> Void:
    return Void(reference="void_1", idempotency_key=KEY, psp_reference=PAYMENT)


def refund(value: int = 1050) -> Refund:
    return Refund(reference="ref_1", idempotency_key=KEY, psp_reference=PAYMENT, amount=Money(value, "EUR"))


def actions() -> dict[str, Action]:
    found: dict[str, Action] = {}
    for name, details in variations().items():
        for how in (False, True):
            found[f"authorize_{name}_{how}"] = replace(authorization(capture=how), details=details)
        found[f"verify_{name}"] = replace(verification(), details=details)
    return found | {
        "increment": increment(),
        "capture": capture(),
        "capture_part": capture(400, final=False),
        "void": void(),
        "refund": refund(),
    }


def questions() -> dict[str, Sync]:
    amount = Money(1050, "EUR")
    kinds = OperationKind
    return {
        "authorize": Sync(kind=kinds.AUTHORIZE, reference="pay_1_1", amount=amount, psp_reference=PAYMENT),
        "authorize_search": Sync(kind=kinds.AUTHORIZE, reference="pay_1_1", amount=amount),
        "verify": Sync(kind=kinds.VERIFY, reference="pay_1_1", amount=Money(0, "EUR"), psp_reference=SETUP),
        "capture": Sync(kind=kinds.CAPTURE, reference="cap_1", amount=amount, payment_psp_reference=PAYMENT),
        "increment": Sync(
            kind=kinds.INCREMENT, reference="inc_1", amount=Money(450, "EUR"), payment_psp_reference=PAYMENT
        ),
        "void": Sync(kind=kinds.VOID, reference="void_1", amount=None, payment_psp_reference=PAYMENT),
        "refund": Sync(kind=kinds.REFUND, reference="ref_1", amount=amount, psp_reference=REFUND),
        "refund_list": Sync(kind=kinds.REFUND, reference="ref_1", amount=amount, payment_psp_reference=PAYMENT),
    }


def operations() -> dict[str, Operation]:
    chosen = ("authorize_plain_False", "authorize_plain_True", "verify_plain", "increment", "capture", "capture_part")
    every = actions()
    found: dict[str, Operation] = {name: every[name] for name in (*chosen, "void", "refund")}
    return found | {f"sync_{name}": question for name, question in questions().items()}


def intent(status: str = "requires_capture", **fields: Any) -> dict[str, Any]:
    held = 1050 if status == "requires_capture" else 0
    received = 1050 if status == "succeeded" else 0
    return {
        "id": PAYMENT,
        "object": "payment_intent",
        "amount": 1050,
        "amount_capturable": held,
        "amount_received": received,
        "capture_method": "manual",
        "confirmation_method": "automatic",
        "created": 1714000000,
        "currency": "eur",
        "latest_charge": None,
        "livemode": False,
        "metadata": {"reference": "pay_1_1"},
        "payment_method_types": ["card"],
        "status": status,
    } | fields


def refunded(status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "id": REFUND,
        "object": "refund",
        "amount": 1050,
        "created": 1714000000,
        "currency": "eur",
        "metadata": {"reference": "ref_1"},
        "payment_intent": PAYMENT,
        "status": status,
    } | fields


def setup(status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "id": SETUP,
        "object": "setup_intent",
        "created": 1714000000,
        "livemode": False,
        "metadata": {"reference": "pay_1_1"},
        "payment_method_types": ["card"],
        "status": status,
        "usage": "on_session",
    } | fields


def approval(operation: Operation) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    is_search = isinstance(operation, Sync) and not (operation.psp_reference or operation.payment_psp_reference)
    amount = amount_of(operation)
    value = amount.value if amount is not None else 0
    match kind_of(operation):
        case OperationKind.AUTHORIZE:
            taken = isinstance(operation, Authorization) and operation.capture
            body = intent("succeeded" if taken else "requires_capture")
            return {"object": "search_result", "url": "/s", "has_more": False, "data": [body]} if is_search else body
        case OperationKind.VERIFY:
            return setup()
        case OperationKind.INCREMENT:
            metadata = {"reference": "pay_1_1", "inc_1": "450"}
            return intent(amount=1500, amount_capturable=1500, metadata=metadata)
        case OperationKind.CAPTURE:
            metadata = {"reference": "pay_1_1", "cap_1": str(value)}
            if isinstance(operation, Capture) and not operation.final:
                return intent(amount_capturable=1050 - value, amount_received=value, metadata=metadata)
            return intent("succeeded", amount_received=value, metadata=metadata)
        case OperationKind.VOID | OperationKind.REVERSE:
            return intent("canceled")
        case OperationKind.REFUND:
            body = refunded()
            of_payment = isinstance(operation, Sync) and not operation.psp_reference
            return {"object": "list", "url": "/v1/refunds", "has_more": False, "data": [body]} if of_payment else body


def card_error(code: str = "card_declined", decline_code: str = "", **fields: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"type": "card_error", "code": code, "message": "no"}
    if decline_code:
        error["decline_code"] = decline_code
    return {"error": error | {"payment_intent": intent("requires_payment_method")} | fields}
