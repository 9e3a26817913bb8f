"""Adyen's standard webhooks: which items are genuine, and what they say.

Sources: the description of the webhooks, version 1; docs.adyen.com, Verify HMAC signatures, Handle webhook events
(a repeated event has the same pspReference and eventCode; its success may differ, which makes it news), Capture, Cancel
and Refund (failures that come after a success).

The signature covers eight fields of an item and nothing else, so only those decide about money. The rest of an item
(reason, additionalData, eventDate) is read for what it is worth: it names the kind of a decline that is certain anyway.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from psp_connectors.connectors.adyen import codes
from psp_connectors.connectors.adyen.answers import checks, scheme_code
from psp_connectors.connectors.adyen.capabilities import MERCHANT_ACCOUNT, WEBHOOK_LOGIN
from psp_connectors.connectors.adyen.money import UNITS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.guard import LONGEST_RAW_CODE
from psp_connectors.domain.network_codes import decline_of
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.reading import integer_at, items_at, mapping_at, text_at
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)

_RESULTS: Final[Mapping[str, OperationKind]] = MappingProxyType(
    {
        "AUTHORISATION": OperationKind.AUTHORIZE,
        "AUTHORISATION_ADJUSTMENT": OperationKind.INCREMENT,
        "CAPTURE": OperationKind.CAPTURE,
        "CANCELLATION": OperationKind.VOID,
        "TECHNICAL_CANCEL": OperationKind.REVERSE,
        "REFUND": OperationKind.REFUND,
    }
)
"""Events that tell how an operation went. CANCEL_OR_REFUND is not here: which of both was done is not signed."""

_REVERSALS: Final[Mapping[str, OperationKind]] = MappingProxyType(
    {
        "CAPTURE_FAILED": OperationKind.CAPTURE,
        "REFUND_FAILED": OperationKind.REFUND,
        "REFUNDED_REVERSED": OperationKind.REFUND,
    }
)
"""Events that take back a success which was told before; their own `success` says that the event is a fact."""

_PAYMENT_PREFIX: Final = "pay_"
_BRANDS: Final = MappingProxyType({"mc": "mastercard"})
_SIGNATURE_BYTES: Final = 32
_LATEST: Final = 253_402_300_799  # the last second of the year 9999

MOST_ITEMS: Final = 100


@dataclass(frozen=True, slots=True)
class _Item:
    """The signed fields of an item, as they stand in it, and the rest of it."""

    psp_reference: str
    original_reference: str
    merchant_account: str
    merchant_reference: str
    value: int | None
    currency: str
    event_code: str
    success: str
    rest: Mapping[str, Any]

    def signed(self) -> bytes:
        value = "" if self.value is None else str(self.value)
        parts = (
            self.psp_reference,
            self.original_reference,
            self.merchant_account,
            self.merchant_reference,
            value,
            self.currency,
            self.event_code,
            self.success,
        )
        return ":".join(parts).encode("utf-8", "surrogatepass")


def read_webhook(raw: RawWebhook, account: Account, context: WebhookContext) -> WebhookReading:
    """Verify each item on its own, and say what the genuine ones of this merchant account tell; never raises.

    Adyen signs no time, so an old item can't be told from a late one: repeating it changes nothing, its `event_id`
    is that of the first.
    """
    if not _knows_login(raw, account):
        return FORGED
    items = items_at(_json(raw.body), "notificationItems")
    if len(items) > MOST_ITEMS:
        # Each costs a signature, and anybody may send them: Adyen itself sends one, six at most.
        return FORGED
    notifications = []
    for wrapped in items:
        item = _item(mapping_at(wrapped, "NotificationRequestItem"))
        if item is None or not _is_genuine(item, context.secrets) or not _is_ours(item, account):
            continue
        notifications.append(_notification(item))
    refused = len(items) - len(notifications)
    if not notifications:
        return WebhookReading(authenticity=Authenticity.FORGED, refused=refused)
    return WebhookReading(authenticity=Authenticity.GENUINE, notifications=tuple(notifications), refused=refused)


def signature_of(signed: bytes, secret: Secret) -> bytes:
    """Give the signature Adyen makes of a signed text; empty when the secret is no hexadecimal key."""
    try:
        key = bytes.fromhex(secret.reveal())
    except ValueError:
        return b""
    return hmac.new(key, signed, hashlib.sha256).digest() if key else b""


def _knows_login(raw: RawWebhook, account: Account) -> bool:
    """Tell whether the basic authentication fits, where the account has one."""
    login = account.secrets.get(WEBHOOK_LOGIN)
    if not login:
        return True
    expected = b"Basic " + b64encode(login.reveal().encode())
    given = raw.headers.get("authorization", "").encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, expected)


def _is_genuine(item: _Item, secrets: Sequence[Secret]) -> bool:
    try:
        given = b64decode(text_at(item.rest, "additionalData", "hmacSignature"), validate=True)
    except ValueError:
        return False
    if len(given) != _SIGNATURE_BYTES:
        return False
    signed = item.signed()
    return any(hmac.compare_digest(given, signature_of(signed, secret)) for secret in secrets)


def _is_ours(item: _Item, account: Account) -> bool:
    """Tell whether an item is about this merchant account: one signing key may serve several."""
    merchant_account = account.settings.get(MERCHANT_ACCOUNT, "")
    return bool(merchant_account) and item.merchant_account == merchant_account


def _json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _item(rest: Mapping[str, Any]) -> _Item | None:
    """Give the fields of an item; None for one that is not what Adyen sends."""
    item = _Item(
        psp_reference=text_at(rest, "pspReference"),
        original_reference=text_at(rest, "originalReference"),
        merchant_account=text_at(rest, "merchantAccountCode"),
        merchant_reference=text_at(rest, "merchantReference"),
        value=integer_at(rest, "amount", "value"),
        currency=text_at(rest, "amount", "currency"),
        event_code=text_at(rest, "eventCode"),
        success=text_at(rest, "success"),
        rest=rest,
    )
    # The signed text joins the fields with colons and escapes none. With a colon in the merchant's reference alone
    # there is one way to take it apart; with one elsewhere, what was signed as one field could be read as another.
    fixed = (item.psp_reference, item.original_reference, item.merchant_account, item.currency, item.event_code)
    if any(":" in text for text in fixed) or item.success not in {"true", "false"}:
        return None
    return item if item.psp_reference and item.event_code else None


def _notification(item: _Item) -> Notification:
    outcome = _outcome(item)
    kind = _kind(item) if outcome is not None else None
    of_payment = item.merchant_reference.startswith(_PAYMENT_PREFIX)
    is_payment = kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY}
    # Asked for with the payment's reference, which it tells as its own.
    by_reference = is_payment or kind is OperationKind.REVERSE
    return Notification(
        event_id=f"{item.psp_reference}.{item.event_code}.{item.success}",
        event_type=item.event_code,
        occurred_at=_seconds(text_at(item.rest, "eventDate")),
        kind=kind,
        # Adyen gives the reference of the modification, or that of the payment where it knows no other.
        reference=item.merchant_reference if kind is not None and (by_reference or not of_payment) else "",
        payment_reference=item.merchant_reference if kind is not None and of_payment else "",
        psp_reference=item.psp_reference if kind is not None else "",
        payment_psp_reference=(item.psp_reference if is_payment else item.original_reference) if kind else "",
        currency=item.currency if kind is not None else "",
        outcome=outcome,
        reversal=item.event_code in _REVERSALS and kind is not None,
    )


def _kind(item: _Item) -> OperationKind | None:
    kind = _RESULTS.get(item.event_code) or _REVERSALS.get(item.event_code)
    return OperationKind.VERIFY if kind is OperationKind.AUTHORIZE and item.value == 0 else kind


def _outcome(item: _Item) -> Outcome | None:
    """Give what the item says of an operation; None for events of another kind and amounts that can't be read."""
    money = UNITS.from_integer(item.value, item.currency)
    if _kind(item) is None or money is None:
        return None
    failed = item.event_code in _REVERSALS
    if failed and item.success != "true":
        return None
    if failed or item.success == "false":
        code, raw_code, network_code, known = _decline(item)
        return Outcome(
            kind=OutcomeKind.DECLINED,
            psp_reference=item.psp_reference,
            code=code.value,
            raw_code=raw_code,
            network_code=network_code,
            amount=money.value,
            unmapped=not known,
        )
    additional = mapping_at(item.rest, "additionalData")
    # Of a reversal, what was released is named: an approval that is told later may be that very authorization's.
    released = item.original_reference if _kind(item) is OperationKind.REVERSE else ""
    return Outcome(
        kind=OutcomeKind.APPROVED,
        psp_reference=released or item.psp_reference,
        amount=money.value,
        network_transaction_id=text_at(additional, "networkTxReference"),
        checks=checks(additional),
    )


