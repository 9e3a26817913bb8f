"""Why a payment went where it went: each account with what became of it, and why it went no further."""

from typing import Any

import pytest

from gateway_svc.domain.cascade_policy import CascadeSettings
from gateway_svc.domain.payment import Attempt, AttemptStatus, Payment, PaymentStatus
from gateway_svc.domain.routing import RoutedAccount, RouteDecision
from gateway_svc.domain.routing_explained import ExplainedRouting, PassedOver, explain
from tests.unit.gateway_svc.domain.payments import AFTER_OCTOBER_2026, attempt, payment

APPROVED, DECLINED, NOT_SENT = AttemptStatus.APPROVED, AttemptStatus.DECLINED, AttemptStatus.NOT_SENT
NO_YEN = RoutedAccount("psp_x", eligible=False, reason="no yen")
DECISION = RouteDecision(
    (*(RoutedAccount(f"psp_{rank}", eligible=True, reason=f"rank {rank}") for rank in (1, 2, 3)), NO_YEN)
)
SOFT = "do_not_honor"
HARD = "stolen_card"


def explained(
    *attempts: Attempt,
    status: PaymentStatus = PaymentStatus.DECLINED,
    code: str = "",
    **values: Any,
) -> ExplainedRouting:
    found = payment(*attempts, status=status, begun_us=AFTER_OCTOBER_2026, **values)
    return explain(found, DECISION, code)


def declined(ordinal: int, code: str = SOFT) -> Attempt:
    return attempt(ordinal, DECLINED, code=code)


def test_an_approval_after_a_decline_tells_both() -> None:
    routing = explained(declined(1), attempt(2, APPROVED), status=PaymentStatus.SUCCEEDED)
    assert [(each.account.account, each.rank, each.outcome) for each in routing.candidates] == [
        ("psp_1", 1, "declined with do_not_honor"),
        ("psp_2", 2, "approved"),
        ("psp_3", 3, "not tried"),
        ("psp_x", 0, ""),
    ]
    first, second = routing.attempts
    assert (first.rank, first.reason, first.passed_over) == (1, "ranked", (PassedOver("psp_x", "no yen"),))
    assert second.rank == 2
    assert second.passed_over == (
        PassedOver("psp_1", "declined with do_not_honor", "pay_1_1"),
        PassedOver("psp_x", "no yen"),
    )
    assert routing.stopped == ""


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (NOT_SENT, "psp_unavailable", "not sent: psp_unavailable"),
        (AttemptStatus.SENDING, "", "sent, and the outcome is not known yet"),
        (AttemptStatus.UNKNOWN, "psp_timeout", "sent, and the outcome is not known yet"),
        (AttemptStatus.PENDING, "", "the PSP has it and tells the outcome later"),
    ],
)
def test_what_became_of_an_account_is_told_in_words(status: AttemptStatus, code: str, outcome: str) -> None:
    routing = explained(attempt(1, status, code=code), status=PaymentStatus.PROCESSING)
    assert routing.candidates[0].outcome == outcome
    assert routing.stopped == ""


@pytest.mark.parametrize(
    ("attempts", "values", "stopped"),
    [
        ((declined(1, HARD),), {}, "stolen_card does not move on to another account"),
        (
            (declined(1),),
            {"cascade": CascadeSettings(off=True)},
            "by the merchant's settings do_not_honor does not move on to another account",
        ),
        ((declined(1),), {"cascade": CascadeSettings(max_attempts=1)}, "a payment is tried 1 times at most"),
        ((declined(1),), {"accounts": 1}, "every account that may be used was tried"),
        (
            (declined(1),),
            {"code_required": True},
            "the card's code is required, and it went with the attempt that was declined",
        ),
        ((declined(1),), {}, "the payment began too long ago to be tried again"),
        (
            (attempt(1, NOT_SENT, code="token_used"),),
            {"status": PaymentStatus.FAILED},
            "no account can be asked with this token: token_used",
        ),
        (
            (declined(1), declined(2)),
            {"code": "retry_limit_reached"},
            "the card's network forbids another try: retry_limit_reached",
        ),
    ],
)
def test_why_a_payment_went_no_further_is_told(
    attempts: tuple[Attempt, ...], values: dict[str, Any], stopped: str
) -> None:
    assert explained(*attempts, **values).stopped == stopped


def test_a_payment_that_nobody_was_asked_for_tells_what_forbade_it() -> None:
    asked_nobody = Payment(
        id="pay_1",
        merchant_id="mer_1",
        status=PaymentStatus.DECLINED,
        amount=1,
        currency="EUR",
        capture_method=payment().capture_method,
        token="tok_1",
        attempts=(),
        candidates=DECISION.to_try(),
    )
    routing = explain(asked_nobody, DECISION, "do_not_retry")
    assert routing.attempts == ()
    assert [each.outcome for each in routing.candidates] == ["not tried", "not tried", "not tried", ""]
    assert routing.stopped == "the card's network forbids another try: do_not_retry"


def test_a_psp_that_says_never_again_is_not_taken_for_our_own_count() -> None:
    routing = explained(declined(1, "do_not_retry"), code="do_not_retry")
    assert routing.stopped == "do_not_retry does not move on to another account"
