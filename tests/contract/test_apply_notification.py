"""What PSPs say by webhook changes the record once, in whatever order it comes, in the fake store as in PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.apply_notification import Applied, ApplyNotification
from gateway_svc.application.keep_tokens import KeepToken, TellAtOnce
from gateway_svc.application.ports import TokenToKeep
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.notices import Notice, Subject
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, ModificationStatus, PaymentStatus
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import APPROVED, DONE, UNKNOWN, modification_in, subject
from tests.contract.payment_stores import Subject as Store
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

SAID_YES = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
SAID_NO = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="insufficient_funds", raw_code="51")
SENT_BACK = replace(SAID_NO, psp_reference="psp_2", code="refund_returned")
NO_CASCADE = replace(SAID_NO, code="stolen_card")
PENDING = AttemptVerdict(AttemptStatus.PENDING, PaymentStatus.PROCESSING, psp_reference="psp_1")
WAITING = ModificationVerdict(ModificationStatus.PENDING, psp_reference="psp_2")
ROUNDS = 10


async def _nothing() -> None:
    """Stand for a crash point that is not armed."""


class Told:
    """The use case over a store, told as a PSP's webhook would have it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.logger = FakeLogger()
        self.vault = FakeTokenVault()
        keep = KeepToken(vault=self.vault, store=store.store, after_keep=_nothing, logger=self.logger)
        tell = TellAtOnce(keep, CriticalSections(self.logger))
        self.apply = ApplyNotification(store.store, self.logger, tell)

    async def told(self, subject: Subject, outcome: Outcome, reference: str = "", **changes: Any) -> Applied:
        notice = Notice("psp_a", subject, outcome, reference, **changes)
        return (await self.apply.execute(notice)).applied

    async def of_attempt(self, payment_id: str, outcome: Outcome, **changes: Any) -> Applied:
        return await self.told(Subject.AUTHORIZE, outcome, f"{payment_id}_1", **changes)

    async def payment(self, payment_id: str) -> Any:
        return await self.store.store.get_payment(self.store.merchant_id, payment_id)

    async def refunded(self, payment_id: str, amount: int) -> str:
        refund = modification_in(await self.store.modify("REFUND", payment_id, amount))
        await self.store.store.record_modification(refund["id"], DONE, asked=False)
        return str(refund["id"])

    async def captured(self, payment_id: str, amount: int, *, final: bool) -> str:
        capture = modification_in(await self.store.modify("CAPTURE", payment_id, amount, final=final))
        await self.store.store.record_modification(capture["id"], DONE, asked=False)
        return str(capture["id"])


@pytest.fixture
def told(subject: Store) -> Told:
    return Told(subject)


async def test_a_release_told_of_the_payment_alone_is_known_after_our_void_alone(told: Told) -> None:
    """Some PSPs tell a void by the payment's reference: whether it is ours only the record can say."""
    failed = ModificationVerdict(ModificationStatus.FAILED, psp_reference="psp_2", code="do_not_honor")
    for verdict, weighed in ((DONE, Applied.KNOWN), (failed, Applied.REVIEW), (None, Applied.REVIEW)):
        payment_id = await told.store.authorized(1000)
        if verdict is not None:
            void = modification_in(await told.store.modify("VOID", payment_id))
            await told.store.store.record_modification(void["id"], verdict, asked=False)
        of_payment = {"payment_reference": f"{payment_id}_1"}
        assert await told.told(Subject.VOID, SAID_NO, **of_payment) is Applied.KNOWN
        assert await told.told(Subject.VOID, SAID_YES, **of_payment) is weighed
        assert (await told.payment(payment_id))["under_review"] is (weighed is Applied.REVIEW)


