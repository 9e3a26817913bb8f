"""What operators may do with what nobody could tell: the use case over the fake store as over PostgreSQL."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from gateway_svc.adapters.postgres.review_store import PostgresReviewStore
from gateway_svc.application.apply_notification import Applied, ApplyNotification
from gateway_svc.application.keep_tokens import KeepToken, TellAtOnce
from gateway_svc.application.ports import TokenToKeep
from gateway_svc.application.review_ports import Evidence, NewDecision, ReviewStore
from gateway_svc.application.reviews import ManageReviews, ReviewFilters, ReviewWish
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.notices import Notice, Subject
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, ModificationStatus, PaymentStatus
from gateway_svc.domain.reviews import Decision, Effect, ReviewAction
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import APPROVED, DONE, FAILED, UNKNOWN, UNSURE, modification_in, subject
from tests.contract.payment_stores import Subject as Store
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.fakes.gateway.peers import FakeDurableDriver, FakeLogger, FakeTokenVault
from tests.fakes.gateway.review_store import FakeReviewStore
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres", "subject"]

CHARGED, NOT_CHARGED, ASK_AGAIN = ReviewAction.CHARGED, ReviewAction.NOT_CHARGED, ReviewAction.ASK_AGAIN
SAID_YES = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
SAID_NO = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="lost_card")
DECLINED_ON = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.PROCESSING, code="do_not_honor")
REVIEW_KEYS = {
    *("id", "payment_id", "merchant_id", "account", "kind", "cause", "told", "version", "opened_us", "closed_us"),
    *("open_seconds", "amount", "currency", "status", "psp_reference", "code", "raw_code", "asks", "not_founds"),
    "created_us",
}


async def _nothing() -> None:
    """Stand for a crash point that is not armed."""


@dataclass
class Desk:
    """An operator's desk over a store; `age` lets the reviews be older by some seconds."""

    store: Store
    reviews: ReviewStore
    age: Callable[[int], Any]
    durable: FakeDurableDriver = field(default_factory=FakeDurableDriver)
    vault: FakeTokenVault = field(default_factory=FakeTokenVault)
    logger: FakeLogger = field(default_factory=FakeLogger)

    def __post_init__(self) -> None:
        keep = KeepToken(vault=self.vault, store=self.store.store, after_keep=_nothing, logger=self.logger)
        tell = TellAtOnce(keep, CriticalSections(self.logger))
        self.manage = ManageReviews(store=self.reviews, durable=self.durable, tell=tell, logger=self.logger)
        self.apply = ApplyNotification(self.store.store, self.logger, tell)

    async def unknown(self, **changes: Any) -> str:
        """Make a payment of whose first attempt nobody could tell."""
        payment = await self.store.begun(**changes)
        attempt_id = f"{payment['id']}_1"
        await self.store.store.record_attempt(payment["id"], attempt_id, UNKNOWN, asked=False)
        await self.store.worker.record_attempt(payment["id"], attempt_id, replace(UNKNOWN, not_found=True), asked=True)
        await self.store.worker.require_review(payment["id"], attempt_id)
        await self.age(3600)
        return attempt_id

    async def unknown_modification(self, kind: str) -> str:
        payment_id = await (self.store.captured() if kind == "REFUND" else self.store.authorized())
        modification = modification_in(await self.store.modify(kind, payment_id))
        await self.store.worker.record_modification(modification["id"], UNSURE, asked=True)
        await self.store.worker.require_review(payment_id, modification["id"])
        await self.age(3600)
        return str(modification["id"])

    async def told(self, subject: Subject, outcome: Outcome, reference: str) -> Applied:
        return (await self.apply.execute(Notice("psp_a", subject, outcome, reference))).applied

    async def resolve(self, review_id: str, action: ReviewAction, psp_reference: str = "", **changes: Any) -> Evidence:
        values = {
            "version": (await self.reviews.get_review(review_id)).review["version"],
            "note": "seen in the dashboard",
            "decided_by": "key_1",
            "request_id": "req_1",
        } | changes
        wish = ReviewWish(review_id=review_id, action=action, psp_reference=psp_reference, **values)
        return await self.manage.resolve(wish)

    async def refuses(self, reason: Reason, review_id: str, action: ReviewAction, *reference: str, **more: Any) -> str:
        """Expect a refusal that changes nothing, and give its detail."""
        before = await self.reviews.get_review(review_id)
        with pytest.raises(Refusal) as caught:
            await self.resolve(review_id, action, *reference, **more)
        assert caught.value.reason is reason
        after = await self.reviews.get_review(review_id)
        assert _still(after) == _still(before)
        return caught.value.metadata.get("detail", "")

    async def waiting(self) -> list[str]:
        page = await self.manage.reviews(ReviewFilters(merchant_id=self.store.merchant_id), 100, "")
        return [view["id"] for view in page.views]


