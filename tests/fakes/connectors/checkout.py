"""A Checkout.com account, every variation of every operation it is asked for, and its answers and webhooks."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh.money import Money
from psp_connectors.domain.cards import Address, CardCode, Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Cryptogram,
    Customer,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)
from psp_connectors.domain.operations import (
    Action,
    Authorization,
    CardOperation,
    Increment,
    OperationKind,
    Sync,
    Verification,
    amount_of,
)
from psp_connectors.domain.webhooks import RawWebhook
from tests.fakes.connectors.ports import KEY, authorization, capture, card, refund, void

BASE_URL = "https://api.sandbox.checkout.com"
SECRET_KEY = "sk_sbox_abcdefghijklmnopqrstuvwxyz2"
CHANNEL = "pc_q4dbxom5jbgudnjzjpz7j2z6uq"
SIGNATURE_KEY = "the signature key of the workflow"
PAYMENT = "pay_mbabizu24mvu3mela5njyhpit4"
OTHER_PAYMENT = "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"
ACTION = "act_y3oqhf46pyzuxjbcn2giaqnb44"
RETURN_URL = "https://shop.example/order/17"
CRYPTOGRAM = "AgAAAAAAAIR8CQrXcIhbQAAAAAA="
SCHEME_ID = "489341065491658"

SETTINGS = {"processing_channel_id": CHANNEL, "descriptor_city": "GOTHAM"}
ADDRESS = Address(line1="1 High St", line2="Flat 2", city="London", state="London", postal_code="W1T 4TJ", country="GB")
CUSTOMER = Customer(
    id="cus_0001", name="Ada King Lovelace", email="ada@shop.example", ip_address="192.0.2.1", address=ADDRESS
)
THREE_DS = ThreeDsResult(
    version="2.2.0",
    eci="05",
    cryptogram=Cryptogram(CRYPTOGRAM),
    ds_transaction_id="c4e59ceb-a382-4d6a-bc87-385d591fa09d",
    trans_status="C",
    challenge_status="Y",
)


def checkout_account(base_url: str = BASE_URL, *, webhook_authorization: str = "", **settings: str) -> Account:
    secrets = {"webhook_authorization": Secret(webhook_authorization)} if webhook_authorization else {}
    return Account(
        name="checkout_a",
        connector="checkout",
        base_url=base_url,
        api_key=Secret(SECRET_KEY),
        secrets=secrets,
        settings=SETTINGS | settings,
    )


def verification(currency: str = "EUR") -> Verification:
    return Verification(reference="pay_1_1", idempotency_key=KEY, currency=currency, card=card())


def increment(value: int = 500, total: int = 1550) -> Increment:
    return Increment(
        reference="inc_1",
        idempotency_key=KEY,
        psp_reference=PAYMENT,
        amount=Money(value, "EUR"),
        total=Money(total, "EUR"),
    )


def modifications() -> dict[str, Action]:
    return {
        "increment": increment(),
        "capture": replace(capture(), psp_reference=PAYMENT),
        "partial capture": replace(capture(300), psp_reference=PAYMENT, final=False),
        "void": replace(void(), psp_reference=PAYMENT),
        "refund": replace(refund(), psp_reference=PAYMENT),
        "partial refund": replace(refund(1), psp_reference=PAYMENT),
    }


ACKNOWLEDGED = ("capture", "partial capture", "void", "refund", "partial refund")


def agreement(reason: CredentialReason, initiator: Initiator, use: CredentialUse) -> StoredCredential:
    return StoredCredential(initiator=initiator, use=use, reason=reason, network_transaction_id=SCHEME_ID)


def details() -> dict[str, PaymentDetails]:
    """Give details one by one and all together, each with a name for the test."""
    everything = PaymentDetails(
        merchant_reference="order 17",
        description="Two chairs " * 20,
        return_url=RETURN_URL,
        customer=CUSTOMER,
        stored_credential=agreement(CredentialReason.NO_SHOW, Initiator.MERCHANT, CredentialUse.SUBSEQUENT),
        three_ds=THREE_DS,
        exemption=Exemption.LOW_VALUE,
        level2=Level2(customer_reference="PO 1234 and far too long", tax_amount=180),
        metadata={"order": "17", "payment_reference": "someone else's"},
    )
    variations = {
        "nothing": PaymentDetails(),
        "everything": everything,
        "address in part": PaymentDetails(customer=Customer(address=Address(postal_code="12345", country="USA"))),
        "customer in part": PaymentDetails(customer=Customer(id="x", name="Ada", ip_address="2001:db8::1")),
        "level 2 in part": PaymentDetails(level2=Level2(tax_amount=0)),
    }
    for preference in ThreeDsPreference:
        variations[f"3DS {preference}"] = PaymentDetails(three_ds_preference=preference)
    for exemption in Exemption:
        variations[f"exemption {exemption}"] = PaymentDetails(exemption=exemption)
    for reason in CredentialReason:
        for initiator in Initiator:
            for use in CredentialUse:
                variations[f"{reason} {initiator} {use}"] = PaymentDetails(
                    stored_credential=agreement(reason, initiator, use),
                    three_ds_preference=ThreeDsPreference.CHALLENGE,
                )
    return variations


def operations() -> dict[str, Action]:
    """Give every operation in every variation."""
    every: dict[str, Action] = modifications()
    for name, one in details().items():
        every[f"authorize, {name}"] = replace(authorization(), details=one)
        every[f"verify, {name}"] = replace(verification(), details=one)
    every["authorize and capture"] = authorization(capture=True)
    every["authorize yen"] = authorization(1050, "JPY")
    every["authorize without code, holder and descriptor"] = Authorization(
        reference="pay_1_1",
        idempotency_key=KEY,
        amount=Money(1050, "EUR"),
        capture=False,
        card=replace(card(), code=CardCode(""), holder_name=""),
    )
    return every


def questions() -> dict[str, Sync]:
    """Give the questions about a payment and about everything that is done with it."""
    return {
        kind.value: Sync(
            kind=kind,
            reference="pay_1_1" if kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY} else f"{kind.value}_1",
            amount=None if kind is OperationKind.VOID else Money(0 if kind is OperationKind.VERIFY else 1050, "EUR"),
            payment_psp_reference=PAYMENT,
        )
        for kind in OperationKind
        if kind is not OperationKind.REVERSE
    }


def links(psp_reference: str = PAYMENT) -> dict[str, Any]:
    href = f"{BASE_URL}/payments/{psp_reference}"
    return {"self": {"href": href}, "actions": {"href": f"{href}/actions"}}


def source() -> dict[str, Any]:
    return {
        "type": "card",
        "id": "src_nwd3m4in3hkuddfpjsaevunhdy",
        "expiry_month": 12,
        "expiry_year": 2099,
        "scheme": "Visa",
        "last4": "4242",
        "bin": "424242",
        "fingerprint": "F31828E2BDABAE63EB694903825CDD36041CC6ED461440B81415895855502832",
        "avs_check": "Y",
        "cvv_check": "Y",
    }


def payment(operation: CardOperation, **fields: Any) -> dict[str, Any]:
    """Give what Checkout.com answers when a payment is approved."""
    asked = amount_of(operation)
    assert asked is not None
    return {
        "id": PAYMENT,
        "action_id": ACTION,
        "amount": asked.value,
        "currency": asked.currency,
        "approved": True,
        "status": "Card Verified" if isinstance(operation, Verification) else "Authorized",
        "auth_code": "770687",
        "response_code": "10000",
        "response_summary": "Approved",
        "expires_on": "2026-12-02T10:11:12.1234567Z",
        "source": source(),
        "processed_on": "2026-11-25T10:11:12Z",
        "reference": operation.reference,
        "scheme_id": SCHEME_ID,
        "_links": links(),
    } | fields


def incremented(operation: Increment, **fields: Any) -> dict[str, Any]:
    return {
        "action_id": ACTION,
        "amount": operation.amount.value,
        "currency": operation.amount.currency,
        "approved": True,
        "status": "Authorized",
        "response_code": "10000",
        "balances": {"total_authorized": operation.total.value},
        "processed_on": "2026-11-25T10:11:12Z",
        "reference": operation.reference,
        "_links": links(),
    } | fields


def acknowledgement(operation: Action, **fields: Any) -> dict[str, Any]:
    href = f"{BASE_URL}/payments/{PAYMENT}"
    return {
        "action_id": ACTION,
        "reference": operation.reference,
        "_links": {"payment": {"href": href}},
    } | fields


def payment_details(question: Sync, **fields: Any) -> dict[str, Any]:
    assert question.amount is not None
    return {
        "id": PAYMENT,
        "requested_on": "2026-11-25T10:11:12Z",
        "source": source(),
        "amount": question.amount.value,
        "currency": question.amount.currency,
        "reference": question.reference,
        "approved": True,
        "status": "Card Verified" if question.kind is OperationKind.VERIFY else "Authorized",
        "balances": {"total_authorized": question.amount.value, "total_captured": 0},
        "scheme_id": SCHEME_ID,
        "_links": links(),
    } | fields


def actions(question: Sync, **fields: Any) -> list[dict[str, Any]]:
    """Give the actions of a payment, the one asked about first."""
    types = {OperationKind.INCREMENT: "Authorization"}
    asked = {
        "id": ACTION,
        "type": types.get(question.kind, question.kind.value.capitalize()),
        "processed_on": "2026-11-25T10:12:12Z",
        "amount": question.amount.value if question.amount is not None else 1050,
        "approved": True,
        "response_code": "10000",
        "reference": question.reference,
    } | fields
    first = {
        "id": "act_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "type": "Authorization",
        "processed_on": "2026-11-25T10:11:12Z",
        "amount": 1050,
        "approved": True,
        "response_code": "10000",
        "reference": "pay_1_1",
    }
    return [asked, first]


def event(event_type: str, **data: Any) -> dict[str, Any]:
    """Give an event as Checkout.com documents it for its workflows."""
    return {
        "id": "evt_az5sblvku4ge3dwpztvyizgcau",
        "type": event_type,
        "version": "1.0.29",
        "created_on": "2026-11-25T10:30:00.8821546Z",
        "data": {
            "id": PAYMENT,
            "action_id": ACTION,
            "reference": "pay_1_1",
            "amount": 1050,
            "currency": "EUR",
            "response_code": "20051" if "declined" in event_type else "10000",
            "metadata": {"payment_reference": "pay_1_1", "capture_mode": "later"},
            "processed_on": "2026-11-25T10:29:59.0587501Z",
        }
        | data,
    }


def webhook(body: object, key: str = SIGNATURE_KEY, headers: Mapping[str, str] | None = None) -> RawWebhook:
    """Sign a webhook as Checkout.com documents it, written without the connector's code."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    return RawWebhook(headers={"cko-signature": signature, **(headers or {})}, body=raw)