async def test_a_release_of_what_is_not_settled_waits(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    assert await told.told(Subject.VOID, SAID_YES, payment_reference=f"{payment_id}_1") is Applied.UNMATCHED


async def test_a_webhook_that_is_faster_than_the_answer_settles_the_attempt(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    assert await told.of_attempt(payment_id, SAID_YES) is Applied.APPLIED
    view = await told.payment(payment_id)
    assert (view["status"], view["attempts"][0]["psp_reference"]) == ("SUCCEEDED", "psp_1")
    # The answer to the call, the webhook again and a late acknowledgement change nothing.
    await told.store.store.record_attempt(payment_id, f"{payment_id}_1", APPROVED, asked=False)
    assert await told.of_attempt(payment_id, SAID_YES) is Applied.KNOWN
    assert await told.of_attempt(payment_id, Outcome(OutcomeKind.PENDING)) is Applied.KNOWN
    assert await told.payment(payment_id) == view


async def test_a_stored_card_is_kept_when_a_webhook_brings_the_approval(told: Told) -> None:
    payment = await told.store.begun(store_card=True)
    assert await told.of_attempt(payment["id"], Outcome(OutcomeKind.PENDING)) is Applied.APPLIED
    assert told.vault.told == []
    assert await told.of_attempt(payment["id"], SAID_YES) is Applied.APPLIED
    assert told.vault.told == [TokenToKeep(payment["id"], told.store.merchant_id, payment["token"])]
    await told.store.make_due()
    assert await told.store.worker.take_tokens_to_keep(10) == []


async def test_a_vault_that_is_away_does_not_keep_a_webhook_from_being_taken(told: Told) -> None:
    told.vault.refusal = Refusal(Reason.UNAVAILABLE)
    payment = await told.store.begun(store_card=True)
    assert await told.of_attempt(payment["id"], SAID_YES) is Applied.APPLIED
    await told.store.make_due()
    assert [one.payment_id for one in await told.store.worker.take_tokens_to_keep(10)] == [payment["id"]]


@pytest.mark.parametrize("recorded", [UNKNOWN, PENDING])
async def test_what_was_open_is_settled_by_its_webhook(told: Told, recorded: AttemptVerdict) -> None:
    payment_id = str((await told.store.begun())["id"])
    await told.store.store.record_attempt(payment_id, f"{payment_id}_1", recorded, asked=False)
    assert await told.of_attempt(payment_id, NO_CASCADE) is Applied.APPLIED
    view = await told.payment(payment_id)
    assert (view["status"], view["decline"]) == ("DECLINED", {"code": "stolen_card", "raw_code": "51"})


async def test_an_acknowledgement_by_webhook_is_recorded_and_never_taken_back(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    later = Outcome(OutcomeKind.PENDING, psp_reference="psp_1", expected_within_seconds=3600)
    assert await told.of_attempt(payment_id, later) is Applied.APPLIED
    view = await told.payment(payment_id)
    attempt = view["attempts"][0]
    assert (view["status"], attempt["status"]) == ("PROCESSING", "PENDING")
    assert attempt["expected_us"] - attempt["created_us"] >= 3_600_000_000
    for verdict in (UNKNOWN, replace(UNKNOWN, attempt_status=AttemptStatus.NOT_SENT, code="psp_unavailable")):
        after = await told.store.store.record_attempt(payment_id, f"{payment_id}_1", verdict, asked=True)
        assert after["attempts"][0]["status"] == "PENDING"


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (APPROVED, SAID_NO),
        (AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.DECLINED, code="stolen_card"), SAID_YES),
    ],
)
async def test_a_psp_that_contradicts_the_record_calls_an_operator(
    told: Told, recorded: AttemptVerdict, said: Outcome
) -> None:
    payment_id = str((await told.store.begun())["id"])
    before = await told.store.store.record_attempt(payment_id, f"{payment_id}_1", recorded, asked=False)
    assert await told.of_attempt(payment_id, said) is Applied.REVIEW
    view = await told.payment(payment_id)
    assert view["under_review"] is True
    assert (view["status"], view["attempts"]) == (before["status"], before["attempts"])
    assert [event for level, event, _ in told.logger.events if level == "error"] == ["a PSP contradicts the record"]


