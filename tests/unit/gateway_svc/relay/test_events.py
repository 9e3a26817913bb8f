"""Rows of the outbox become PaymentEvents with CloudEvents headers."""

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from payera.events.v1 import payment_event_pb2 as contract

from gateway_svc.adapters.kafka.events import LARGEST_VALUE_BYTES, UnpublishableEventError, message_of
from tests.fakes.relay import event, view

TYPES = contract.DESCRIPTOR.enum_types_by_name["PaymentEventType"].values

ATTEMPT = {
    "id": "pay_1_2",
    "ordinal": 2,
    "account": "psp_b",
    "status": "DECLINED",
    "code": "do_not_honor",
    "raw_code": "05",
    "psp_reference": "ch_1",
}
REFUND = {
    "id": "ref_1",
    "kind": "REFUND",
    "amount": 250,
    "status": "SUCCEEDED",
    "final": None,
    "code": "",
    "psp_reference": "re_1",
}


def test_headers_are_cloudevents_in_binary_mode() -> None:
    message = message_of(event(1, seq=3, event_type="PAYMENT_PARTIALLY_CAPTURED"))
    assert message.key == b"pay_1"
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"evt_pay_1_3",
        "ce_source": b"/payera/gateway",
        "ce_type": b"dev.payera.payment.payment_partially_captured",
        "ce_subject": b"pay_1",
        "ce_time": b"2023-11-14T22:13:20.123456Z",
        "ce_dataschema": b"payera.events.v1.PaymentEvent",
        "content-type": b"application/protobuf",
    }


def test_payment_and_attempt_are_carried_over() -> None:
    decline = {"code": "do_not_honor", "raw_code": "05"}
    data = {
        "payment": view(status="DECLINED", decline=decline, amount_authorized=7),
        "attempt": ATTEMPT,
        "modification": None,
    }
    decoded = contract.PaymentEvent.FromString(message_of(event(1, data=data, event_type="PAYMENT_DECLINED")).value)
    assert decoded.type == contract.PAYMENT_EVENT_TYPE_PAYMENT_DECLINED
    assert decoded.merchant_id == "mer_1"
    assert decoded.occur_time.ToMicroseconds() == 1_700_000_000_123_456
    assert (decoded.payment.amount.value, decoded.payment.amount.currency) == (1050, "EUR")
    assert decoded.payment.decline_code == "do_not_honor"
    assert decoded.payment.amount_authorized == 7
    assert (decoded.payment.card.last4, decoded.payment.card.exp_year) == ("4242", 2030)
    assert (decoded.attempt.id, decoded.attempt.psp_account, decoded.attempt.raw_code) == ("pay_1_2", "psp_b", "05")
    assert not decoded.HasField("modification")


def test_who_started_it_and_how_the_shopper_was_authenticated_is_told() -> None:
    plain = {"payment": view(), "attempt": None, "modification": None}
    told = contract.PaymentEvent.FromString(message_of(event(1, data=plain)).value).payment
    assert (told.initiator, told.credential_reason, told.eci) == ("CUSTOMER", "", "")
    credential = {"initiator": "MERCHANT", "reason": "RECURRING", "use": "SUBSEQUENT"}
    known = {"payment": view(stored_credential=credential, three_ds={"version": "2.2.0", "eci": "05"})}
    told = contract.PaymentEvent.FromString(message_of(event(1, data=plain | known)).value).payment
    assert (told.initiator, told.credential_reason, told.eci) == ("MERCHANT", "RECURRING", "05")


def test_everything_that_may_be_shown_of_the_card_is_carried_over() -> None:
    more = {"networks": ["visa", "cartes_bancaires"], "funding": "debit", "issuer_country": "FR"}
    for known, shown in ((more, more), ({}, {"funding": "unknown"})):
        payment = view(card=view()["card"] | known)
        data = {"payment": payment, "attempt": None, "modification": None}
        decoded = contract.PaymentEvent.FromString(message_of(event(1, data=data)).value)
        card = MessageToDict(decoded.payment.card, preserving_proto_field_name=True)
        assert card == view()["card"] | shown


def test_modification_is_carried_over() -> None:
    data = {"payment": view(status="SUCCEEDED", amount_refunded=250), "attempt": None, "modification": REFUND}
    decoded = contract.PaymentEvent.FromString(message_of(event(1, data=data, event_type="REFUND_SUCCEEDED")).value)
    assert (decoded.modification.id, decoded.modification.kind, decoded.modification.amount) == ("ref_1", "REFUND", 250)
    assert not decoded.HasField("attempt")


def test_failed_payment_tells_the_code_of_its_last_attempt() -> None:
    data = {"payment": view(status="FAILED"), "attempt": ATTEMPT | {"code": "psp_unavailable"}, "modification": None}
    decoded = contract.PaymentEvent.FromString(message_of(event(1, data=data, event_type="PAYMENT_FAILED")).value)
    assert decoded.payment.decline_code == "psp_unavailable"


@pytest.mark.parametrize("name", [value.name for value in TYPES if value.number != 0], ids=str)
def test_every_type_of_the_contract_can_be_published(name: str) -> None:
    short = name.removeprefix("PAYMENT_EVENT_TYPE_")
    message = message_of(event(1, event_type=short))
    assert contract.PaymentEvent.FromString(message.value).type == contract.PaymentEventType.Value(name)
    assert dict(message.headers)["ce_type"] == f"dev.payera.payment.{short.lower()}".encode()


def test_unknown_type_missing_fields_and_monsters_are_unpublishable() -> None:
    huge = {"payment": view(merchant_reference="x" * LARGEST_VALUE_BYTES), "attempt": None, "modification": None}
    for wrong in (
        event(1, event_type="PAYMENT_TELEPORTED"),
        event(1, data={}),
        event(1, data={"payment": view(amount="ten"), "attempt": None, "modification": None}),
        event(1, data=huge),
    ):
        with pytest.raises(UnpublishableEventError):
            message_of(wrong)


@given(microseconds=st.integers(0, 4_102_444_800_000_000))
def test_time_in_header_and_message_agree(microseconds: int) -> None:
    message = message_of(event(1, occurred_us=microseconds))
    decoded = contract.PaymentEvent.FromString(message.value)
    assert decoded.occur_time.ToMicroseconds() == microseconds
    written = contract.PaymentEvent()
    written.occur_time.FromJsonString(dict(message.headers)["ce_time"].decode())
    assert written.occur_time.ToMicroseconds() == microseconds
