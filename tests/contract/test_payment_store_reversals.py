"""What the payment stores do with an attempt that is taken back, whatever comes before, between and after.

An approval is held back from the moment a reversal is recorded as begun; only the PSP's word about the reversal tells
whether it stands.
"""

from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import View
from gateway_svc.application.views import attempt_of
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus, ReversalStatus
from gateway_svc.domain.resolution import REVERSALS_MAX
from gateway_svc.domain.reversal import REVERSED_CODE, ReversalTold, ReversalVerdict
from tests.contract.payment_stores import APPROVED, DECLINED, UNKNOWN, Subject, subject
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

CONFIRMED = ReversalVerdict(ReversalTold.CONFIRMED, psp_reference="psp_1")
REFUSED = ReversalVerdict(ReversalTold.REFUSED, code="invalid_transaction", raw_code="167", psp_reference="rev_1")
ACKNOWLEDGED = ReversalVerdict(ReversalTold.ACKNOWLEDGED, psp_reference="rev_1")
UNCLEAR = ReversalVerdict(ReversalTold.UNCLEAR, code="psp_timeout")
CALLED_OFF = replace(DECLINED, psp_reference="psp_1")


class Reversing:
    """One payment whose attempt is being reversed."""

    def __init__(self, subject: Subject, payment: View) -> None:
        self.subject = subject
        self.payment_id = str(payment["id"])
        self.attempt_id = f"{self.payment_id}_1"

    async def begin(self, number: int = 1) -> bool:
        begun, _ = await self.subject.worker.begin_reversal(self.payment_id, self.attempt_id, number)
        return begun

    async def told(self, verdict: ReversalVerdict, number: int | None = 1) -> View:
        """Record what the PSP says, by the worker that asked, or by its webhook for no number."""
        store = self.subject.store if number is None else self.subject.worker
        return await store.record_reversal(self.payment_id, self.attempt_id, number, verdict)

    async def answered(self, verdict: AttemptVerdict, *, asked: bool = True) -> View:
        return await self.subject.store.record_attempt(self.payment_id, self.attempt_id, verdict, asked=asked)

    async def view(self) -> View:
        return await self.subject.store.load_payment(self.payment_id)

    async def states(self) -> tuple[str, str, str]:
        view = await self.view()
        attempt = view["attempts"][0]
        return view["status"], attempt["status"], attempt["reversal"]


async def reversing(subject: Subject, **changes: Any) -> Reversing:
    found = Reversing(subject, await subject.begun(**changes))
    await found.answered(UNKNOWN)
    assert await found.begin()
    return found


async def test_a_reversal_is_recorded_before_it_is_sent(subject: Subject) -> None:
    payment = await subject.begun()
    found = Reversing(subject, payment)
    begun, view = await subject.worker.begin_reversal(found.payment_id, found.attempt_id, 1)
    assert begun
    assert view["seq"] == payment["seq"] + 1
    attempt = attempt_of((await found.view())["attempts"][0])
    # Whoever began it may still say that it was not sent: of what is unknown that is not believed.
    assert (attempt.status, attempt.reversals, attempt.reversal) == (AttemptStatus.UNKNOWN, 1, ReversalStatus.SENT)
    assert attempt.reversal_age_seconds == 0
    late = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="psp_unavailable")
    assert (await found.answered(late, asked=False))["status"] == "PROCESSING"


async def test_each_reversal_begins_once_and_none_after_the_last(subject: Subject) -> None:
    found = await reversing(subject)
    assert not await found.begin()
    assert not await found.begin(3)
    for number in range(2, REVERSALS_MAX + 1):
        assert await found.begin(number)
    assert not await found.begin(REVERSALS_MAX + 1)


@pytest.mark.parametrize(
    "verdict",
    [
        APPROVED,
        CALLED_OFF,
        AttemptVerdict(AttemptStatus.PENDING, PaymentStatus.PROCESSING, psp_reference="psp_1"),
    ],
    ids=["approved", "declined", "acknowledged"],
)
async def test_no_reversal_begins_of_what_is_not_unknown(subject: Subject, verdict: AttemptVerdict) -> None:
    found = Reversing(subject, await subject.begun())
    await found.answered(verdict)
    before = await found.view()
    assert not await found.begin()
    assert await found.view() == before


async def test_no_reversal_begins_of_what_an_operator_has(subject: Subject) -> None:
    found = Reversing(subject, await subject.begun())
    await found.answered(UNKNOWN)
    await subject.worker.require_review(found.payment_id, found.attempt_id)
    assert not await found.begin()


async def test_confirmed_it_ends_the_attempt_and_the_payment(subject: Subject) -> None:
    found = await reversing(subject)
    await found.told(ACKNOWLEDGED)
    assert await found.states() == ("PROCESSING", "UNKNOWN", "ACKNOWLEDGED")
    view = await found.told(CONFIRMED, None)
    assert (view["status"], view["attempts"][0]["status"]) == ("DECLINED", "DECLINED")
    assert view["decline"] == {"code": REVERSED_CODE, "raw_code": ""}
    assert (view["amount_authorized"], view["amount_captured"]) == (0, 0)