def _still(evidence: Evidence) -> Any:
    """Leave out what only time changes."""
    review = {name: value for name, value in evidence.review.items() if name != "open_seconds"}
    payment = dict(evidence.payment) | {"attempts": [_ageless(attempt) for attempt in evidence.payment["attempts"]]}
    return review, payment, None if evidence.modification is None else _ageless(evidence.modification)


def _ageless(view: Any) -> Any:
    return {name: value for name, value in view.items() if not name.endswith("_seconds")}


@pytest.fixture
async def desk(subject: Store, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    store = subject.store
    if isinstance(store, FakePaymentStore):

        async def wait(seconds: int) -> None:
            store.now_us += seconds * 1_000_000

        yield Desk(subject, FakeReviewStore(store), wait)
        return
    server: PostgresServer = request.getfixturevalue("postgres")

    async def age(seconds: int) -> None:
        async with await psycopg.AsyncConnection.connect(server.admin_url, autocommit=True) as administrator:
            await administrator.execute(
                "UPDATE gateway.review SET opened_at = opened_at - %s * interval '1 s' WHERE merchant_id = %s",
                (seconds, subject.merchant_id),
            )

    yield Desk(subject, PostgresReviewStore(store._database), age)  # type: ignore[attr-defined]


class TestQueue:
    async def test_a_review_shows_what_is_known(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        [view] = await desk.reviews.list_reviews({"merchant_id": desk.store.merchant_id}, 10)
        assert set(view) == REVIEW_KEYS
        assert (view["id"], view["kind"], view["cause"], view["version"]) == (attempt_id, "AUTHORIZE", "UNKNOWN", 1)
        evidence = await desk.manage.review(attempt_id)
        assert {name: evidence.review[name] for name in ("status", "amount", "currency", "asks", "not_founds")} == {
            "status": "UNKNOWN",
            "amount": 1000,
            "currency": "EUR",
            "asks": 1,
            "not_founds": 1,
        }
        assert [(said["number"], said["told"], said["code"]) for said in evidence.review["inquiries"]] == [
            (1, "NOT_FOUND", "psp_timeout")
        ]
        assert evidence.review["open_seconds"] >= 3600
        assert (evidence.payment["under_review"], evidence.modification) == (True, None)

    async def test_pages_are_oldest_first_and_bound_to_their_filters(self, desk: Desk) -> None:
        references = [await desk.unknown(), await desk.unknown_modification("REFUND"), await desk.unknown()]
        mine = ReviewFilters(merchant_id=desk.store.merchant_id)
        found, token = [], ""
        for _ in range(3):
            page = await desk.manage.reviews(mine, 1, token)
            found += [view["id"] for view in page.views]
            token = page.next_token
        assert (sorted(found), token) == (sorted(references), "")
        only = await desk.manage.reviews(replace(mine, kind="REFUND"), 10, "")
        assert [view["id"] for view in only.views] == references[1:2]
        assert not (await desk.manage.reviews(replace(mine, account="psp_z"), 10, "")).views
        first = await desk.manage.reviews(mine, 1, "")
        with pytest.raises(Refusal, match="INVALID_PAGE_TOKEN"):
            await desk.manage.reviews(replace(mine, kind="VOID"), 1, first.next_token)

    @pytest.mark.parametrize(
        "review_id", ["", "pay_1", "pay_1_x", "mer_01JD3V5H2A9D4EJ6M8QPSRTVWX", "ref_01JD3V5H2A9D4EJ6M8QPSRTVWX"]
    )
    async def test_what_is_no_review(self, desk: Desk, review_id: str) -> None:
        with pytest.raises(Refusal, match="REVIEW_NOT_FOUND"):
            await desk.manage.review(review_id)

    @pytest.mark.parametrize(
        ("changes", "field_name"),
        [({"note": "  "}, "note"), ({"psp_reference": ""}, "psp_reference"), ({"note": "a\x00"}, "note")],
    )
    async def test_what_is_wrong_is_named(self, desk: Desk, changes: dict[str, Any], field_name: str) -> None:
        attempt_id = await desk.unknown()
        more = {"psp_reference": "psp_7"} | changes
        detail = await desk.refuses(Reason.INVALID_FIELD, attempt_id, CHARGED, **more)
        assert re.match(f"`{field_name}`", detail)

    async def test_a_card_number_in_the_note(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        await desk.refuses(Reason.CARD_NUMBER_IN_TEXT, attempt_id, ASK_AGAIN, note="card 4111111111111111")


class TestUnknown:
    @pytest.mark.parametrize(("method", "status"), [("MANUAL", "AUTHORIZED"), ("AUTOMATIC", "SUCCEEDED")])
    async def test_charged(self, desk: Desk, method: str, status: str) -> None:
        attempt_id = await desk.unknown(capture_method=method, store_card=True)
        evidence = await desk.resolve(attempt_id, CHARGED, "psp_7")
        assert (evidence.payment["status"], evidence.payment["under_review"]) == (status, False)
        assert evidence.payment["attempts"][0]["psp_reference"] == "psp_7"
        assert evidence.review["closed_us"] is not None
        assert await desk.waiting() == []
        token = evidence.payment["token"]
        assert desk.vault.told == [TokenToKeep(evidence.payment["id"], desk.store.merchant_id, token)]
        assert desk.durable.handed_over == []

    async def test_not_charged_never_cascades(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        evidence = await desk.resolve(attempt_id, NOT_CHARGED)
        assert (evidence.payment["status"], evidence.payment["decline"]["code"]) == ("DECLINED", "not_charged")
        assert len(evidence.payment["attempts"]) == 1
        assert evidence.payment["amount_authorized"] == 0

    @pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
    async def test_not_charged_gives_a_modifications_amount_back(self, desk: Desk, kind: str) -> None:
        reference = await desk.unknown_modification(kind)
        evidence = await desk.resolve(reference, NOT_CHARGED)
        assert evidence.modification is not None
        assert (evidence.modification["status"], evidence.modification["code"]) == ("FAILED", "not_charged")
        await desk.store.modify(kind, evidence.payment["id"])

    @pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
    async def test_charged_settles_a_modification(self, desk: Desk, kind: str) -> None:
        reference = await desk.unknown_modification(kind)
        if kind == "CAPTURE":
            assert "captures and refunds" in await desk.refuses(Reason.INVALID_FIELD, reference, CHARGED)
        evidence = await desk.resolve(reference, CHARGED, "psp_8" if kind == "CAPTURE" else "")
        assert evidence.modification is not None
        assert (evidence.modification["status"], evidence.payment["under_review"]) == ("SUCCEEDED", False)

    @pytest.mark.parametrize("kind", ["", "REFUND"])
    async def test_not_charged_is_not_believed_at_once(self, desk: Desk, kind: str) -> None:
        reference = await (desk.unknown_modification(kind) if kind else desk.unknown())
        await desk.age(-3600)
        detail = await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, reference, NOT_CHARGED)
        assert "still be on its way" in detail

    async def test_asked_again_the_workflow_is_woken_and_it_may_come_back(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        evidence = await desk.resolve(attempt_id, ASK_AGAIN, "psp_3")
        payment = evidence.payment
        assert desk.durable.handed_over == [("PAYMENT", payment["id"], 0)]
        assert (payment["under_review"], payment["attempts"][0]["psp_reference"]) == (False, "psp_3")
        attempt = payment["attempts"][0]
        assert (attempt["not_founds"], attempt["asks"], attempt["asks_before"]) == (0, 1, 1)
        await desk.store.worker.require_review(payment["id"], attempt_id)
        assert (await desk.manage.review(attempt_id)).review["version"] == 3
        assert "psp_3" in await desk.refuses(Reason.INVALID_FIELD, attempt_id, CHARGED, "psp_4")

    async def test_a_modification_asked_again(self, desk: Desk) -> None:
        reference = await desk.unknown_modification("REFUND")
        await desk.resolve(reference, ASK_AGAIN)
        assert desk.durable.handed_over == [("MODIFICATION", reference, 0)]

    async def test_a_webhook_wins_and_the_operator_is_told(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        assert await desk.told(Subject.AUTHORIZE, SAID_YES, attempt_id) is Applied.APPLIED
        assert await desk.waiting() == []
        await desk.refuses(Reason.REVIEW_SETTLED, attempt_id, NOT_CHARGED)


class TestDecisions:
    async def test_the_same_again_changes_nothing_and_says_the_same(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        first = await desk.resolve(attempt_id, CHARGED, "psp_7", version=1)
        again = await desk.resolve(attempt_id, CHARGED, "psp_7", version=1)
        assert _still(again) == _still(first)
        await desk.refuses(Reason.REVIEW_SETTLED, attempt_id, NOT_CHARGED, version=1)
        [made] = first.review["decisions"]
        assert {**made, "decided_us": 0} == {
            "version": 1,
            "action": "CHARGED",
            "effect": "RECORD",
            "psp_reference": "psp_7",
            "note": "seen in the dashboard",
            "decided_by": "key_1",
            "request_id": "req_1",
            "decided_us": 0,
        }

    async def test_an_operator_who_has_seen_less_is_refused(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        assert await desk.told(Subject.AUTHORIZE, replace(SAID_YES, amount=999), attempt_id) is Applied.REVIEW
        await desk.refuses(Reason.REVIEW_CHANGED, attempt_id, CHARGED, "psp_7", version=1)
        evidence = await desk.manage.review(attempt_id)
        assert (evidence.review["cause"], evidence.review["told"]["amount"]) == ("CONTRADICTION", 999)

    async def test_the_store_looks_once_more_under_the_lock(self, desk: Desk) -> None:
        attempt_id = await desk.unknown()
        decision = Decision(Effect.RECORD, "APPROVED", "SUCCEEDED")
        new = NewDecision(attempt_id, 1, CHARGED, decision, "PENDING", "PROCESSING", "psp_7", "note", "key_1", "req_1")
        for wrong in (new, replace(new, seen="UNKNOWN", seen_payment="DECLINED"), replace(new, version=2)):
            with pytest.raises(Refusal, match="REVIEW_CHANGED"):
                await desk.reviews.resolve_review(wrong)
        payment = await desk.reviews.resolve_review(replace(new, seen="UNKNOWN"))
        assert payment["status"] == "SUCCEEDED"

    @pytest.mark.parametrize(("action", "said"), [(CHARGED, SAID_NO), (NOT_CHARGED, SAID_YES)])
    async def test_a_webhook_that_contradicts_the_operator(
        self, desk: Desk, action: ReviewAction, said: Outcome
    ) -> None:
        attempt_id = await desk.unknown()
        await desk.resolve(attempt_id, action, "psp_1" if action is CHARGED else "")
        assert await desk.told(Subject.AUTHORIZE, said, attempt_id) is Applied.REVIEW
        assert await desk.waiting() == [attempt_id]

    @pytest.mark.parametrize("charged", [True, False])
    async def test_a_late_answer_that_contradicts_the_operator(self, desk: Desk, *, charged: bool) -> None:
        attempt_id = await desk.unknown()
        await desk.resolve(attempt_id, CHARGED if charged else NOT_CHARGED, "psp_1" if charged else "")
        late = replace(DECLINED_ON, psp_reference="psp_1") if charged else APPROVED
        await desk.store.store.record_attempt(attempt_id[:-2], attempt_id, late, asked=False)
        evidence = await desk.manage.review(attempt_id)
        assert (evidence.review["cause"], evidence.review["closed_us"]) == ("CONTRADICTION", None)

    @pytest.mark.parametrize("done", [True, False])
    async def test_a_late_answer_about_a_modification(self, desk: Desk, *, done: bool) -> None:
        reference = await desk.unknown_modification("REFUND")
        await desk.resolve(reference, CHARGED if done else NOT_CHARGED)
        late = replace(FAILED, psp_reference="psp_1") if done else DONE
        recorded, _ = await desk.store.store.record_modification(reference, late, asked=False)
        assert recorded["under_review"] is True
        assert await desk.waiting() == [reference]


class TestContradictions:
    async def contradicted(self, desk: Desk, verdict: AttemptVerdict, said: Outcome, **changes: Any) -> str:
        payment = await desk.store.begun(**changes)
        attempt_id = f"{payment['id']}_1"
        await desk.store.store.record_attempt(payment["id"], attempt_id, verdict, asked=False)
        assert await desk.told(Subject.AUTHORIZE, said, attempt_id) is Applied.REVIEW
        return attempt_id

    async def test_an_approval_confirmed_or_taken_back(self, desk: Desk) -> None:
        attempt_id = await self.contradicted(desk, APPROVED, SAID_NO)
        evidence = await desk.resolve(attempt_id, CHARGED)
        assert (evidence.payment["status"], evidence.payment["under_review"]) == ("SUCCEEDED", False)
        assert await desk.told(Subject.AUTHORIZE, SAID_NO, attempt_id) is Applied.REVIEW
        evidence = await desk.resolve(attempt_id, NOT_CHARGED)
        assert (evidence.payment["status"], evidence.payment["amount_captured"]) == ("VOIDED", 0)
        assert await desk.told(Subject.AUTHORIZE, SAID_YES, attempt_id) is Applied.REVIEW

    async def test_a_decline_of_a_payment_that_is_over(self, desk: Desk) -> None:
        over = replace(DECLINED_ON, payment_status=PaymentStatus.DECLINED)
        attempt_id = await self.contradicted(desk, over, SAID_YES)
        detail = await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, attempt_id, CHARGED, "psp_1")
        assert "refund the charge" in detail
        detail = await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, attempt_id, ASK_AGAIN)
        assert "settled in the record" in detail
        evidence = await desk.resolve(attempt_id, NOT_CHARGED)
        assert (evidence.payment["status"], await desk.waiting()) == ("DECLINED", [])

    async def test_a_decline_between_two_attempts(self, desk: Desk) -> None:
        charged = await self.contradicted(desk, DECLINED_ON, SAID_YES, capture_method="MANUAL")
        evidence = await desk.resolve(charged, CHARGED, "psp_1")
        assert (evidence.payment["status"], evidence.payment["attempts"][0]["status"]) == ("AUTHORIZED", "APPROVED")
        ended = await self.contradicted(desk, DECLINED_ON, SAID_YES)
        evidence = await desk.resolve(ended, NOT_CHARGED)
        assert (evidence.payment["status"], evidence.payment["decline"]["code"]) == ("DECLINED", "do_not_honor")
        assert len(evidence.payment["attempts"]) == 1

    async def test_while_another_attempt_is_under_way_it_is_let_go_on(self, desk: Desk) -> None:
        payment = await desk.store.begun()
        attempt_id = f"{payment['id']}_1"
        await desk.store.store.record_attempt(payment["id"], attempt_id, DECLINED_ON, asked=False)
        await desk.store.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
        assert await desk.told(Subject.AUTHORIZE, SAID_YES, attempt_id) is Applied.REVIEW
        await desk.resolve(attempt_id, NOT_CHARGED)
        assert desk.durable.handed_over == [("PAYMENT", payment["id"], 0)]

    async def test_a_refund_that_failed_and_was_done(self, desk: Desk) -> None:
        payment_id = await desk.store.captured()
        refund = modification_in(await desk.store.modify("REFUND", payment_id, 600, key="first"))
        await desk.store.store.record_modification(refund["id"], FAILED, asked=False)
        told_first = (await desk.store.store.find_operation(desk.store.operation("first"))).answer
        assert await desk.told(Subject.REFUND, SAID_YES, refund["id"]) is Applied.REVIEW
        other = modification_in(await desk.store.modify("REFUND", payment_id, 600))
        await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, refund["id"], CHARGED)
        await desk.store.store.record_modification(other["id"], FAILED, asked=False)
        evidence = await desk.resolve(refund["id"], CHARGED)
        assert (evidence.payment["amount_refunded"], evidence.payment["amount_refund_pending"]) == (600, 0)
        # Whoever repeats the call is told what was told first.
        assert (await desk.store.store.find_operation(desk.store.operation("first"))).answer == told_first

    async def test_a_refund_that_was_done_and_was_not(self, desk: Desk) -> None:
        payment_id = await desk.store.captured()
        refund = modification_in(await desk.store.modify("REFUND", payment_id, 600))
        await desk.store.store.record_modification(refund["id"], DONE, asked=False)
        assert await desk.told(Subject.REFUND, SAID_NO, refund["id"]) is Applied.REVIEW
        evidence = await desk.resolve(refund["id"], NOT_CHARGED)
        assert (evidence.payment["amount_refunded"], evidence.payment["under_review"]) == (0, False)
        assert await desk.told(Subject.REFUND, replace(SAID_YES, psp_reference="psp_2"), refund["id"]) is Applied.REVIEW
        await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, refund["id"], CHARGED)

    async def test_a_void_is_not_taken_back(self, desk: Desk) -> None:
        payment_id = await desk.store.authorized()
        void = modification_in(await desk.store.modify("VOID", payment_id))
        verdict = ModificationVerdict(ModificationStatus.SUCCEEDED)
        await desk.store.store.record_modification(void["id"], verdict, asked=False)
        assert await desk.told(Subject.VOID, SAID_NO, void["id"]) is Applied.REVIEW
        detail = await desk.refuses(Reason.REVIEW_ACTION_NOT_POSSIBLE, void["id"], NOT_CHARGED)
        assert "release the hold" in detail
        assert (await desk.resolve(void["id"], CHARGED)).payment["under_review"] is False
