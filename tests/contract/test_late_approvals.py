"""A PSP that says it did what is recorded as not done is heard, whoever brings its word, when, and how often.

Money may be held or gone that Payera believes is not, and the payment may have gone on to another PSP meanwhile.
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.apply_notification import Applied
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.notices import Notice, Subject
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from gateway_svc.domain.reviews import ReviewAction
from mesh.reasons import Reason
from tests.contract.payment_stores import APPROVED, AUTHORIZED, DONE, FAILED, UNSURE, modification_in, subject
from tests.contract.test_payment_store_reversals import CALLED_OFF, reversing
from tests.contract.test_review_store import Desk, desk
from tests.support.postgres import postgres

__all__ = ["desk", "postgres", "subject"]

SAID_YES = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
DECLINED = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.DECLINED, code="do_not_honor", psp_reference="no_1")
MOVED_ON = replace(DECLINED, payment_status=PaymentStatus.PROCESSING)
NOT_SENT = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.PROCESSING, code="psp_unavailable")
ANOTHER_AMOUNT = AttemptVerdict(
    AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING, code="amount_mismatch", psp_reference="psp_1"
)
ENDS = [DECLINED, MOVED_ON, NOT_SENT, replace(NOT_SENT, payment_status=PaymentStatus.FAILED)]


async def ended(desk: Desk, verdict: AttemptVerdict, **changes: Any) -> str:
    """Make a payment whose first attempt has ended without money, and give the attempt's id."""
    payment = await desk.store.begun(**changes)
    attempt_id = f"{payment['id']}_1"
    await desk.store.store.record_attempt(payment["id"], attempt_id, verdict, asked=False)
    return attempt_id


async def late(desk: Desk, attempt_id: str, verdict: AttemptVerdict = APPROVED, *, asked: bool = False) -> None:
    await desk.store.worker.record_attempt(attempt_id[:-2], attempt_id, verdict, asked=asked)


async def words(desk: Desk, reference: str) -> list[tuple[str, str]]:
    """Give all that contradicts a record."""
    evidence = await desk.manage.review(reference)
    return [(said["told"]["kind"], said["told"]["psp_reference"]) for said in evidence.review["contradictions"]]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("verdict", ENDS)
async def test_an_answer_that_approves_what_has_ended_calls_an_operator(
    desk: Desk, verdict: AttemptVerdict, *, asked: bool
) -> None:
    attempt_id = await ended(desk, verdict)
    before = await desk.store.store.load_payment(attempt_id[:-2])
    await late(desk, attempt_id, asked=asked)
    evidence = await desk.manage.review(attempt_id)
    assert (evidence.review["cause"], evidence.review["closed_us"]) == ("CONTRADICTION", None)
    assert evidence.review["told"] | {"raw_code": ""} == {
        "kind": "APPROVED",
        "code": "",
        "raw_code": "",
        "psp_reference": "psp_1",
    }
    after = evidence.payment
    assert after["under_review"] is True
    assert (after["status"], after["seq"]) == (before["status"], before["seq"] + 1)
    assert after["attempts"][0]["status"] == verdict.attempt_status


@pytest.mark.parametrize("verdict", ENDS)
async def test_a_webhook_says_the_same(desk: Desk, verdict: AttemptVerdict) -> None:
    attempt_id = await ended(desk, verdict)
    assert await desk.told(Subject.AUTHORIZE, SAID_YES, attempt_id) is Applied.REVIEW
    assert await desk.waiting() == [attempt_id]


async def test_one_word_is_one_entry_however_often_and_by_whichever_way_it_comes(desk: Desk) -> None:
    attempt_id = await ended(desk, DECLINED)
    for _ in range(2):
        await late(desk, attempt_id)
        assert await desk.told(Subject.AUTHORIZE, replace(SAID_YES, amount=1000), attempt_id) is Applied.REVIEW
    evidence = await desk.manage.review(attempt_id)
    assert (evidence.review["version"], await words(desk, attempt_id)) == (1, [("APPROVED", "psp_1")])


async def test_no_word_hides_another(desk: Desk) -> None:
    attempt_id = await ended(desk, DECLINED)
    for reference in ("psp_1", "psp_2", "psp_1"):
        await late(desk, attempt_id, replace(APPROVED, psp_reference=reference))
    assert await words(desk, attempt_id) == [("APPROVED", "psp_1"), ("APPROVED", "psp_2")]
    evidence = await desk.manage.review(attempt_id)
    assert (evidence.review["version"], evidence.review["told"]["psp_reference"]) == (2, "psp_2")
    # An operator who had seen only the first must look again, and whatever comes after the decision is looked at again.
    await desk.refuses(Reason.REVIEW_CHANGED, attempt_id, ReviewAction.NOT_CHARGED, version=1)
    await desk.resolve(attempt_id, ReviewAction.NOT_CHARGED)
    await late(desk, attempt_id, replace(APPROVED, psp_reference="psp_3"))
    assert await desk.waiting() == [attempt_id]


