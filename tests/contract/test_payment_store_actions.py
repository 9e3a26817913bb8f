"""What the payment stores record of attempts that wait for the shopper, and of their cancelling: fake and real alike.

Whoever judges an answer knows the record as it was before it asked; the store alone knows, under the lock, whether the
shopper may still act and whether the PSP may be cancelling by now.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, CancelStatus, PaymentStatus
from gateway_svc.domain.shopper_action import SHOPPER_SECONDS
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import APPROVED, DECLINED, UNKNOWN, Subject, subject
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

RETURN_URL = "https://shop.example/back"
ACTION = {"kind": "REDIRECT", "url": "https://psp.example/1", "method": "POST", "fields": {"creq": "browser"}}
WAITS = AttemptVerdict(
    AttemptStatus.ACTION_REQUIRED,
    PaymentStatus.REQUIRES_ACTION,
    psp_reference="psp_3",
    details={"next_action": ACTION, "network_code": "1A"},
)
NOBODY_THERE = replace(WAITS, payment_status=PaymentStatus.PROCESSING, details={})
PENDING = AttemptVerdict(AttemptStatus.PENDING, PaymentStatus.PROCESSING, psp_reference="psp_3")
ENDED = replace(DECLINED, psp_reference="psp_3", code="authentication_abandoned")
SENT, DONE, REFUSED = CancelStatus.SENT, CancelStatus.DONE, CancelStatus.REFUSED


class Waiting:
    """A payment whose attempt waits for the shopper."""

    def __init__(self, subject: Subject, view: Mapping[str, Any]) -> None:
        self.subject = subject
        self.id = str(view["id"])
        self.attempt_id = f"{self.id}_1"

    async def record(self, verdict: AttemptVerdict, *, asked: bool = True) -> Mapping[str, Any]:
        return await self.subject.worker.record_attempt(self.id, self.attempt_id, verdict, asked=asked)

    async def cancel(self, number: int, cancel: CancelStatus) -> bool:
        recorded, view = await self.subject.worker.record_cancel(self.attempt_id, number, cancel)
        attempt = view["attempts"][0]
        if recorded:
            assert (attempt["cancel"], attempt["cancels"]) == (cancel.value, number)
        return recorded

    async def load(self) -> Mapping[str, Any]:
        return await self.subject.worker.load_payment(self.id)


async def waiting(subject: Subject, verdict: AttemptVerdict = WAITS, **changes: Any) -> Waiting:
    payment = Waiting(subject, await subject.begun(return_url=RETURN_URL, **changes))
    await payment.record(verdict, asked=False)
    return payment


async def test_what_the_shopper_must_do_is_shown_while_it_must_be_done(subject: Subject) -> None:
    operation = subject.operation()
    payment = Waiting(subject, await subject.begun(operation, return_url=RETURN_URL, action_seconds=120))
    await payment.record(WAITS, asked=False)
    view = await subject.store.get_payment(subject.merchant_id, payment.id)
    assert (view["status"], view["return_url"], view["seq"]) == ("REQUIRES_ACTION", RETURN_URL, 2)
    action = view["next_action"]
    assert {name: action[name] for name in ACTION} == ACTION
    assert 0 < action["left_seconds"] <= 120
    assert 0 < action["expire_us"] - view["updated_us"] <= 120_000_000
    [attempt] = view["attempts"]
    assert (attempt["status"], attempt["details"]) == ("ACTION_REQUIRED", {"network_code": "1A"})
    found = await subject.store.find_operation(subject.operation(operation.idempotency_key))
    assert found.answer is None
    view = await payment.record(APPROVED)
    assert (view["status"], view["next_action"]) == ("SUCCEEDED", None)
    found = await subject.store.find_operation(subject.operation(operation.idempotency_key))
    assert found.answer is not None
    assert found.answer["next_action"] is None


async def test_the_list_shows_it_too(subject: Subject) -> None:
    payment = await waiting(subject)
    [listed] = await subject.store.list_payments(subject.merchant_id, {"status": "REQUIRES_ACTION"}, 10)
    assert (listed["id"], listed["next_action"]["url"]) == (payment.id, ACTION["url"])


async def test_questions_while_the_shopper_acts_change_nothing(subject: Subject) -> None:
    payment = await waiting(subject)
    before = (await payment.load())["next_action"]["expire_us"]
    other = replace(WAITS, details={"next_action": ACTION | {"url": "https://psp.example/2"}})
    for verdict in (WAITS, other, UNKNOWN, replace(UNKNOWN, not_found=True)):
        view = await payment.record(verdict)
    [attempt] = view["attempts"]
    assert (view["status"], view["seq"], view["next_action"]["url"]) == ("REQUIRES_ACTION", 2, ACTION["url"])
    assert view["next_action"]["expire_us"] == before
    assert (attempt["status"], attempt["asks"], attempt["late_asks"]) == ("ACTION_REQUIRED", 4, 0)


async def test_a_decline_that_may_go_on_lets_the_payment_go_on(subject: Subject) -> None:
    payment = await waiting(subject)
    moves_on = replace(ENDED, payment_status=PaymentStatus.PROCESSING, code="do_not_honor")
    view = await payment.record(moves_on)
    assert (view["status"], view["next_action"]) == ("PROCESSING", None)
    begun, view = await subject.worker.begin_attempt(payment.id, 2, "psp_b", "second")
    assert begun
    view = await subject.worker.record_attempt(payment.id, f"{payment.id}_2", WAITS, asked=False)
    assert (view["status"], view["next_action"]["url"]) == ("REQUIRES_ACTION", ACTION["url"])


@pytest.mark.parametrize("asked", [False, True])
async def test_a_refusal_of_one_request_ends_no_wait(subject: Subject, *, asked: bool) -> None:
    payment = await waiting(subject)
    for verdict in (
        DECLINED,
        AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="psp_unavailable"),
    ):
        view = await payment.record(verdict, asked=asked)
        assert (view["status"], view["attempts"][0]["status"]) == ("REQUIRES_ACTION", "ACTION_REQUIRED")


async def test_what_the_psp_has_acknowledged_may_wait_for_the_shopper_and_the_other_way_round(subject: Subject) -> None:
    payment = await waiting(subject, PENDING)
    view = await payment.record(WAITS, asked=False)
    assert (view["status"], view["attempts"][0]["status"]) == ("REQUIRES_ACTION", "ACTION_REQUIRED")
    assert view["next_action"]["url"] == ACTION["url"]
    view = await payment.record(PENDING)
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "PENDING")
    assert view["next_action"] is None


async def test_a_shopper_whose_time_is_over_is_sent_nowhere(subject: Subject) -> None:
    payment = await waiting(subject)
    assert not await payment.cancel(1, SENT), "the shopper may still act"
    for _ in range(2):
        view = await subject.worker.end_action(payment.attempt_id)
        assert (view["status"], view["next_action"], view["seq"]) == ("PROCESSING", None, 3)
    view = await payment.record(WAITS)
    [attempt] = view["attempts"]
    assert (view["status"], view["next_action"], view["seq"]) == ("PROCESSING", None, 3)
    assert (attempt["status"], attempt["late_asks"]) == ("ACTION_REQUIRED", 1)
    read = payment_of(await payment.load())
    assert (read.attempts[0].late_asks, read.attempts[0].cancel, read.action_left_seconds) == (1, CancelStatus.NONE, 0)


@pytest.mark.parametrize("answer", [None, DONE])
@pytest.mark.parametrize("verdict", [APPROVED, PENDING, UNKNOWN])
async def test_an_approval_is_not_recorded_while_the_psp_may_have_cancelled(
    subject: Subject, answer: CancelStatus | None, verdict: AttemptVerdict
) -> None:
    payment = await waiting(subject, NOBODY_THERE)
    assert await payment.cancel(1, SENT)
    assert answer is None or await payment.cancel(1, answer)
    view = await payment.record(verdict)
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "ACTION_REQUIRED")
    view = await payment.record(ENDED)
    assert (view["status"], view["decline"]["code"]) == ("DECLINED", "authentication_abandoned")
    assert view["attempts"][0]["psp_reference"] == "psp_3"


async def test_an_approval_counts_once_the_psp_has_refused_to_cancel(subject: Subject) -> None:
    payment = await waiting(subject, NOBODY_THERE)
    assert await payment.cancel(1, SENT)
    assert await payment.cancel(1, REFUSED)
    assert (await payment.record(APPROVED))["status"] == "SUCCEEDED"
    assert not await payment.cancel(2, SENT), "it has ended"


async def test_each_cancelling_is_begun_once_and_answered_once(subject: Subject) -> None:
    payment = await waiting(subject, NOBODY_THERE)
    assert not await payment.cancel(1, DONE), "it was not begun"
    assert not await payment.cancel(2, SENT), "the first comes first"
    assert await payment.cancel(1, SENT)
    assert not await payment.cancel(1, SENT), "another process has begun it"
    assert await payment.cancel(2, SENT)
    assert not await payment.cancel(1, REFUSED), "the second is under way"
    assert await payment.cancel(2, DONE)
    assert not await payment.cancel(3, SENT), "it is done"
    assert not await payment.cancel(2, REFUSED)


async def test_an_operator_has_it_and_nobody_cancels(subject: Subject) -> None:
    payment = await waiting(subject, NOBODY_THERE)
    await subject.worker.require_review(payment.id, payment.attempt_id)
    assert not await payment.cancel(1, SENT)
    assert (await payment.load())["under_review"]


async def test_a_payment_that_waits_is_found_when_everybody_has_forgotten_it(subject: Subject) -> None:
    payment = await waiting(subject)
    assert ("PAYMENT", payment.id) in await subject.worker.stalled_work(-1000, 100)


async def test_no_payment_no_action(subject: Subject) -> None:
    for call in (
        subject.worker.end_action(f"{new_id('pay')}_1"),
        subject.worker.record_cancel(f"{new_id('pay')}_1", 1, SENT),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert caught.value.reason is Reason.PAYMENT_NOT_FOUND


async def test_the_shopper_has_half_an_hour_when_nothing_else_is_set(subject: Subject) -> None:
    payment = await waiting(subject)
    left = payment_of(await payment.load()).action_left_seconds
    assert SHOPPER_SECONDS - 600 < left <= SHOPPER_SECONDS
