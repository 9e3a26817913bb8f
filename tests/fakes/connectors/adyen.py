"""An Adyen account, every variation of every operation it is asked for, and its answers and webhooks."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
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
    Level2,
    PaymentDetails,
    StoredCredential,
    ThreeDsPreference,
    ThreeDsResult,
)
from psp_connectors.domain.operations import Action, Authorization, Increment, Reversal, Verification, amount_of
from psp_connectors.domain.webhooks import RawWebhook
from tests.fakes.connectors.ports import API_KEY, KEY, authorization, capture, card, refund, reversal, void

BASE_URL = "https://checkout-test.adyen.com/v72"
MERCHANT_ACCOUNT = "PayeraTest_ECOM"
RETURN_URL = "https://shop.example/return"
HMAC_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
PAYMENT = "993617895204576J"
MODIFICATION = "QFQTPCQ8HXSKGK82"


def adyen_account(base_url: str = BASE_URL, *, login: str = "", **settings: str) -> Account:
    return Account(
        name="adyen_a",
        connector="adyen",
        base_url=base_url,
        api_key=Secret(API_KEY),
        secrets={"webhook_login": Secret(login)} if login else {},
        settings={"merchant_account": MERCHANT_ACCOUNT, "return_url": RETURN_URL} | settings,
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
        "reversal": reversal(),
        "refund": replace(refund(), psp_reference=PAYMENT),
        "partial refund": replace(refund(1), psp_reference=PAYMENT, capture_psp_reference=MODIFICATION),
    }


ADDRESS = Address(line1="Keizersgracht 1", line2="b", city="Amsterdam", state="NH", postal_code="1015CJ", country="NL")
CUSTOMER = Customer(
    id="cus_0001", name="Ada King Lovelace", email="ada@shop.example", ip_address="192.0.2.1", address=ADDRESS
)
CRYPTOGRAM = "3q2+78r+ur7erb7vyv66vv////8="
THREE_DS = ThreeDsResult(
    version="2.2.0",
    eci="05",
    cryptogram=Cryptogram(CRYPTOGRAM),
    ds_transaction_id="c4e59ceb-a382-4d6a-bc87-385d591fa09d",
    trans_status="C",
    challenge_status="Y",
)


def agreement(reason: CredentialReason, initiator: Initiator, use: CredentialUse) -> StoredCredential:
    return StoredCredential(initiator=initiator, use=use, reason=reason, network_transaction_id="777718270854480")


def details() -> dict[str, PaymentDetails]:
    """Give details one by one and all together, each with a name for the test."""
    everything = PaymentDetails(
        merchant_reference="order 17",
        description="Two chairs",
        return_url="https://shop.example/order/17",
        customer=CUSTOMER,
        stored_credential=agreement(CredentialReason.RECURRING, Initiator.MERCHANT, CredentialUse.SUBSEQUENT),
        three_ds=THREE_DS,
        exemption=Exemption.TRANSACTION_RISK,
        level2=Level2(customer_reference="PO 1234", tax_amount=180),
        metadata={"order": "17", "much_too_long_a_key_for_adyen": "x", "note": "y" * 81},
    )
    variations = {
        "nothing": PaymentDetails(),
        "everything": everything,
        "address in part": PaymentDetails(customer=Customer(address=Address(postal_code="12345-6789-0", country="US"))),
        "customer in part": PaymentDetails(customer=Customer(id="x", name="Ada")),
        "frictionless": PaymentDetails(three_ds=replace(THREE_DS, trans_status="Y", challenge_status="")),
        "level 2 in part": PaymentDetails(level2=Level2(customer_reference="000", tax_amount=0)),
        "metadata beyond the bound": PaymentDetails(metadata={f"key_{n}": str(n) for n in range(30)}),
    }
    for preference in ThreeDsPreference:
        variations[f"3DS {preference}"] = PaymentDetails(three_ds_preference=preference)
    for exemption in Exemption:
        variations[f"exemption {exemption}"] = PaymentDetails(exemption=exemption)
    for reason in CredentialReason:
        for initiator in Initiator:
            for use in CredentialUse:
                variations[f"{reason} {initiator} {use}"] = PaymentDetails(
                    stored_credential=agreement(reason, initiator, use)
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
        card=replace(card(), code=type(card().code)(""), holder_name=""),
    )
    return every


def approval(operation: Action) -> dict[str, Any]:
    """Give what Adyen answers when it goes along with an operation: an approval, or that it was received."""
    asked = operation.total if isinstance(operation, Increment) else amount_of(operation)
    amount = {} if asked is None else {"amount": {"currency": asked.currency, "value": asked.value}}
    if isinstance(operation, Authorization | Verification):
        return {
            "additionalData": {
                "avsResult": "7 Both postal code and address match",
                "cvcResult": "1 Matches",
                "refusalReasonRaw": "AUTHORISED",
                "networkTxReference": "777718270854480",
                "merchantReference": operation.reference,
            },
            "pspReference": PAYMENT,
            "resultCode": "Authorised",
            "merchantReference": operation.reference,
            **amount,
        }
    if isinstance(operation, Reversal):
        payment = {"paymentReference": operation.reference}
    else:
        payment = {"paymentPspReference": operation.psp_reference}
    return {
        "merchantAccount": MERCHANT_ACCOUNT,
        **payment,
        "pspReference": MODIFICATION,
        "reference": operation.reference,
        "status": "received",
        **amount,
    }


def refusal(reason_code: str, *, result: str = "Refused", **additional: str) -> dict[str, Any]:
    return {
        "additionalData": additional,
        "pspReference": PAYMENT,
        "refusalReason": "a reason",
        "refusalReasonCode": reason_code,
        "resultCode": result,
        "merchantReference": "pay_1_1",
    }


def error(status: int, code: str, kind: str = "validation") -> dict[str, Any]:
    return {"status": status, "errorCode": code, "message": "a message", "errorType": kind, "pspReference": PAYMENT}


def item(**fields: Any) -> dict[str, Any]:
    return {
        "amount": {"currency": "EUR", "value": 1050},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-11-25T10:30:00+01:00",
        "merchantAccountCode": MERCHANT_ACCOUNT,
        "merchantReference": "pay_1_1",
        "paymentMethod": "visa",
        "pspReference": PAYMENT,
        "reason": "",
        "success": "true",
    } | fields


def modification_item(event_code: str, reference: str, **fields: Any) -> dict[str, Any]:
    own = {"merchantReference": reference, "originalReference": PAYMENT, "pspReference": MODIFICATION}
    return item(eventCode=event_code, **own) | fields


def signature(unsigned: Mapping[str, Any], key: str = HMAC_KEY) -> str:
    """Sign an item as Adyen documents it, written without the connector's code."""
    amount = unsigned.get("amount") or {}
    fields = (
        unsigned.get("pspReference", ""),
        unsigned.get("originalReference", ""),
        unsigned.get("merchantAccountCode", ""),
        unsigned.get("merchantReference", ""),
        str(amount.get("value", "")),
        amount.get("currency", ""),
        unsigned.get("eventCode", ""),
        unsigned.get("success", ""),
    )
    digest = hmac.new(bytes.fromhex(key), ":".join(fields).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def signed(unsigned: Mapping[str, Any], key: str = HMAC_KEY) -> dict[str, Any]:
    additional = {**unsigned.get("additionalData", {}), "hmacSignature": signature(unsigned, key)}
    return {**unsigned, "additionalData": additional}


def envelope(*items: Mapping[str, Any]) -> dict[str, Any]:
    return {"live": "false", "notificationItems": [{"NotificationRequestItem": dict(one)} for one in items]}


def webhook(*items: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> RawWebhook:
    return RawWebhook(headers=headers or {}, body=json.dumps(envelope(*items)).encode())