async def test_what_a_psp_did_twice_under_one_reference_calls_an_operator(told: Told) -> None:
    payment_id = await told.store.captured()
    assert await told.of_attempt(payment_id, replace(SAID_YES, psp_reference="")) is Applied.KNOWN
    refund_id = await told.refunded(payment_id, 400)
    assert await told.told(Subject.REFUND, replace(SAID_YES, psp_reference="psp_2"), refund_id) is Applied.KNOWN
    assert not (await told.payment(payment_id))["under_review"]
    assert await told.told(Subject.REFUND, replace(SAID_YES, psp_reference="psp_3"), refund_id) is Applied.REVIEW
    view = await told.payment(payment_id)
    assert (view["under_review"], view["amount_refunded"]) == (True, 400)
    other = await told.store.captured()
    assert await told.of_attempt(other, replace(SAID_YES, psp_reference="psp_of_a_second_charge")) is Applied.REVIEW
    assert (await told.payment(other))["status"] == "SUCCEEDED"


async def test_no_cascade_begins_while_a_psp_says_that_it_holds_the_money(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    moved_on = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.PROCESSING, code="insufficient_funds")
    await told.store.store.record_attempt(payment_id, f"{payment_id}_1", moved_on, asked=False)
    assert await told.of_attempt(payment_id, SAID_YES) is Applied.REVIEW
    begun, view = await told.store.worker.begin_attempt(payment_id, 2, "psp_b", "second")
    assert (begun, len(view["attempts"])) == (False, 1)


@pytest.mark.parametrize("changes", [{"currency": "USD"}, {}])
async def test_another_amount_or_currency_is_for_an_operator(told: Told, changes: dict[str, Any]) -> None:
    payment_id = str((await told.store.begun())["id"])
    amount = 1000 if changes else 999
    assert await told.of_attempt(payment_id, replace(SAID_YES, amount=amount), **changes) is Applied.REVIEW
    view = await told.payment(payment_id)
    assert (view["status"], view["under_review"], view["amount_captured"]) == ("PROCESSING", True, 0)


