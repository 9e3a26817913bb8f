"""Lists what nobody could tell, shows its evidence, and records what operators find out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_svc.application import page_tokens
from gateway_svc.application.checks import invalid_field, require_texts
from gateway_svc.application.keep_tokens import TellAtOnce
from gateway_svc.application.page_tokens import Position
from gateway_svc.application.ports import DurableDriver, Logger, View
from gateway_svc.application.read_payments import Page
from gateway_svc.application.review_ports import Evidence, NewDecision, ReviewStore
from gateway_svc.application.views import modification_of, payment_of
from gateway_svc.domain.payment import PaymentStatus
from gateway_svc.domain.reviews import (
    NOT_DONE,
    Decision,
    Effect,
    NotPossible,
    ReviewAction,
    judge_attempt_review,
    judge_modification_review,
    needs_psp_reference,
)
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal

NOTE_LENGTH: Final = 500
PSP_REFERENCE_LENGTH: Final = 255
_MODIFICATION_PREFIXES: Final = ("cap", "void", "ref")


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """Which reviews to list; empty filters nothing."""

    merchant_id: str = ""
    account: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ReviewWish:
    """What an operator decides: of the review as it was at ``version``, by the key ``decided_by``."""

    review_id: str
    version: int
    action: ReviewAction
    note: str
    psp_reference: str
    decided_by: str
    request_id: str


class ManageReviews:
    """The use cases behind ReviewService. Repeating a decision changes nothing."""

    __slots__ = ("_durable", "_logger", "_store", "_tell")

    def __init__(self, *, store: ReviewStore, durable: DurableDriver, tell: TellAtOnce, logger: Logger) -> None:
        self._store = store
        self._durable = durable
        self._tell = tell
        self._logger = logger

    async def reviews(self, filters: ReviewFilters, page_size: int, token: str) -> Page:
        """Give a page of what waits, oldest first; refuses with INVALID_PAGE_TOKEN a token of other filters."""
        scope = ("reviews", filters.merchant_id, filters.account, filters.kind)
        position = page_tokens.decode(scope, token)
        size = page_tokens.page_size_of(page_size)
        views = await self._store.list_reviews(
            {
                "merchant_id": filters.merchant_id or None,
                "account": filters.account or None,
                "kind": filters.kind or None,
                "after_us": position.before_us if position else None,
                "after_id": position.before_id if position else None,
            },
            size + 1,
        )
        return Page(views[:size], _next_token(scope, views, size))

    async def review(self, review_id: str) -> Evidence:
        """Give a review with its evidence, decided or not; refuses with REVIEW_NOT_FOUND."""
        _require_review_id(review_id)
        return await self._store.get_review(review_id)

    async def resolve(self, wish: ReviewWish) -> Evidence:
        """Record a decision and act upon it; gives the review as it stands then.

        Refuses with REVIEW_SETTLED or REVIEW_CHANGED what others have settled or changed since ``version``, with
        REVIEW_ACTION_NOT_POSSIBLE what the record does not allow, with INVALID_FIELD what is wrong in the wish.
        """
        _require_review_id(wish.review_id)
        require_texts((("note", wish.note), ("psp_reference", wish.psp_reference)))
        if not wish.note.strip():
            raise invalid_field("note", "must say what was found, and where")
        evidence = await self._store.get_review(wish.review_id)
        if _is_repeated(evidence, wish):
            return evidence
        _require_same(evidence, wish)
        decision = _judge(evidence, wish)
        modification = evidence.modification
        payment = await self._store.resolve_review(
            NewDecision(
                reference=wish.review_id,
                version=wish.version,
                action=wish.action,
                decision=decision,
                seen=evidence.review["status"],
                seen_payment=evidence.payment["status"],
                psp_reference=wish.psp_reference,
                note=wish.note,
                decided_by=wish.decided_by,
                request_id=wish.request_id,
            )
        )
        self._logger.info(
            "review resolved",
            reference=wish.review_id,
            action=wish.action.value,
            effect=decision.effect.value,
            decided_by=wish.decided_by,
        )
        await self._tell.after(payment)
        await self._go_on(payment, modification, decision)
        return await self._store.get_review(wish.review_id)

    async def _go_on(self, payment: View, modification: View | None, decision: Decision) -> None:
        """Wake the workflow that has something to do again; the sweep would, some seconds later."""
        if modification is not None and decision.effect is Effect.ASK_AGAIN:
            await self._durable.settle_modification(modification["id"], wait_ms=0)
        elif payment["status"] == PaymentStatus.PROCESSING and not payment["under_review"]:
            await self._durable.settle_payment(payment["id"], wait_ms=0)


def _judge(evidence: Evidence, wish: ReviewWish) -> Decision:
    review = evidence.review
    # What was recorded as not done was named otherwise, if at all, than what the operator has found.
    known = "" if review["status"] in NOT_DONE else review["psp_reference"]
    if known and wish.psp_reference not in {"", known}:
        raise invalid_field("psp_reference", f"must be {known}, which the PSP has named before, or be left out")
    reference = known or wish.psp_reference
    if needs_psp_reference(review["kind"], wish.action) and not reference:
        raise invalid_field(
            "psp_reference", "must be the PSP's own id of what was charged: captures and refunds will name it"
        )
    if evidence.modification is not None:
        modification = modification_of(evidence.modification)
        judged = judge_modification_review(modification, wish.action, reference, review["open_seconds"])
    else:
        payment = payment_of(evidence.payment)
        attempt = next(attempt for attempt in payment.attempts if attempt.id == review["id"])
        judged = judge_attempt_review(payment, attempt, wish.action, reference, review["open_seconds"])
    if isinstance(judged, NotPossible):
        raise Refusal(Reason.REVIEW_ACTION_NOT_POSSIBLE, review_id=wish.review_id, detail=judged.detail)
    return judged


def _is_repeated(evidence: Evidence, wish: ReviewWish) -> bool:
    wanted = (wish.version, wish.action.value, wish.psp_reference, wish.note, wish.decided_by)
    return any(
        wanted == (made["version"], made["action"], made["psp_reference"], made["note"], made["decided_by"])
        for made in evidence.review["decisions"]
    )


def _require_same(evidence: Evidence, wish: ReviewWish) -> None:
    review = evidence.review
    if review["closed_us"] is not None:
        raise Refusal(Reason.REVIEW_SETTLED, review_id=wish.review_id)
    if review["version"] != wish.version:
        raise Refusal(Reason.REVIEW_CHANGED, review_id=wish.review_id, version=review["version"])


def _require_review_id(review_id: str) -> None:
    payment_id, _, ordinal = review_id.rpartition("_")
    attempt = is_id("pay", payment_id) and ordinal.isascii() and ordinal.isdigit()
    if not attempt and not any(is_id(prefix, review_id) for prefix in _MODIFICATION_PREFIXES):
        raise Refusal(Reason.REVIEW_NOT_FOUND, review_id=review_id)


def _next_token(scope: page_tokens.Scope, views: Sequence[View], size: int) -> str:
    if len(views) <= size:
        return ""
    last = views[size - 1]
    return page_tokens.encode(scope, Position(last["opened_us"], last["id"]))