def _decline(item: _Item) -> tuple[DeclineCode, str, str, bool]:
    """Give the code of a failure, the raw code, the scheme's code, and whether the tables have what they must."""
    additional = mapping_at(item.rest, "additionalData")
    network_code = scheme_code(additional)
    raw_code = text_at(additional, "refusalReasonCode")
    reason = text_at(item.rest, "reason")
    method = text_at(item.rest, "paymentMethod")
    spelled = codes.spelled(reason)
    known = (
        (decline_of(network_code, _BRANDS.get(method, method)) if network_code else None)
        or codes.REFUSAL_CODES.get(raw_code)
        or codes.REFUSAL_REASONS.get(spelled)
        or codes.MODIFICATION_REASONS.get(spelled)
    )
    shown = (raw_code or spelled)[:LONGEST_RAW_CODE]
    if known is None and not (network_code or shown):
        return DeclineCode.GENERIC_DECLINE, "", "", True
    # Only an authorisation has codes; the reason of a failed modification is a sentence.
    is_code = item.event_code == "AUTHORISATION"
    return known or DeclineCode.UNKNOWN_DECLINE, shown, network_code, known is not None or not is_code


def _seconds(date: str) -> int:
    """Give the time of an event in seconds since the epoch; 0 for a time without a zone, or for none."""
    try:
        moment = datetime.fromisoformat(date)
        seconds = int(moment.timestamp()) if moment.tzinfo is not None else 0
    except (ValueError, OverflowError):
        return 0
    # The signature does not cover the date.
    return seconds if 0 < seconds <= _LATEST else 0
