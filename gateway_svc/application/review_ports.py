"""What the use cases of operators' reviews need from the outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway_svc.application.ports import View
from gateway_svc.domain.reviews import Decision, ReviewAction


@dataclass(frozen=True, slots=True)
class Evidence:
    """A review with what was asked and decided, its payment, and its capture, void or refund when it is about one."""

    review: View
    payment: View
    modification: View | None


@dataclass(frozen=True, slots=True)
class NewDecision:
    """An operator's decision to record.

    ``version`` is that of the review which the operator has seen, ``seen`` and ``seen_payment`` the states of operation
    and payment that ``decision`` was judged by. ``psp_reference`` is the PSP's, empty when it is not needed.
    """

    reference: str
    version: int
    action: ReviewAction
    decision: Decision
    seen: str
    seen_payment: str
    psp_reference: str
    note: str
    decided_by: str
    request_id: str


class ReviewStore(Protocol):
    """The operators' queue. Refusals are ``mesh.refusal.Refusal``."""

    async def list_reviews(self, filters: Mapping[str, str | int | None], limit: int) -> list[View]:
        """List what waits for an operator, oldest first, from after ``after_us`` and ``after_id``.

        Filters: ``merchant_id``, ``account``, ``kind``; None filters nothing.
        """
        ...

    async def get_review(self, reference: str) -> Evidence:
        """Read a review, decided or not, with its evidence; refuses with REVIEW_NOT_FOUND."""
        ...

    async def resolve_review(self, new: NewDecision) -> View:
        """Record a decision and what the core makes of it, all or nothing; gives the payment as it stands.

        The same decision again changes nothing. Of two that meet, one wins. Refuses with REVIEW_NOT_FOUND,
        REVIEW_SETTLED, REVIEW_CHANGED or REVIEW_ACTION_NOT_POSSIBLE.
        """
        ...
