import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Check, OutcomeKind
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)
from tests.contract.connector_suite import BOUNDED, JSON_VALUES
from tests.fakes.connectors.adyen import (
    HMAC_KEY,
    MODIFICATION,
    PAYMENT,
    adyen_account,
    envelope,
    item,
    modification_item,
    signed,
    webhook,
)

ADYEN = CONNECTORS["adyen"]
OTHER_KEY = "74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174"
NOW = 1_795_000_000


def read(raw: RawWebhook, *, keys: Sequence[str] = (HMAC_KEY,), login: str = "") -> WebhookReading:
    assert ADYEN.read_webhook is not None
    context = WebhookContext(secrets=[Secret(key) for key in keys], now=NOW)
    return ADYEN.read_webhook(raw, adyen_account(login=login), context)


def told(unsigned: Mapping[str, Any]) -> Notification:
    reading = read(webhook(signed(unsigned)))
    assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 0)
    (notification,) = reading.notifications
    return notification


def test_an_authorisation() -> None:
    additional = {"networkTxReference": "777718270854480", "cvcResult": "1 Matches"}
    notification = told(item(additionalData=additional))
    assert notification.event_id == f"{PAYMENT}.AUTHORISATION.true"
    assert notification.event_type == "AUTHORISATION"
    assert (notification.kind, notification.reference) == (OperationKind.AUTHORIZE, "pay_1_1")
    assert notification.payment_reference == "pay_1_1"
    assert (notification.psp_reference, notification.payment_psp_reference) == (PAYMENT, PAYMENT)
    assert notification.outcome is not None
    assert (notification.outcome.kind, notification.outcome.amount) == (OutcomeKind.APPROVED, 1050)
    assert notification.outcome.network_transaction_id == "777718270854480"
    assert notification.outcome.checks.card_code is Check.MATCH
    assert not notification.reversal


def test_an_authorisation_of_nothing_is_a_verification() -> None:
    notification = told(item(amount={"currency": "EUR", "value": 0}))
    assert notification.kind is OperationKind.VERIFY
    assert notification.reference == "pay_1_1"


@pytest.mark.parametrize(
    ("reason", "additional", "code", "unmapped"),
    [
        ("Expired Card", {}, "expired_card", False),
        ("ExpiredCard", {}, "expired_card", False),
        ("FRAUD-CANCELLED", {}, "blocked_by_risk", False),
        ("Refused", {"refusalReasonRaw": "51 : Insufficient funds"}, "insufficient_funds", False),
        ("Refused", {"refusalReasonCode": "24"}, "incorrect_cvc", False),
        ("", {}, "generic_decline", False),
        ("Something new", {}, "unknown_decline", True),
    ],
)
def test_a_refused_authorisation(reason: str, additional: dict[str, str], code: str, *, unmapped: bool) -> None:
    notification = told(item(success="false", reason=reason, additionalData=additional))
    assert notification.outcome is not None
    assert (notification.outcome.kind, notification.outcome.psp_reference) == (OutcomeKind.DECLINED, PAYMENT)
    assert (notification.outcome.code, notification.outcome.unmapped) == (code, unmapped)


@pytest.mark.parametrize(
    ("event", "reference", "kind"),
    [
        ("CAPTURE", "cap_1", OperationKind.CAPTURE),
        ("CANCELLATION", "void_1", OperationKind.VOID),
        ("REFUND", "ref_1", OperationKind.REFUND),
        ("AUTHORISATION_ADJUSTMENT", "inc_1", OperationKind.INCREMENT),
    ],
)
def test_modifications(event: str, reference: str, kind: OperationKind) -> None:
    for success, outcome in (("true", OutcomeKind.APPROVED), ("false", OutcomeKind.DECLINED)):
        notification = told(modification_item(event, reference, success=success))
        assert (notification.kind, notification.reference) == (kind, reference)
        assert (notification.psp_reference, notification.payment_psp_reference) == (MODIFICATION, PAYMENT)
        assert notification.outcome is not None
        assert (notification.outcome.kind, notification.outcome.amount) == (outcome, 1050)
        assert not notification.reversal
        assert notification.event_id == f"{MODIFICATION}.{event}.{success}"


@pytest.mark.parametrize(("success", "outcome"), [("true", OutcomeKind.APPROVED), ("false", OutcomeKind.DECLINED)])
def test_a_reversal_names_the_payment_that_it_released(success: str, outcome: OutcomeKind) -> None:
    notification = told(modification_item("TECHNICAL_CANCEL", "pay_1_1", success=success))
    assert (notification.kind, notification.reference) == (OperationKind.REVERSE, "pay_1_1")
    assert (notification.payment_reference, notification.payment_psp_reference) == ("pay_1_1", PAYMENT)
    assert notification.outcome is not None
    # An approval that is told later is compared with this.
    named = PAYMENT if outcome is OutcomeKind.APPROVED else MODIFICATION
    assert (notification.outcome.kind, notification.outcome.psp_reference) == (outcome, named)
    assert not notification.reversal