async def test_confirmed_it_may_let_the_payment_move_on(subject: Subject) -> None:
    found = await reversing(subject)
    view = await found.told(replace(CONFIRMED, moves_on=True))
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "DECLINED")
    begun, _ = await subject.worker.begin_attempt(found.payment_id, 2, "psp_b", "second")
    assert begun


@pytest.mark.parametrize("told", [[], [ACKNOWLEDGED], [UNCLEAR], [ACKNOWLEDGED, UNCLEAR]])
async def test_an_approval_is_held_back_while_the_reversal_is_open(
    subject: Subject, told: list[ReversalVerdict]
) -> None:
    found = await reversing(subject)
    for verdict in told:
        await found.told(verdict)
    view = await found.answered(APPROVED)
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "UNKNOWN")
    assert (view["amount_authorized"], view["amount_captured"]) == (0, 0)
    view = await found.told(CONFIRMED, None)
    assert (view["status"], view["under_review"]) == ("DECLINED", False)


@pytest.mark.parametrize("approved_first", [True, False])
async def test_an_approval_stands_when_the_only_reversal_is_refused(subject: Subject, *, approved_first: bool) -> None:
    found = await reversing(subject, capture_method="MANUAL")
    authorized = replace(APPROVED, payment_status=PaymentStatus.AUTHORIZED, details={"network_code": "00"})
    if approved_first:
        await found.answered(authorized)
        view = await found.told(REFUSED, None)
    else:
        await found.told(REFUSED, None)
        assert await found.states() == ("PROCESSING", "UNKNOWN", "REFUSED")
        view = await found.answered(authorized)
    assert (view["status"], view["amount_authorized"]) == ("AUTHORIZED", 1000)
    attempt = view["attempts"][0]
    assert (attempt["status"], attempt["psp_reference"]) == ("APPROVED", "psp_1")
    assert attempt["details"]["network_code"] == "00"


async def test_a_refusal_says_nothing_when_another_reversal_may_have_been_done(subject: Subject) -> None:
    found = await reversing(subject)
    assert await found.begin(2)
    await found.answered(APPROVED)
    await found.told(REFUSED, 2)
    assert await found.states() == ("PROCESSING", "UNKNOWN", "REFUSED")
    await found.answered(APPROVED)
    assert await found.states() == ("PROCESSING", "UNKNOWN", "REFUSED")


async def test_the_late_answer_of_an_earlier_reversal_is_not_that_of_the_last(subject: Subject) -> None:
    found = await reversing(subject)
    assert await found.begin(2)
    await found.told(REFUSED, 1)
    assert await found.states() == ("PROCESSING", "UNKNOWN", "SENT")


async def test_a_decline_ends_an_attempt_that_is_being_reversed(subject: Subject) -> None:
    found = await reversing(subject)
    view = await found.answered(CALLED_OFF)
    assert (view["status"], view["decline"]["code"]) == ("DECLINED", "lost_card")
    assert (await found.told(CONFIRMED, None))["status"] == "DECLINED"


async def test_the_approval_of_what_was_taken_back_is_old_news(subject: Subject) -> None:
    found = await reversing(subject)
    await found.told(CONFIRMED, None)
    before = await found.view()
    await found.answered(APPROVED, asked=False)
    assert (await found.view())["under_review"] is False
    assert (await found.view())["seq"] == before["seq"]


@pytest.mark.parametrize("approved_first", [True, False])
async def test_the_approval_of_another_authorization_than_was_taken_back_is_for_an_operator(
    subject: Subject, *, approved_first: bool
) -> None:
    found = await reversing(subject)
    other = replace(APPROVED, psp_reference="psp_2")
    if approved_first:
        await found.answered(other)
    await found.told(CONFIRMED, None)
    if not approved_first:
        await found.answered(other)
    view = await found.view()
    assert (view["status"], view["under_review"]) == ("DECLINED", True)


async def test_a_confirmation_that_contradicts_a_recorded_approval_is_for_an_operator(subject: Subject) -> None:
    found = await reversing(subject)
    await found.told(REFUSED, None)
    await found.answered(APPROVED)
    view = await found.told(CONFIRMED, None)
    assert (view["status"], view["under_review"]) == ("SUCCEEDED", True)


async def test_what_is_told_of_a_reversal_is_kept_for_operators(subject: Subject) -> None:
    found = await reversing(subject)
    asks = (await found.view())["attempts"][0]["asks"]
    for verdict in (UNCLEAR, ACKNOWLEDGED, REFUSED):
        await found.told(verdict)
    assert (await found.view())["attempts"][0]["asks"] == asks + 3


@pytest.mark.parametrize(("verdict", "number"), [(CONFIRMED, 1), (REFUSED, None)])
async def test_what_was_never_begun_is_told_by_nobody(
    subject: Subject, verdict: ReversalVerdict, number: int | None
) -> None:
    found = Reversing(subject, await subject.begun())
    await found.answered(UNKNOWN)
    before = await found.view()
    with pytest.raises(Exception):  # noqa: B017, PT011 - a fault of ours, of a kind of its own in each store
        await found.told(verdict, number)
    assert await found.view() == before
