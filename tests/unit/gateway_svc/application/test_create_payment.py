"""CreatePayment: what is checked, what each outcome comes to, and what a key stands for."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.adapters.grpc.messages import payment_message
from gateway_svc.application.create_payment import PaymentWish
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal
from tests.fakes.gateway.peers import APPROVED
from tests.unit.gateway_svc.application.rig import MERCHANT, TOKEN, Rig

WISH = PaymentWish(1050, "EUR", TOKEN)
NUMBER = "4111 1111 1111 1111"


async def refusal_of(call: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


async def test_an_approved_payment_is_begun_sent_and_recorded_once(rig: Rig) -> None:
    answer = await rig.pay()
    assert (answer.view["status"], answer.replayed) == ("SUCCEEDED", False)
    assert rig.store.calls == ["begin_payment", "record_attempt"]
    assert rig.connectors.sent == [("authorize", f"{rig.only_payment}_1")]
    assert rig.router.asked[0].payment_id == rig.only_payment
    assert rig.router.asked[0].merchant_id == MERCHANT
    assert rig.durable.handed_over == []
    assert answer.view == await rig.store.get_payment(MERCHANT, rig.only_payment)


@pytest.mark.parametrize("on_file", [False, True])
async def test_the_code_of_a_card_on_file_is_not_required(rig: Rig, *, on_file: bool) -> None:
    rig.store.need_codes.add(MERCHANT)
    if on_file:
        rig.tokens.on_file.add(TOKEN)
    assert (await rig.pay()).view["code_required"] is not on_file


async def test_a_manual_payment_is_authorized(rig: Rig) -> None:
    answer = await rig.pay(manual=True)
    assert (answer.view["status"], answer.view["amount_captured"]) == ("AUTHORIZED", 0)


@pytest.mark.parametrize(
    ("changes", "reason", "metadata"),
    [
        ({"amount": 0}, Reason.INVALID_AMOUNT, {"amount": "0"}),
        ({"currency": "XXX"}, Reason.UNKNOWN_CURRENCY, {"currency": "XXX"}),
        (
            {"exponent": 0},
            Reason.CURRENCY_EXPONENT_MISMATCH,
            {"currency": "EUR", "expected": "2", "given": "0"},
        ),
        ({"description": f"card {NUMBER}"}, Reason.CARD_NUMBER_IN_TEXT, {"field": "description"}),
        ({"merchant_reference": NUMBER}, Reason.CARD_NUMBER_IN_TEXT, {"field": "merchant_reference"}),
        ({"statement_descriptor": NUMBER}, Reason.CARD_NUMBER_IN_TEXT, {"field": "statement_descriptor"}),
        ({"metadata": {"order": NUMBER}}, Reason.CARD_NUMBER_IN_TEXT, {"field": "metadata.order"}),
        ({"metadata": {NUMBER: "x"}}, Reason.CARD_NUMBER_IN_TEXT, {"field": "metadata"}),
    ],
)
async def test_a_wrong_wish_is_refused_with_its_own_reason_and_changes_nothing(
    rig: Rig, changes: dict[str, Any], reason: Reason, metadata: dict[str, str]
) -> None:
    refusal = await refusal_of(rig.create.execute(rig.call(), replace(WISH, **changes)))
    assert (refusal.reason, refusal.metadata) == (reason, metadata)
    assert (rig.store.calls, rig.router.asked, rig.connectors.sent) == ([], [], [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token": "4111111111111111"}, "token"),
        ({"token": "pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "token"),
        ({"description": "a\x00b"}, "description"),
        ({"metadata": {"a": "\x00"}}, "metadata.a"),
    ],
)
async def test_a_field_that_can_not_be_is_named_but_not_repeated(rig: Rig, changes: dict[str, Any], field: str) -> None:
    refusal = await refusal_of(rig.create.execute(rig.call(), replace(WISH, **changes)))
    assert refusal.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refusal.violations] == [field]
    assert "4111" not in str(refusal)
    assert (rig.store.calls, rig.connectors.sent) == ([], [])


async def test_a_wrong_amount_comes_before_a_card_number_and_that_before_the_token(rig: Rig) -> None:
    everything = replace(WISH, amount=-1, description=NUMBER, token="x")
    assert (await refusal_of(rig.create.execute(rig.call(), everything))).reason is Reason.INVALID_AMOUNT
    texts = replace(everything, amount=1)
    assert (await refusal_of(rig.create.execute(rig.call(), texts))).reason is Reason.CARD_NUMBER_IN_TEXT


@pytest.mark.parametrize("peer", ["vault", "router"])
@pytest.mark.parametrize(
    "reason", [Reason.UNAVAILABLE, Reason.TOKEN_NOT_FOUND, Reason.TOKEN_USED, Reason.NO_ELIGIBLE_ACCOUNT]
)
async def test_what_vault_or_router_refuse_begins_nothing(rig: Rig, peer: str, reason: Reason) -> None:
    refusal = Refusal(reason)
    if peer == "vault":
        rig.tokens.refusal = refusal
    else:
        rig.router.refusal = refusal
    assert await refusal_of(rig.pay()) is refusal
    assert rig.store.calls == ["find_operation"]
    assert (rig.store.payments, rig.connectors.sent) == ({}, [])


@pytest.mark.parametrize("down", [False, True])
async def test_a_repeat_gets_the_first_answer_whatever_is_down(rig: Rig, down: bool) -> None:
    first = await rig.pay("key")
    if down:
        rig.tokens.refusal = Refusal(Reason.UNAVAILABLE)
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (first.view, True)
    assert len(rig.connectors.sent) == 1


async def test_a_repeat_after_the_token_was_deleted_gets_the_first_answer(rig: Rig) -> None:
    first = await rig.pay("key")
    rig.tokens.tokens.clear()
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (first.view, True)


async def test_a_repeat_gets_the_first_answer_although_its_token_has_that_payment(rig: Rig) -> None:
    first = await rig.pay("key")
    rig.tokens.refusal = Refusal(Reason.TOKEN_USED, token_id=TOKEN)
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (first.view, True)
    assert (await refusal_of(rig.pay())).reason is Reason.TOKEN_USED
    assert len(rig.connectors.sent) == 1


@pytest.mark.parametrize("down", [False, True])
async def test_a_key_with_another_body_is_refused(rig: Rig, down: bool) -> None:
    await rig.pay("key")
    if down:
        rig.router.refusal = Refusal(Reason.UNAVAILABLE)
    refusal = await refusal_of(rig.create.execute(rig.call("key", body=b"other"), WISH))
    assert refusal.reason is Reason.IDEMPOTENCY_KEY_REUSED


@pytest.mark.parametrize("down", [False, True])
async def test_a_key_in_flight_is_refused_until_a_second_later(rig: Rig, down: bool) -> None:
    await begin_elsewhere(rig, lease_ms=60_000)
    if down:
        rig.tokens.refusal = Refusal(Reason.UNAVAILABLE)
    refusal = await refusal_of(rig.pay("key"))
    assert (refusal.reason, refusal.retry_after_seconds) == (Reason.IDEMPOTENCY_KEY_IN_FLIGHT, 1)
    assert (rig.connectors.sent, rig.durable.handed_over) == ([], [])


@pytest.mark.parametrize("down", [False, True])
async def test_an_abandoned_payment_is_resumed_by_the_durable_driver_and_its_answer_replayed(
    rig: Rig, down: bool
) -> None:
    payment_id = await begin_elsewhere(rig, lease_ms=0)
    if down:
        rig.router.refusal = Refusal(Reason.UNAVAILABLE)
    verdict = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED, psp_reference="psp_9")

    async def settle(reference: str) -> None:
        await rig.store.record_attempt(reference, f"{reference}_1", verdict, asked=True)

    rig.durable.settle = settle
    answer = await rig.pay("key")
    assert (answer.view["id"], answer.view["status"], answer.replayed) == (payment_id, "SUCCEEDED", True)
    assert rig.connectors.sent == []
    assert rig.durable.handed_over == [("PAYMENT", payment_id, 10_000)]


async def test_an_abandoned_payment_that_is_not_settled_in_time_is_processing_and_free_to_resume(rig: Rig) -> None:
    payment_id = await begin_elsewhere(rig, lease_ms=0)
    answer = await rig.pay("key")
    assert (answer.view["id"], answer.view["status"], answer.replayed) == (payment_id, "PROCESSING", False)
    assert rig.store.keys[MERCHANT, "key"].lease_until is None
    await rig.pay("key")
    assert len(rig.durable.handed_over) == 2


async def test_a_payment_under_review_is_not_handed_over_again(rig: Rig) -> None:
    payment_id = await begin_elsewhere(rig, lease_ms=0)
    await rig.store.require_review(payment_id, f"{payment_id}_1")
    answer = await rig.pay("key")
    assert (answer.view["status"], answer.view["under_review"]) == ("PROCESSING", True)
    assert rig.durable.handed_over == []


@pytest.mark.parametrize(
    ("outcome", "status", "attempt_status"),
    [
        (Outcome(OutcomeKind.DECLINED, code="lost_card"), "DECLINED", "DECLINED"),
        (Outcome(OutcomeKind.DECLINED, code="cvc_required"), "DECLINED", "DECLINED"),
        (Outcome(OutcomeKind.NOT_SENT, code="token_unusable"), "FAILED", "NOT_SENT"),
        (Outcome(OutcomeKind.NOT_SENT, code="token_used"), "FAILED", "NOT_SENT"),
    ],
)
async def test_a_definite_no_is_an_ordinary_answer(
    rig: Rig, outcome: Outcome, status: str, attempt_status: str
) -> None:
    rig.connectors.outcomes = [outcome]
    answer = await rig.pay()
    assert (answer.view["status"], answer.view["attempts"][0]["status"]) == (status, attempt_status)
    assert answer.view["decline"]["code"] == outcome.code
    assert rig.durable.handed_over == []


@pytest.mark.parametrize(
    ("outcome", "attempt_status"),
    [
        (Outcome(OutcomeKind.DECLINED, code="do_not_honor"), "DECLINED"),
        (Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable"), "NOT_SENT"),
        (Outcome(OutcomeKind.UNKNOWN), "UNKNOWN"),
        (Outcome(OutcomeKind.NOT_FOUND), "UNKNOWN"),
    ],
)
async def test_what_is_not_settled_is_recorded_and_handed_over(rig: Rig, outcome: Outcome, attempt_status: str) -> None:
    rig.connectors.outcomes = [outcome]
    answer = await rig.pay("key")
    assert (answer.view["status"], answer.replayed) == ("PROCESSING", False)
    assert answer.view["attempts"][0]["status"] == attempt_status
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 10_000)]
    assert rig.store.keys[MERCHANT, "key"].lease_until is None
    assert len(rig.connectors.sent) == 1


async def test_what_the_psp_decides_later_is_answered_at_once(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.PENDING, psp_reference="psp_7", expected_within_seconds=60)]
    answer = await rig.pay("key")
    [attempt] = answer.view["attempts"]
    assert (answer.view["status"], attempt["status"], attempt["psp_reference"]) == ("PROCESSING", "PENDING", "psp_7")
    assert attempt["expected_us"] > attempt["created_us"]
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 0)]


async def test_what_the_durable_driver_settles_in_time_is_the_answer(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.DECLINED, code="do_not_honor")]
    verdict = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED)

    async def settle(reference: str) -> None:
        await rig.store.begin_attempt(reference, 2, "psp_b", "rank 2")
        await rig.store.record_attempt(reference, f"{reference}_2", verdict, asked=False)

    rig.durable.settle = settle
    answer = await rig.pay("key")
    assert (answer.view["status"], answer.replayed) == ("SUCCEEDED", False)
    assert [attempt["status"] for attempt in answer.view["attempts"]] == ["DECLINED", "APPROVED"]
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (answer.view, True)


async def begin_elsewhere(rig: Rig, lease_ms: int) -> str:
    """Begin a payment with the key `key` as another process would that died before it sent anything."""
    dead = Rig()
    dead.store.faults.arm("begin_payment", ValueError("died"), after_effect=True)
    with pytest.raises(ValueError, match="died"):
        await dead.pay("key")
    rig.store.payments, rig.store.keys, rig.store.owners = dead.store.payments, dead.store.keys, dead.store.owners
    rig.store.keys[MERCHANT, "key"].lease_until = rig.clock.now + lease_ms / 1000
    return rig.only_payment


STOLEN = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="stolen_card", network_code="43")


async def test_a_card_that_must_never_be_tried_again_is_declined_and_nobody_is_asked(rig: Rig) -> None:
    rig.connectors.outcomes = [STOLEN]
    assert (await rig.pay()).view["decline"]["code"] == "stolen_card"
    rig.store.calls.clear()
    answer = await rig.pay("key")
    assert (answer.view["status"], answer.view["attempts"], answer.replayed) == ("DECLINED", [], False)
    assert answer.view["decline"] == {"code": "do_not_retry", "raw_code": ""}
    assert rig.store.calls == ["begin_payment"]
    assert len(rig.connectors.sent) == 1
    assert rig.durable.handed_over == []
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (answer.view, True)
    rig.tokens.fingerprint = "fpr_other"
    rig.connectors.outcomes = [APPROVED]
    assert (await rig.pay()).view["status"] == "SUCCEEDED"


async def test_a_stopped_payment_whose_begin_broke_off_is_told_by_the_second_call(rig: Rig) -> None:
    rig.connectors.outcomes = [STOLEN]
    await rig.pay()
    rig.store.faults.arm("begin_payment", DatabaseOutcomeUnknown(), after_effect=True)
    answer = await rig.pay()
    assert (answer.view["status"], answer.view["attempts"]) == ("DECLINED", [])
    assert len(rig.connectors.sent) == 1
    # It is shown as every payment is.
    message = payment_message(answer.view)
    assert (message.decline.code, len(message.attempts)) == ("do_not_retry", 0)