async def test_an_approval_of_another_amount_is_one(desk: Desk) -> None:
    attempt_id = await ended(desk, DECLINED)
    await late(desk, attempt_id, ANOTHER_AMOUNT, asked=True)
    assert await words(desk, attempt_id) == [("UNKNOWN", "psp_1")]


@pytest.mark.parametrize("verdict", [DECLINED, MOVED_ON, NOT_SENT, replace(ANOTHER_AMOUNT, code="psp_timeout")])
async def test_what_says_nothing_new_calls_nobody(desk: Desk, verdict: AttemptVerdict) -> None:
    attempt_id = await ended(desk, DECLINED)
    await late(desk, attempt_id, verdict)
    assert await desk.waiting() == []


async def test_a_second_charge_under_one_reference_is_one(desk: Desk) -> None:
    attempt_id = await ended(desk, APPROVED)
    for said in (APPROVED, replace(APPROVED, psp_reference=""), DECLINED):
        await late(desk, attempt_id, said)
    assert await desk.waiting() == []
    await late(desk, attempt_id, replace(APPROVED, psp_reference="psp_of_a_second_charge"))
    assert await desk.waiting() == [attempt_id]


@pytest.mark.parametrize("end", [AUTHORIZED, replace(DECLINED, psp_reference="no_2"), None])
async def test_while_the_cascade_runs_the_next_attempt_ends_as_it_does_and_the_stray_one_stays(
    desk: Desk, end: AttemptVerdict | None
) -> None:
    attempt_id = await ended(desk, MOVED_ON, capture_method="MANUAL")
    payment_id, following = attempt_id[:-2], f"{attempt_id[:-2]}_2"
    await desk.store.worker.begin_attempt(payment_id, 2, "psp_b", "second")
    await late(desk, attempt_id)
    if end is not None:
        await desk.store.worker.record_attempt(payment_id, following, end, asked=False)
    payment = await desk.store.store.load_payment(payment_id)
    assert (payment["under_review"], payment["attempts"][0]["status"]) == (True, "DECLINED")
    assert payment["status"] == ("PROCESSING" if end is None else end.payment_status)
    assert await desk.waiting() == [attempt_id]
    # It can't be taken as charged: two would be.
    detail = await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, attempt_id, ReviewAction.CHARGED, "psp_1")
    assert "void or refund" in detail
    assert (await desk.resolve(attempt_id, ReviewAction.NOT_CHARGED)).payment["under_review"] is False


async def test_between_two_attempts_the_cascade_waits_and_the_charge_may_be_taken(desk: Desk) -> None:
    attempt_id = await ended(desk, MOVED_ON, capture_method="MANUAL")
    await late(desk, attempt_id, AUTHORIZED)
    begun, payment = await desk.store.worker.begin_attempt(attempt_id[:-2], 2, "psp_b", "second")
    assert (begun, len(payment["attempts"])) == (False, 1)
    evidence = await desk.resolve(attempt_id, ReviewAction.CHARGED, "psp_1")
    assert (evidence.payment["status"], evidence.payment["amount_authorized"]) == ("AUTHORIZED", 1000)


@pytest.mark.parametrize("by_webhook", [True, False])
@pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
async def test_what_failed_and_was_done_calls_an_operator(desk: Desk, kind: str, *, by_webhook: bool) -> None:
    payment_id = await (desk.store.captured() if kind == "REFUND" else desk.store.authorized())
    modification = modification_in(await desk.store.modify(kind, payment_id))
    await desk.store.store.record_modification(modification["id"], FAILED, asked=False)
    for _ in range(2):
        if by_webhook:
            said = replace(SAID_YES, psp_reference="psp_2")
            assert await desk.told(Subject(kind), said, modification["id"]) is Applied.REVIEW
        else:
            await desk.store.worker.record_modification(modification["id"], DONE, asked=True)
    assert await words(desk, modification["id"]) == [("APPROVED", "psp_2")]
    evidence = await desk.resolve(modification["id"], ReviewAction.CHARGED, "psp_2" if kind == "CAPTURE" else "")
    assert evidence.modification is not None
    assert (evidence.modification["status"], evidence.payment["under_review"]) == ("SUCCEEDED", False)


@pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
async def test_a_webhook_without_our_reference_finds_what_failed(desk: Desk, kind: str) -> None:
    payment_id = await (desk.store.captured() if kind == "REFUND" else desk.store.authorized())
    modification = modification_in(await desk.store.modify(kind, payment_id))
    await desk.store.store.record_modification(modification["id"], FAILED, asked=False)
    said = replace(SAID_YES, psp_reference="psp_2", amount=0 if kind == "VOID" else 1000)
    notice = Notice("psp_a", Subject(kind), said, payment_reference=f"{payment_id}_1")
    assert (await desk.apply.execute(notice)).applied is Applied.REVIEW
    assert await desk.waiting() == [modification["id"]]


