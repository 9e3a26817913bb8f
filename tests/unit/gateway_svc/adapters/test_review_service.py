"""ReviewService as its callers see it: what is asked for reaches the use case, and the evidence comes out whole."""

import time
from dataclasses import replace
from typing import Any, cast

import pytest
from payera.gateway.v1 import review_service_pb2 as contract

from gateway_svc.adapters.grpc.review_service import ReviewServicer
from gateway_svc.application.keep_tokens import KeepToken, TellAtOnce
from gateway_svc.application.reviews import ManageReviews
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from mesh.context import CallContext, KeyScope, Principal, serving
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import Subject, modification_in
from tests.fakes.gateway.payment_store import FakePaymentStore
from tests.fakes.gateway.peers import FakeDurableDriver, FakeLogger, FakeTokenVault
from tests.fakes.gateway.review_store import FakeReviewStore

MERCHANT = "mer_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UNKNOWN = AttemptVerdict(AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING, code="psp_timeout", raw_code="504")
CONTEXT = cast("Any", None)


async def _nothing(*_: object) -> None:
    """Stand for what this test does not need."""


class Desk:
    """The service over an in-memory store, called with an operator's key."""

    def __init__(self) -> None:
        self.store = FakePaymentStore(merchants={MERCHANT})
        self.subject = Subject(self.store, self.store, MERCHANT, "", _nothing, _nothing, _nothing)
        logger = FakeLogger()
        keep = KeepToken(vault=FakeTokenVault(), store=self.store, after_keep=_nothing, logger=logger)
        tell = TellAtOnce(keep, CriticalSections(logger))
        self.durable = FakeDurableDriver()
        reviews = FakeReviewStore(self.store)
        self.servicer = ReviewServicer(ManageReviews(store=reviews, durable=self.durable, tell=tell, logger=logger))

    async def unknown(self) -> str:
        payment = await self.subject.begun()
        attempt_id = f"{payment['id']}_1"
        await self.store.record_attempt(payment["id"], attempt_id, UNKNOWN, asked=False)
        await self.store.record_attempt(payment["id"], attempt_id, replace(UNKNOWN, not_found=True), asked=True)
        await self.store.require_review(payment["id"], attempt_id)
        return attempt_id

    async def get(self, review_id: str) -> contract.Review:
        return await self.servicer.GetReview(contract.GetReviewRequest(review_id=review_id), CONTEXT)

    async def resolve(self, review_id: str, **fields: Any) -> contract.Review:
        request = contract.ResolveReviewRequest(review_id=review_id, note="seen", **fields)
        principal = Principal("", KeyScope.OPERATOR, "key_7", live=False)
        with serving(CallContext("req_9", "envoy", principal, "", time.monotonic() + 10)):
            return await self.servicer.ResolveReview(request, CONTEXT)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_review_with_its_evidence(desk: Desk) -> None:
    attempt_id = await desk.unknown()
    review = await desk.get(attempt_id)
    assert (review.id, review.kind, review.cause, review.open) == (
        attempt_id,
        contract.Review.AUTHORIZE,
        contract.Review.UNKNOWN,
        True,
    )
    assert (review.psp_account, review.recorded_status, review.code, review.raw_code) == (
        "psp_a",
        "UNKNOWN",
        "psp_timeout",
        "504",
    )
    assert (review.amount.value, review.amount.currency, review.asks, review.not_founds) == (1000, "EUR", 1, 1)
    [said] = review.inquiries
    assert (said.outcome, said.code, said.HasField("time")) == ("NOT_FOUND", "psp_timeout", True)
    assert review.payment.under_review
    assert not review.HasField("contradiction")
    assert not review.HasField("close_time")


async def test_a_contradiction_and_the_decision_about_it(desk: Desk) -> None:
    attempt_id = await desk.unknown()
    told = {"kind": "APPROVED", "psp_reference": "psp_9", "amount": 7, "currency": "EUR", "reversal": False}
    await desk.store.report_contradiction(attempt_id[:-2], attempt_id, told)
    review = await desk.get(attempt_id)
    assert (review.version, review.cause) == (2, contract.Review.CONTRADICTION)
    assert (review.contradiction.outcome, review.contradiction.amount) == ("APPROVED", 7)
    [said] = review.contradictions
    assert (said.outcome, said.psp_reference, said.HasField("time")) == ("APPROVED", "psp_9", True)
    settled = await desk.resolve(attempt_id, version=2, action=contract.Review.CHARGED, psp_reference="psp_9")
    assert (settled.open, settled.recorded_status, settled.payment.status) == (
        False,
        "APPROVED",
        settled.payment.SUCCEEDED,
    )
    [made] = settled.decisions
    assert (made.version, made.action, made.note, made.decided_by, made.request_id) == (
        2,
        contract.Review.CHARGED,
        "seen",
        "key_7",
        "req_9",
    )
    with pytest.raises(Refusal) as caught:
        await desk.resolve(attempt_id, version=2, action=contract.Review.ASK_AGAIN)
    assert caught.value.reason is Reason.REVIEW_SETTLED


async def test_lists_are_without_evidence_and_filtered(desk: Desk) -> None:
    attempt_id = await desk.unknown()
    payment_id = await desk.subject.captured()
    refund = modification_in(await desk.subject.modify("REFUND", payment_id, 400))
    await desk.store.require_review(payment_id, refund["id"])
    page = await desk.servicer.ListReviews(contract.ListReviewsRequest(), CONTEXT)
    assert [review.id for review in page.reviews] == [attempt_id, refund["id"]]
    assert not page.reviews[0].inquiries
    assert not page.reviews[0].HasField("payment")
    request = contract.ListReviewsRequest(kind=contract.Review.REFUND, merchant_id=MERCHANT, psp_account="psp_a")
    [only] = (await desk.servicer.ListReviews(request, CONTEXT)).reviews
    assert (only.id, only.amount.value) == (refund["id"], 400)
