"""Views as the contract's messages."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from payera.gateway.v1 import payment_pb2

from gateway_svc.adapters.grpc.messages import api_key_message, merchant_message, payment_message, refund_message
from gateway_svc.application.keep_tokens import token_to_keep
from gateway_svc.application.views import payment_of
from gateway_svc.domain.decline_messages import decline_message
from gateway_svc.domain.outcome import Check, Checks, NextAction, Outcome, OutcomeKind
from gateway_svc.domain.payment import ModificationKind
from tests.fakes.gateway.peers import CARD
from tests.unit.gateway_svc.application.rig import MERCHANT, TOKEN, Rig

Payment, Attempt, Capture, Refund = payment_pb2.Payment, payment_pb2.Attempt, payment_pb2.Capture, payment_pb2.Refund


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_payment_is_shown_whole(rig: Rig) -> None:
    view = dict((await rig.pay()).view)
    view |= {"description": "two books", "metadata": {"order": "17"}, "merchant_reference": "r17"}
    view |= {"created_us": 1_700_000_000_123_456, "updated_us": 1_700_000_001_000_001}
    payment = payment_message(view)
    assert (payment.id, payment.status, payment.token) == (rig.only_payment, Payment.SUCCEEDED, TOKEN)
    assert (payment.amount.value, payment.amount.currency) == (1050, "EUR")
    assert not payment.amount.HasField("exponent")
    assert (payment.amount_authorized, payment.amount_captured, payment.amount_refunded) == (1050, 1050, 0)
    assert (payment.amount_capturable, payment.amount_refundable) == (0, 1050)
    assert payment.capture_method == payment_pb2.CaptureMethod.AUTOMATIC
    assert (payment.card.brand, payment.card.last4, payment.card.exp_year) == ("visa", "1111", 2030)
    assert (payment.description, payment.merchant_reference) == ("two books", "r17")
    assert dict(payment.metadata) == {"order": "17"}
    assert not payment.HasField("decline")
    assert payment.create_time.ToMicroseconds() == 1_700_000_000_123_456
    assert payment.update_time.ToMicroseconds() == 1_700_000_001_000_001
    [attempt] = payment.attempts
    assert (attempt.id, attempt.psp_account, attempt.status) == (f"{payment.id}_1", "psp_a", Attempt.APPROVED)
    assert (attempt.psp_reference, attempt.route_reason) == ("psp_1", "rank 1")
    assert not attempt.HasField("decline")
    assert attempt.HasField("create_time")


async def test_everything_that_may_be_shown_of_a_card_is_shown(rig: Rig) -> None:
    payment = payment_message((await rig.pay(store_card=True)).view)
    assert payment.store_card
    assert MessageToDict(payment.card, preserving_proto_field_name=True) == CARD


async def test_a_payment_from_before_cards_had_more_to_show_is_read_without_it(rig: Rig) -> None:
    view = dict((await rig.pay()).view)
    view["card"] = {name: CARD[name] for name in ("brand", "last4", "bin", "exp_month", "exp_year")}
    del view["store_card"], view["code_required"]
    payment = payment_message(view)
    assert (payment.card.last4, list(payment.card.networks)) == ("1111", [])
    assert (payment.card.funding, payment.card.issuer_country) == ("unknown", "")
    assert not payment.store_card
    assert not payment_of(view).code_required
    assert token_to_keep(view) is None


async def test_a_decline_is_told_with_a_sentence(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.DECLINED, code="lost_card", raw_code="41")]
    payment = payment_message((await rig.pay()).view)
    for decline in (payment.decline, payment.attempts[0].decline):
        assert (decline.code, decline.raw_code) == ("lost_card", "41")
        assert decline.message == decline_message("lost_card")
    assert (payment.status, payment.attempts[0].status) == (Payment.DECLINED, Attempt.DECLINED)


async def test_an_unknown_attempt_has_no_decline(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN, code="connectors_timeout")]
    payment = payment_message((await rig.pay()).view)
    assert (payment.status, payment.attempts[0].status) == (Payment.PROCESSING, Attempt.UNKNOWN)
    assert not payment.HasField("decline")
    assert not payment.attempts[0].HasField("decline")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (OutcomeKind.APPROVED, Capture.SUCCEEDED),
        (OutcomeKind.DECLINED, Capture.FAILED),
        (OutcomeKind.UNKNOWN, Capture.PROCESSING),
    ],
)
async def test_captures_are_shown_with_what_is_left(rig: Rig, kind: OutcomeKind, status: int) -> None:
    payment_id = await rig.paid(manual=True)
    rig.connectors.outcomes = [Outcome(kind, code="invalid_transaction")]
    await rig.change(ModificationKind.CAPTURE, payment_id, amount=50)
    payment = payment_message(await rig.store.get_payment(MERCHANT, payment_id))
    [capture] = payment.captures
    assert (capture.amount, capture.final, capture.status) == (50, True, status)
    assert capture.HasField("decline") == (kind is OutcomeKind.DECLINED)
    # A final capture under way lets nothing more be captured, as its success releases the rest.
    left = {OutcomeKind.APPROVED: 0, OutcomeKind.DECLINED: 1050, OutcomeKind.UNKNOWN: 0}[kind]
    assert payment.amount_capturable == left
    assert payment.amount_refundable == (50 if kind is OutcomeKind.APPROVED else 0)


@pytest.mark.parametrize(
    ("kind", "status", "capturable"),
    [
        (OutcomeKind.APPROVED, payment_pb2.Void.SUCCEEDED, 0),
        (OutcomeKind.DECLINED, payment_pb2.Void.FAILED, 1050),
        (OutcomeKind.UNKNOWN, payment_pb2.Void.PROCESSING, 0),
    ],
)
async def test_voids_are_shown_and_block_captures(rig: Rig, kind: OutcomeKind, status: int, capturable: int) -> None:
    payment_id = await rig.paid(manual=True)
    rig.connectors.outcomes = [Outcome(kind, code="invalid_transaction")]
    await rig.change(ModificationKind.VOID, payment_id)
    payment = payment_message(await rig.store.get_payment(MERCHANT, payment_id))
    assert [void.status for void in payment.voids] == [status]
    assert payment.amount_capturable == capturable


@pytest.mark.parametrize(
    ("kind", "status", "refundable"),
    [
        (OutcomeKind.APPROVED, Refund.SUCCEEDED, 1000),
        (OutcomeKind.DECLINED, Refund.FAILED, 1050),
        (OutcomeKind.UNKNOWN, Refund.PROCESSING, 1000),
    ],
)
async def test_a_refund_is_shown_whole(rig: Rig, kind: OutcomeKind, status: int, refundable: int) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(kind, psp_reference="psp_2", code="invalid_request", raw_code="7")]
    refund = refund_message((await rig.change(ModificationKind.REFUND, payment_id, amount=50)).view)
    assert (refund.payment_id, refund.amount.value, refund.amount.currency) == (payment_id, 50, "EUR")
    assert (refund.status, refund.psp_reference) == (status, "psp_2")
    assert refund.HasField("decline") == (kind is OutcomeKind.DECLINED)
    payment = payment_message(await rig.store.get_payment(MERCHANT, payment_id))
    assert payment.amount_refundable == refundable


async def test_a_payment_of_a_list_is_shown_without_its_parts(rig: Rig) -> None:
    await rig.pay()
    [view] = await rig.store.list_payments(MERCHANT, {}, 1)
    payment = payment_message(view)
    assert (payment.status, len(payment.attempts), len(payment.captures)) == (Payment.SUCCEEDED, 0, 0)


def test_merchants_and_keys_are_shown() -> None:
    narrowed = {"off": True, "codes": ["do_not_honor"], "classes": ["T"], "max_attempts": 2}
    shop = {"id": "mer_1", "name": "Shop", "card_code_required": True, "cascade": narrowed, "created_us": 5_000_001}
    merchant = merchant_message(shop)
    assert merchant.card_code_required
    assert not merchant_message(shop | {"card_code_required": False}).card_code_required
    cascade = merchant.cascade
    assert (cascade.off, cascade.max_attempts) == (True, 2)
    assert (list(cascade.codes), list(cascade.classes)) == (["do_not_honor"], ["T"])
    assert merchant_message(shop | {"cascade": {}}).cascade.max_attempts == 0
    assert (merchant.id, merchant.name, merchant.create_time.ToMicroseconds()) == ("mer_1", "Shop", 5_000_001)
    view: dict[str, Any] = {"id": "key_1", "merchant_id": "mer_1", "scope": 2, "live": True, "prefix": "sk_live_abcd"}
    key = api_key_message(view | {"created_us": 1, "revoked_us": None}, "sk_live_abcdefgh")
    assert (key.id, key.scope, key.live, key.prefix, key.key) == ("key_1", 2, True, "sk_live_abcd", "sk_live_abcdefgh")
    assert not key.HasField("revoke_time")
    revoked = api_key_message(view | {"created_us": 1, "revoked_us": 9})
    assert (revoked.key, revoked.revoke_time.ToMicroseconds()) == ("", 9)


async def test_what_the_psp_decides_later_is_shown_as_pending_with_its_time(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.PENDING, psp_reference="psp_7", expected_within_seconds=3600)]
    [attempt] = payment_message((await rig.pay()).view).attempts
    assert (attempt.status, attempt.psp_reference) == (Attempt.PENDING, "psp_7")
    assert attempt.expected_by.seconds - attempt.create_time.seconds in {3600, 3601}


async def test_a_pending_refund_is_processing_for_a_merchant(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(OutcomeKind.PENDING, psp_reference="psp_7", expected_within_seconds=60)]
    refund = refund_message((await rig.change(ModificationKind.REFUND, payment_id)).view)
    assert (refund.status, refund.HasField("expected_by"), refund.HasField("decline")) == (
        Refund.PROCESSING,
        True,
        False,
    )


async def test_what_network_and_issuer_said_is_shown(rig: Rig) -> None:
    rig.connectors.outcomes = [
        Outcome(
            OutcomeKind.APPROVED,
            psp_reference="psp_7",
            network_code="00",
            advice_code="03",
            checks=Checks(street=Check.MATCH, card_code=Check.NO_MATCH),
            expires_at=1_800_000_000,
        )
    ]
    [attempt] = payment_message((await rig.pay()).view).attempts
    assert (attempt.network_code, attempt.advice_code) == ("00", "03")
    checks = payment_pb2.CardChecks
    assert (attempt.checks.street, attempt.checks.card_code) == (checks.MATCH, checks.NO_MATCH)
    assert attempt.checks.postal_code == checks.RESULT_UNSPECIFIED
    assert attempt.capture_before.seconds == 1_800_000_000
    assert not attempt.HasField("expected_by")


async def test_what_the_shopper_must_do_is_shown_with_its_end(rig: Rig) -> None:
    action = NextAction("REDIRECT", "https://psp.example/1", "POST", {"creq": "x"})
    rig.connectors.outcomes = [Outcome(OutcomeKind.ACTION_REQUIRED, psp_reference="psp_3", next_action=action)]
    view = (await rig.pay(return_url="https://shop.example/")).view
    payment = payment_message(view)
    assert (payment.status, payment.attempts[0].status) == (Payment.REQUIRES_ACTION, Attempt.ACTION_REQUIRED)
    shown = payment.next_action
    assert (shown.kind, shown.url, shown.method) == (payment_pb2.NextAction.REDIRECT, action.url, "POST")
    assert dict(shown.fields) == {"creq": "x"}
    assert shown.expire_time.ToMicroseconds() == view["next_action"]["expire_us"]
    rig.connectors.outcomes = [Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")]
    assert not payment_message((await rig.pay()).view).HasField("next_action")
