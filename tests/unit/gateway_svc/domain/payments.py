"""Payments as the core may meet them, for examples and for Hypothesis."""

from typing import Any

from hypothesis import strategies as st

from gateway_svc.domain.cascade_policy import CASCADE_BY_CODE, MAX_ATTEMPTS
from gateway_svc.domain.decline_messages import DECLINE_MESSAGES
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    Candidate,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)
from gateway_svc.domain.resolution import Means

OPEN = (AttemptStatus.SENDING, AttemptStatus.UNKNOWN, AttemptStatus.PENDING)
ASKED_BY_REFERENCE = Means(ask_by_reference=True, repeat_seconds=6 * 3600)
CODES = tuple(sorted({*DECLINE_MESSAGES, *CASCADE_BY_CODE, "never_heard_of"}))

all_means = st.builds(
    Means,
    ask_by_reference=st.booleans(),
    ask_by_psp_reference=st.booleans(),
    ask_by_payment=st.booleans(),
    repeat_seconds=st.sampled_from((0, 300, 6 * 3600, 86_400, 45 * 86_400)),
    webhook=st.booleans(),
)
references = st.sampled_from(("", "psp_1"))
outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(OutcomeKind),
    psp_reference=references,
    code=st.sampled_from(CODES),
    raw_code=st.sampled_from(("", "05")),
)


def attempt(ordinal: int = 1, status: AttemptStatus = AttemptStatus.SENDING, **values: Any) -> Attempt:
    return Attempt(f"pay_1_{ordinal}", ordinal, f"psp_{ordinal}", status, **values)


def payment(*attempts: Attempt, accounts: int = 3, **values: Any) -> Payment:
    """Give a payment whose attempts were made at the first of so many accounts."""
    defaults: dict[str, Any] = {
        "id": "pay_1",
        "merchant_id": "mer_1",
        "status": PaymentStatus.PROCESSING,
        "amount": 1050,
        "currency": "EUR",
        "capture_method": CaptureMethod.AUTOMATIC,
        "token": "tok_1",
        "attempts": attempts or (attempt(),),
        "candidates": tuple(Candidate(f"psp_{number}", "ranked") for number in range(1, accounts + 1)),
    }
    return Payment(**defaults | values)


@st.composite
def open_payments(draw: st.DrawFn) -> Payment:
    """Draw a payment whose last attempt is not final yet: the others were declined or not sent."""
    attempts = [
        attempt(
            ordinal,
            draw(st.sampled_from((AttemptStatus.DECLINED, AttemptStatus.NOT_SENT))),
            code=draw(st.sampled_from(CODES)),
        )
        for ordinal in range(1, draw(st.integers(1, MAX_ATTEMPTS)))
    ]
    status = draw(st.sampled_from(OPEN))
    asks = draw(st.integers(0, 12)) if status is not AttemptStatus.SENDING else 0
    attempts.append(
        attempt(
            len(attempts) + 1,
            status,
            asks=asks,
            not_founds=draw(st.integers(0, asks)),
            age_seconds=draw(st.integers(0, 200_000)),
        )
    )
    return payment(
        *attempts,
        accounts=draw(st.integers(len(attempts), MAX_ATTEMPTS + 2)),
        capture_method=draw(st.sampled_from(CaptureMethod)),
        code_required=draw(st.booleans()),
    )


@st.composite
def open_modifications(draw: st.DrawFn) -> Modification:
    """Draw a capture, void or refund that is not final yet."""
    open_statuses = (ModificationStatus.SENDING, ModificationStatus.UNKNOWN, ModificationStatus.PENDING)
    status = draw(st.sampled_from(open_statuses))
    asks = draw(st.integers(0, 12)) if status is not ModificationStatus.SENDING else 0
    return modification(
        status,
        kind=draw(st.sampled_from(ModificationKind)),
        asks=asks,
        not_founds=draw(st.integers(0, asks)),
        age_seconds=draw(st.integers(0, 200_000)),
    )


def modification(status: ModificationStatus = ModificationStatus.SENDING, **values: Any) -> Modification:
    defaults: dict[str, Any] = {
        "id": "ref_1",
        "payment_id": "pay_1",
        "kind": ModificationKind.REFUND,
        "account": "psp_1",
        "payment_psp_reference": "psp_9",
        "status": status,
        "amount": 50,
        "currency": "EUR",
    }
    return Modification(**defaults | values)