def test_a_modification_that_names_the_payments_reference_is_found_by_adyens_ids() -> None:
    notification = told(modification_item("CAPTURE", "pay_1_1"))
    assert (notification.reference, notification.payment_reference) == ("", "pay_1_1")
    assert notification.psp_reference == MODIFICATION


def test_the_reason_of_a_failed_refund() -> None:
    reason = "Transaction hasn't been captured, refund not possible"
    notification = told(modification_item("REFUND", "ref_1", success="false", reason=reason))
    assert notification.outcome is not None
    assert (notification.outcome.code, notification.outcome.unmapped) == ("invalid_transaction", False)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("CAPTURE_FAILED", OperationKind.CAPTURE),
        ("REFUND_FAILED", OperationKind.REFUND),
        ("REFUNDED_REVERSED", OperationKind.REFUND),
    ],
)
def test_late_failures_take_a_success_back(event: str, kind: OperationKind) -> None:
    notification = told(modification_item(event, "ref_1"))
    assert notification.reversal
    assert notification.kind is kind
    assert notification.outcome is not None
    assert (notification.outcome.kind, notification.outcome.amount) == (OutcomeKind.DECLINED, 1050)
    # A failure that did not happen says nothing of the operation.
    assert told(modification_item(event, "ref_1", success="false")).kind is None


@pytest.mark.parametrize("event", ["CHARGEBACK", "REPORT_AVAILABLE", "EXPIRE", "CANCEL_OR_REFUND", "BRAND_NEW_EVENT"])
def test_other_events_are_genuine_and_say_nothing_of_an_operation(event: str) -> None:
    notification = told(modification_item(event, "pay_1_1", additionalData={"modification.action": "cancel"}))
    assert (notification.event_type, notification.kind, notification.outcome) == (event, None, None)
    assert notification.event_id


def test_the_same_event_has_the_same_id_and_another_result_another() -> None:
    first = told(modification_item("CAPTURE", "cap_1", eventDate="2026-11-25T10:30:00+01:00"))
    again = told(modification_item("CAPTURE", "cap_1", eventDate="2026-11-25T11:30:00+01:00", reason="x"))
    other = told(modification_item("CAPTURE", "cap_1", success="false"))
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("2026-11-25T10:30:00+01:00", 1795599000),
        ("2026-11-25T09:30:00Z", 1795599000),
        ("2026-11-25T04:30:00-05:00", 1795599000),
        ("2026-11-25T15:15:00+05:45", 1795599000),
        ("2026-11-25T09:30:00", 0),
        ("yesterday", 0),
        ("", 0),
        ("0001-01-01T00:00:00+14:00", 0),
    ],
)
def test_times_of_all_zones(date: str, seconds: int) -> None:
    occurred_at = told(item(eventDate=date)).occurred_at
    assert occurred_at == seconds or (date.startswith("0001") and occurred_at <= 0)


def test_amounts_come_back_from_adyens_exponents() -> None:
    notification = told(item(amount={"currency": "ISK", "value": 105000}))
    assert notification.outcome is not None
    assert (notification.outcome.amount, notification.currency) == (1050, "ISK")
    odd = told(item(amount={"currency": "ISK", "value": 105001}))
    assert (odd.kind, odd.outcome) == (None, None)
    assert told(item(amount={"currency": "XXX", "value": 1})).kind is None


SIGNED_FIELDS: tuple[dict[str, Any], ...] = (
    {"pspReference": "OTHER00000000000"},
    {"originalReference": PAYMENT},
    {"merchantAccountCode": "Other"},
    {"merchantReference": "pay_2_1"},
    {"amount": {"currency": "EUR", "value": 1051}},
    {"amount": {"currency": "USD", "value": 1050}},
    {"amount": None},
    {"eventCode": "REFUND"},
    {"success": "false"},
)


@pytest.mark.parametrize("changes", SIGNED_FIELDS)
def test_no_signed_field_can_be_changed(changes: dict[str, Any]) -> None:
    reading = read(webhook({**signed(item()), **changes}))
    assert (reading.authenticity, reading.refused) == (Authenticity.FORGED, 1)
    assert reading.notifications == ()


@pytest.mark.parametrize("given", ["", "x", "AAAA", "not base64!", None, 7, base64.b64encode(b"\0" * 32).decode()])
def test_a_missing_or_wrong_signature_is_forged(given: object) -> None:
    one = item(additionalData={"hmacSignature": given})
    assert read(webhook(one)).authenticity is Authenticity.FORGED
    assert read(webhook(item())).authenticity is Authenticity.FORGED


def test_an_old_and_a_new_key_are_both_good_while_one_is_replaced() -> None:
    raw = webhook(signed(item(), OTHER_KEY))
    assert read(raw).authenticity is Authenticity.FORGED
    assert read(raw, keys=(HMAC_KEY, OTHER_KEY)).authenticity is Authenticity.GENUINE
    for keys in ((), ("",), ("no hexadecimal key",)):
        assert read(raw, keys=keys).authenticity is Authenticity.FORGED