async def test_what_fits_no_operation_of_the_account_changes_nothing(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    before = await told.payment(payment_id)
    foreign = Notice("psp_b", Subject.AUTHORIZE, SAID_YES, f"{payment_id}_1")
    assert (await told.apply.execute(foreign)).applied is Applied.UNMATCHED
    for reference in (f"{payment_id}_2", f"{new_id('pay')}_1", "nonsense", "", new_id("ref")):
        assert await told.told(Subject.AUTHORIZE, SAID_YES, reference) is Applied.UNMATCHED
    for subject_of in (Subject.CAPTURE, Subject.VOID, Subject.REFUND):
        assert await told.told(subject_of, SAID_YES, new_id("ref")) is Applied.UNMATCHED
    assert await told.payment(payment_id) == before


async def test_a_refund_that_the_bank_sends_back_can_be_refunded_again(told: Told) -> None:
    payment_id = await told.store.captured()
    refund_id = await told.refunded(payment_id, 400)
    for expected in (Applied.APPLIED, Applied.KNOWN, Applied.KNOWN):
        assert await told.told(Subject.REFUND, SENT_BACK, refund_id, reversal=True) is expected
    # The success, told late, is older than its reversal.
    assert await told.told(Subject.REFUND, SAID_YES, refund_id) is Applied.KNOWN
    view = await told.payment(payment_id)
    assert (view["amount_refunded"], view["amount_refund_pending"], view["under_review"]) == (0, 0, False)
    refund = await told.store.store.get_refund(told.store.merchant_id, refund_id)
    assert (refund["status"], refund["code"], refund["reversed"]) == ("FAILED", "refund_returned", True)
    await told.refunded(payment_id, 1000)
    assert (await told.payment(payment_id))["amount_refunded"] == 1000


async def test_a_reversal_that_comes_before_the_success_stands(told: Told) -> None:
    payment_id = await told.store.captured()
    refund = modification_in(await told.store.modify("REFUND", payment_id, 400))
    await told.store.store.record_modification(refund["id"], WAITING, asked=False)
    assert await told.told(Subject.REFUND, SENT_BACK, refund["id"], reversal=True) is Applied.APPLIED
    assert await told.told(Subject.REFUND, SAID_YES, refund["id"]) is Applied.KNOWN
    view = await told.payment(payment_id)
    assert (view["amount_refunded"], view["under_review"]) == (0, False)


async def test_a_failure_that_is_no_reversal_of_a_success_is_for_an_operator(told: Told) -> None:
    payment_id = await told.store.captured()
    refund_id = await told.refunded(payment_id, 400)
    assert await told.told(Subject.REFUND, SENT_BACK, refund_id) is Applied.REVIEW
    assert (await told.payment(payment_id))["amount_refunded"] == 400


async def test_a_capture_that_is_taken_back_can_be_captured_again(told: Told) -> None:
    payment_id = await told.store.authorized()
    capture_id = await told.captured(payment_id, 600, final=True)
    assert await told.told(Subject.CAPTURE, SENT_BACK, capture_id, reversal=True) is Applied.APPLIED
    view = await told.payment(payment_id)
    assert (view["status"], view["amount_captured"]) == ("AUTHORIZED", 0)
    await told.captured(payment_id, 1000, final=True)
    assert (await told.payment(payment_id))["status"] == "SUCCEEDED"


async def test_what_another_final_capture_has_closed_stays_closed(told: Told) -> None:
    payment_id = await told.store.authorized()
    first = await told.captured(payment_id, 300, final=False)
    await told.captured(payment_id, 200, final=True)
    assert await told.told(Subject.CAPTURE, SENT_BACK, first, reversal=True) is Applied.APPLIED
    view = await told.payment(payment_id)
    assert (view["status"], view["amount_captured"]) == ("SUCCEEDED", 200)


async def test_a_capture_whose_money_was_given_back_and_a_void_are_for_an_operator(told: Told) -> None:
    payment_id = await told.store.authorized()
    capture_id = await told.captured(payment_id, 600, final=True)
    await told.refunded(payment_id, 100)
    assert await told.told(Subject.CAPTURE, SENT_BACK, capture_id, reversal=True) is Applied.REVIEW
    assert (await told.payment(payment_id))["amount_captured"] == 600
    other = await told.store.authorized()
    void = modification_in(await told.store.modify("VOID", other))
    await told.store.store.record_modification(void["id"], DONE, asked=False)
    assert await told.told(Subject.VOID, SENT_BACK, void["id"], reversal=True) is Applied.REVIEW
    assert (await told.payment(other))["status"] == "VOIDED"


async def test_a_webhook_without_our_reference_finds_the_one_operation_that_it_may_mean(told: Told) -> None:
    payment_id = await told.store.captured()
    first = modification_in(await told.store.modify("REFUND", payment_id, 400))
    attempt_id = f"{payment_id}_1"
    said = replace(SAID_YES, psp_reference="psp_2", amount=400)
    await told.store.store.record_modification(first["id"], WAITING, asked=False)
    other = replace(said, psp_reference="psp_of_another")
    assert await told.told(Subject.REFUND, other, payment_reference=attempt_id) is Applied.UNMATCHED
    second = modification_in(await told.store.modify("REFUND", payment_id, 400))
    assert await told.told(Subject.REFUND, said, payment_reference=attempt_id) is Applied.UNMATCHED
    await told.store.store.record_modification(second["id"], DONE, asked=False)
    assert await told.told(Subject.REFUND, said, payment_reference=attempt_id) is Applied.APPLIED
    assert (await told.payment(payment_id))["amount_refunded"] == 800


@pytest.mark.parametrize("answer", [APPROVED, UNKNOWN, PENDING])
async def test_answer_and_webhook_at_the_same_moment_settle_once(told: Told, answer: AttemptVerdict) -> None:
    for _ in range(ROUNDS):
        payment_id = str((await told.store.begun())["id"])
        await asyncio.gather(
            told.of_attempt(payment_id, SAID_YES),
            told.store.store.record_attempt(payment_id, f"{payment_id}_1", answer, asked=False),
            told.of_attempt(payment_id, SAID_YES),
        )
        view = await told.payment(payment_id)
        assert (view["status"], view["amount_captured"], view["under_review"]) == ("SUCCEEDED", 1000, False)


async def test_reversals_at_the_same_moment_take_back_once(told: Told) -> None:
    for _ in range(ROUNDS):
        payment_id = await told.store.captured()
        refund_id = await told.refunded(payment_id, 400)
        kept = await told.refunded(payment_id, 500)
        await asyncio.gather(
            *(told.told(Subject.REFUND, SENT_BACK, refund_id, reversal=True) for _ in range(3)),
            told.told(Subject.REFUND, replace(SAID_YES, psp_reference="psp_2"), kept),
        )
        view = await told.payment(payment_id)
        assert (view["amount_refunded"], view["under_review"]) == (500, False)


async def reversing(told: Told) -> str:
    """Begin a payment of which nobody knows what became, and have it taken back; gives its id."""
    payment_id = str((await told.store.begun())["id"])
    await told.store.store.record_attempt(payment_id, f"{payment_id}_1", UNKNOWN, asked=False)
    begun, _ = await told.store.worker.begin_reversal(payment_id, f"{payment_id}_1", 1)
    assert begun
    return payment_id


@pytest.mark.parametrize("approved_first", [True, False])
async def test_a_confirmed_reversal_ends_the_attempt_whenever_its_approval_is_told(
    told: Told, *, approved_first: bool
) -> None:
    payment_id = await reversing(told)
    reference = f"{payment_id}_1"
    if approved_first:
        assert await told.of_attempt(payment_id, SAID_YES) is Applied.APPLIED
        assert (await told.payment(payment_id))["status"] == "PROCESSING"
    assert await told.told(Subject.REVERSE, SAID_YES, reference, payment_reference=reference) is Applied.APPLIED
    assert await told.told(Subject.REVERSE, SAID_YES, reference, payment_reference=reference) is Applied.KNOWN
    assert await told.of_attempt(payment_id, SAID_YES) is Applied.KNOWN
    view = await told.payment(payment_id)
    assert (view["status"], view["decline"]["code"], view["under_review"]) == ("DECLINED", "reversed_unknown", False)


async def test_a_refused_reversal_lets_the_approval_stand_and_keeps_a_stored_card(told: Told) -> None:
    payment = await told.store.begun(store_card=True)
    payment_id, reference = str(payment["id"]), f"{payment['id']}_1"
    await told.store.store.record_attempt(payment_id, reference, UNKNOWN, asked=False)
    await told.store.worker.begin_reversal(payment_id, reference, 1)
    await told.of_attempt(payment_id, SAID_YES)
    assert told.vault.told == []
    assert await told.told(Subject.REVERSE, SENT_BACK, reference) is Applied.APPLIED
    assert (await told.payment(payment_id))["status"] == "SUCCEEDED"
    assert [one.payment_id for one in told.vault.told] == [payment_id]


async def test_a_reversal_that_nobody_of_us_asked_for_waits_until_the_attempt_is_settled(told: Told) -> None:
    payment_id = str((await told.store.begun())["id"])
    reference = f"{payment_id}_1"
    assert await told.told(Subject.REVERSE, SAID_YES, reference) is Applied.UNMATCHED
    await told.store.store.record_attempt(payment_id, reference, APPROVED, asked=False)
    assert await told.told(Subject.REVERSE, SAID_YES, reference) is Applied.REVIEW
    assert (await told.payment(payment_id))["under_review"] is True


async def test_a_reversal_told_by_another_account_is_unmatched(told: Told) -> None:
    payment_id = await reversing(told)
    notice = Notice("psp_b", Subject.REVERSE, SAID_YES, f"{payment_id}_1")
    assert (await told.apply.execute(notice)).applied is Applied.UNMATCHED
    assert (await told.payment(payment_id))["status"] == "PROCESSING"