async def test_which_failure_a_psp_means_must_be_clear(desk: Desk) -> None:
    payment_id = await desk.store.captured()
    notice = Notice("psp_a", Subject.REFUND, replace(SAID_YES, psp_reference="psp_2", amount=400))
    notice = replace(notice, payment_reference=f"{payment_id}_1")
    done = modification_in(await desk.store.modify("REFUND", payment_id, 400))
    await desk.store.store.record_modification(done["id"], DONE, asked=False)
    failed = modification_in(await desk.store.modify("REFUND", payment_id, 400))
    await desk.store.store.record_modification(failed["id"], FAILED, asked=False)
    # Old news of the one that was done.
    assert (await desk.apply.execute(notice)).applied is Applied.UNMATCHED
    meant = replace(notice, outcome=replace(notice.outcome, psp_reference="psp_9"))
    for other in (replace(meant.outcome, amount=300), Outcome(OutcomeKind.DECLINED, psp_reference="psp_9")):
        assert (await desk.apply.execute(replace(meant, outcome=other))).applied is Applied.UNMATCHED
    assert await desk.waiting() == []
    assert (await desk.apply.execute(meant)).applied is Applied.REVIEW
    assert await desk.waiting() == [failed["id"]]


@pytest.mark.parametrize("said", [replace(FAILED, psp_reference="psp_2"), UNSURE, replace(DONE, psp_reference="")])
async def test_what_says_nothing_new_of_a_modification_calls_nobody(desk: Desk, said: Any) -> None:
    payment_id = await desk.store.captured()
    refund = modification_in(await desk.store.modify("REFUND", payment_id))
    await desk.store.store.record_modification(refund["id"], DONE, asked=False)
    await desk.store.worker.record_modification(refund["id"], said, asked=False)
    assert await desk.waiting() == []
    await desk.store.worker.record_modification(refund["id"], replace(DONE, psp_reference="psp_9"), asked=False)
    assert await desk.waiting() == [refund["id"]]


async def test_the_success_of_what_the_psp_took_back_is_old_news(desk: Desk) -> None:
    payment_id = await desk.store.captured()
    refund = modification_in(await desk.store.modify("REFUND", payment_id))
    await desk.store.store.record_modification(refund["id"], DONE, asked=False)
    assert await desk.store.store.reverse_modification(refund["id"], "refund_returned", "")
    await desk.store.worker.record_modification(refund["id"], DONE, asked=False)
    assert await desk.waiting() == []


async def test_decline_and_approval_at_the_same_moment_lose_neither(desk: Desk) -> None:
    for _ in range(8):
        payment = await desk.store.begun()
        attempt_id = f"{payment['id']}_1"
        await asyncio.gather(
            desk.store.store.record_attempt(payment["id"], attempt_id, DECLINED, asked=False),
            desk.store.worker.record_attempt(payment["id"], attempt_id, APPROVED, asked=True),
            desk.told(Subject.AUTHORIZE, SAID_YES, attempt_id),
        )
        after = await desk.store.store.load_payment(payment["id"])
        assert (after["status"], after["under_review"]) in {("SUCCEEDED", False), ("DECLINED", True)}


async def test_the_charge_that_is_taken_is_the_one_that_the_operator_has_found(desk: Desk) -> None:
    """Captures name it: by the reference of the decline they would fail for good."""
    attempt_id = await ended(desk, MOVED_ON, capture_method="MANUAL")
    await late(desk, attempt_id, AUTHORIZED)
    assert "captures and refunds" in await desk.refuses(Reason.INVALID_FIELD, attempt_id, ReviewAction.CHARGED)
    await desk.resolve(attempt_id, ReviewAction.CHARGED, "psp_1")
    capture = modification_in(await desk.store.modify("CAPTURE", attempt_id[:-2]))
    assert capture["payment_psp_reference"] == "psp_1"


@pytest.mark.parametrize("same", [True, False])
async def test_an_approval_that_was_held_back_is_not_lost_by_a_decline(desk: Desk, *, same: bool) -> None:
    """While a reversal is open an approval may be of what is about to be released, but not one of something else."""
    found = await reversing(desk.store)
    await found.answered(replace(APPROVED, psp_reference=CALLED_OFF.psp_reference if same else "psp_7"))
    view = await found.answered(CALLED_OFF)
    assert (view["status"], view["under_review"]) == ("DECLINED", not same)
    reference = view["attempts"][0]["id"]
    assert await desk.waiting() == ([] if same else [reference])
    if not same:
        assert await words(desk, reference) == [("APPROVED", "psp_7")]
