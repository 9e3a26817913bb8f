"""Payments as the core may meet them, for examples and for Hypothesis."""

from typing import Any

from hypothesis import strategies as st

from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, MAX_CASCADE_SECONDS, CascadeSettings, cascadable_codes
from gateway_svc.domain.cascade_table import TABLE, DeclineClass, Voice
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
from gateway_svc.domain.resolution import Confirms, Means

OPEN = (AttemptStatus.SENDING, AttemptStatus.UNKNOWN, AttemptStatus.PENDING)
ASKED_BY_REFERENCE = Means(ask_by_reference=True, repeat_seconds=6 * 3600)
CODES = tuple(sorted({*DECLINE_MESSAGES, "never_heard_of"}))
NETWORK_CODES = ("", *sorted({row.code for row in TABLE if row.voice is Voice.NETWORK}), "ZZ")
ADVICE_CODES = ("", *sorted({row.code for row in TABLE if row.voice is Voice.ADVICE}), "40")
BRANDS = ("visa", "mastercard", "amex", "")
BEFORE_OCTOBER_2026 = 1_792_800_000_000_000
"""2026-10-24, in microseconds since the epoch."""
AFTER_OCTOBER_2026 = 1_795_680_000_000_000
"""2026-11-26."""

all_means = st.builds(
    Means,
    ask_by_reference=st.booleans(),
    ask_by_psp_reference=st.booleans(),
    ask_by_payment=st.booleans(),
    repeat_seconds=st.sampled_from((0, 300, 6 * 3600, 86_400, 45 * 86_400)),
    webhook=st.booleans(),
    reverse=st.sampled_from((None, *Confirms)),
)
references = st.sampled_from(("", "psp_1"))
outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(OutcomeKind),
    psp_reference=references,
    code=st.sampled_from(CODES),
    raw_code=st.sampled_from(("", "05")),
    network_code=st.sampled_from(NETWORK_CODES),
    advice_code=st.sampled_from(ADVICE_CODES),
)
settings = st.builds(
    CascadeSettings,
    off=st.booleans(),
    codes=st.frozensets(st.sampled_from(sorted(cascadable_codes())), max_size=3),
    classes=st.frozensets(st.sampled_from([each.value for each in DeclineClass]), max_size=2),
    max_attempts=st.integers(1, MAX_ATTEMPTS),
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
            network_code=draw(st.sampled_from(NETWORK_CODES)),
            advice_code=draw(st.sampled_from(ADVICE_CODES)),
            age_seconds=draw(st.sampled_from((0, 30, MAX_CASCADE_SECONDS, MAX_CASCADE_SECONDS + 1))),
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
        brand=draw(st.sampled_from(BRANDS)),
        begun_us=draw(st.sampled_from((0, BEFORE_OCTOBER_2026, AFTER_OCTOBER_2026))),
        cascade=draw(settings),
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