def test_an_empty_key_signs_nothing() -> None:
    forged = signed(item(), "")
    assert read(webhook(forged), keys=("",)).authenticity is Authenticity.FORGED


def test_an_event_of_another_merchant_account_is_not_ours() -> None:
    reading = read(webhook(signed(item(merchantAccountCode="Another"))))
    assert (reading.authenticity, reading.refused) == (Authenticity.FORGED, 1)


def test_a_batch_with_one_bad_item() -> None:
    forged = signed(item(merchantReference="pay_9_1")) | {"merchantReference": "pay_8_1"}
    raw = webhook(signed(item()), forged, signed(modification_item("CAPTURE", "cap_1")))
    reading = read(raw)
    assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 1)
    assert [n.reference for n in reading.notifications] == ["pay_1_1", "cap_1"]


def test_a_colon_in_the_merchants_reference_is_genuine_and_elsewhere_is_refused() -> None:
    assert told(item(merchantReference=":slashes are fun")).reference == ":slashes are fun"
    shifted = signed(item(merchantReference="b:pay_1_1"))
    moved = shifted | {"merchantAccountCode": shifted["merchantAccountCode"] + ":b", "merchantReference": "pay_1_1"}
    assert read(webhook(moved)).authenticity is Authenticity.FORGED


@pytest.mark.parametrize("success", [True, "True", "yes", "", None])
def test_success_is_a_word_of_two(success: object) -> None:
    one = item(success=success)
    forged = signed(item(success=str(success).lower())) | {"success": success}
    for body in (one, forged):
        assert read(webhook(body)).authenticity is Authenticity.FORGED


def test_basic_authentication_where_the_account_has_it() -> None:
    raw = webhook(signed(item()))
    assert read(raw, login="adyen:secret").authenticity is Authenticity.FORGED
    for login, authenticity in (("adyen:secret", Authenticity.GENUINE), ("adyen:other", Authenticity.FORGED)):
        given = base64.b64encode(login.encode()).decode()
        with_header = replace(raw, headers={"authorization": f"Basic {given}"})
        assert read(with_header, login="adyen:secret").authenticity is authenticity


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b'{"notificationItems": null}',
        b'{"notificationItems": [null, 1, {}]}',
        b'{"notificationItems": [{"NotificationRequestItem": []}]}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"notificationItems": [' + b"{}," * 100_000 + b"{}]}",
    ],
)
def test_garbage_is_forged(body: bytes) -> None:
    reading = read(RawWebhook(headers={}, body=body))
    assert (reading.authenticity, reading.notifications) == (Authenticity.FORGED, ())


@BOUNDED
@given(body=st.binary(max_size=300))
def test_any_bytes_are_forged(body: bytes) -> None:
    assert read(RawWebhook(headers={}, body=body)).authenticity is Authenticity.FORGED


@BOUNDED
@given(data=st.data())
def test_a_changed_item_is_forged_or_says_the_same(data: st.DataObject) -> None:
    genuine = signed(data.draw(st.sampled_from([item(), modification_item("REFUND", "ref_1", success="false")])))
    expected = read(webhook(genuine)).notifications[0]
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(genuine)), JSON_VALUES, min_size=1, max_size=3))
    reading = read(RawWebhook(headers={}, body=json.dumps(envelope({**genuine, **changes})).encode()))
    if reading.authenticity is Authenticity.GENUINE:
        (notification,) = reading.notifications
        assert notification.event_id == expected.event_id
        assert (notification.kind, notification.reference) == (expected.kind, expected.reference)
        assert notification.outcome is not None
        assert expected.outcome is not None
        assert (notification.outcome.kind, notification.outcome.amount) == (
            expected.outcome.kind,
            expected.outcome.amount,
        )
    else:
        assert reading.notifications == ()


@BOUNDED
@given(body=JSON_VALUES, field=st.sampled_from(["notificationItems", "NotificationRequestItem", "additionalData"]))
def test_any_json_is_read_without_raising(body: object, field: str) -> None:
    if field == "notificationItems":
        value: object = {"notificationItems": body}
    elif field == "NotificationRequestItem":
        value = {"notificationItems": [{"NotificationRequestItem": body}]}
    else:
        value = envelope({**item(), "additionalData": body})
    raw = RawWebhook(headers={}, body=json.dumps(value).encode())
    assert read(raw).authenticity is Authenticity.FORGED


def test_more_items_than_adyen_ever_sends_are_refused_unread() -> None:
    """Each costs a signature, and anybody can send a megabyte of them."""
    genuine = json.loads(webhook(signed(item())).body)
    many = {"notificationItems": genuine["notificationItems"] * 101}
    assert read(RawWebhook(headers={}, body=json.dumps(many).encode())) == FORGED
    few = {"notificationItems": genuine["notificationItems"] * 100}
    assert read(RawWebhook(headers={}, body=json.dumps(few).encode())).authenticity is Authenticity.GENUINE
