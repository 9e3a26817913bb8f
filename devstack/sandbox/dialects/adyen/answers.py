"""Renders what became of an operation as Adyen answers it (Checkout API v72)."""

import hashlib
import hmac
from typing import Any, Final

from devstack.sandbox.dialects.adyen.reading import UNITS
from devstack.sandbox.dialects.adyen.triggers import CVC_TEXTS, REFUSALS, Refusal, raw_text, refusal_of
from devstack.sandbox.dialects.contract import Desk
from devstack.sandbox.incoming import Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType, State
from devstack.sandbox.magic import Verdict
from devstack.sandbox.settings import AccountEntry

BRANDS: Final = {"bancontact": "bcmc", "mastercard": "mc", "unionpay": "cup"}
_ACQUIRER: Final = "PayeraSandbox"
_AVS_TEXTS: Final = {"4": "AVS not supported for this card type", "7": "Both postal code and address match"}
REDIRECT_PATH: Final = "/checkoutshopper/threeDS/redirect"


def payment(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Answer POST /payments, and POST /payments/details once the shopper is back."""
    record = charge.record
    if entry.state is State.PENDING:
        return Reply(200, _redirect(charge, desk))
    body: dict[str, Any] = {
        "additionalData": additional_data(entry, charge),
        "pspReference": record.id,
        "merchantReference": record.reference,
    }
    if entry.state is State.APPROVED:
        method = {"type": "scheme", "brand": brand_of(charge)}
        body |= {"resultCode": "Authorised", "amount": amount_of(entry.record.amount, charge), "paymentMethod": method}
    else:
        refusal = told_refusal(entry)
        body |= {
            "resultCode": refusal.result,
            "refusalReason": refusal.reason,
            "refusalReasonCode": refusal.code,
        }
    return Reply(200, body)


def modification(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Answer a modification: received, whatever comes of it."""
    record = entry.record
    body: dict[str, Any] = {
        "merchantAccount": desk.setting("merchant_account"),
        "pspReference": record.id,
        "status": "received",
    }
    if record.reference or record.type is OperationType.INCREMENT:
        body["reference"] = record.reference
    if "payment_reference" in record.facts:
        return Reply(201, body | {"paymentReference": record.facts["payment_reference"]})
    body["paymentPspReference"] = record.facts["payment"]
    if record.type is not OperationType.VOID and "event" not in record.facts:
        body["amount"] = amount_of(told_amount(entry), charge)
    return Reply(201, body)


def told_amount(entry: Entry) -> int:
    """Give the amount Adyen names: that of the modification, for an adjustment the new total."""
    beside = entry.record.facts.get("beside", 0)
    return entry.record.amount + (beside if isinstance(beside, int) else 0)


def amount_of(minor: int, charge: Charge) -> dict[str, Any]:
    """Give an amount object."""
    currency = charge.record.currency
    return {"currency": currency, "value": UNITS.own(minor, currency)}


def brand_of(charge: Charge) -> str:
    """Give the brand in Adyen's words."""
    brand = charge.record.card.brand if charge.record.card is not None else ""
    return BRANDS.get(brand, brand)


def told_refusal(entry: Entry) -> Refusal:
    """Give the refusal that tells a decline: the one that was asked for, as long as it is what holds."""
    asked = REFUSALS.get(str(entry.record.facts.get("refusal", "")))
    return asked if asked is not None and asked.verdict == entry.verdict else refusal_of(entry.verdict)


def additional_data(entry: Entry, charge: Charge) -> dict[str, str]:
    """Give what a merchant can have Adyen add to its answers and webhooks."""
    record = charge.record
    verdict: Verdict = entry.verdict
    cvc, avs = str(record.facts.get("cvc", "6")), str(record.facts.get("avs", "4"))
    data = {
        "acquirerCode": _ACQUIRER,
        "avsResult": f"{avs} {_AVS_TEXTS.get(avs, '')}",
        "avsResultRaw": avs,
        "cvcResult": f"{cvc} {CVC_TEXTS.get(cvc, '')}",
        "refusalReasonRaw": raw_text(verdict),
    }
    if record.card is not None:
        data |= {
            "cardBin": record.card.bin,
            "cardSummary": record.card.last4,
            "expiryDate": f"{record.card.exp_month}/{record.card.exp_year}",
            "paymentMethod": brand_of(charge),
        }
    if verdict.approved:
        data |= {"authCode": _auth_code(record.id), "networkTxReference": record.network_transaction_id}
    return data


def sealed(account: AccountEntry, text: str) -> str:
    """Give a tag that only this account can have put on a text, for addresses that a shopper's browser opens."""
    return hmac.new(account.api_key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def _auth_code(psp_reference: str) -> str:
    return f"{sum(psp_reference.encode()) * 7919 % 1_000_000:06d}"


def _redirect(charge: Charge, desk: Desk) -> dict[str, Any]:
    record = charge.record
    token = f"{record.id}.{sealed(desk.account, record.id)}"
    action = {
        "type": "redirect",
        "paymentMethodType": "scheme",
        "method": "GET",
        "url": f"{desk.base_url}{REDIRECT_PATH}?redirectData={token}",
    }
    return {"resultCode": "RedirectShopper", "pspReference": record.id, "action": action}
