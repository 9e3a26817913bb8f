"""What becomes of payments that need the shopper: who acts, fails, never comes, or comes while it is cancelled."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_svc.domain.core import (
    AskAttempt,
    AwaitAttempt,
    CancelAttempt,
    Done,
    EndAttemptAction,
    PaymentStep,
    ReviewAttempt,
    judge_attempt,
    next_step,
)
from gateway_svc.domain.outcome import NextAction, Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, AttemptStatus, CancelStatus, CaptureMethod, Payment, PaymentStatus
from gateway_svc.domain.resolution import Means
from gateway_svc.domain.shopper_action import (
    CANCEL_DELAYS_MS,
    LATE_PATIENCE_SECONDS,
    SHOPPER_SECONDS,
    SHOPPER_SECONDS_MAX,
    cancel_status_of,
)
from gateway_svc.workflows.limits import STEPS_MAX
from tests.unit.gateway_svc.domain.payments import all_means, attempt, outcomes, payment

WAITING = AttemptStatus.ACTION_REQUIRED
CHALLENGE = NextAction("REDIRECT", "https://psp.example/challenge", "GET")
WAITS = Outcome(OutcomeKind.ACTION_REQUIRED, psp_reference="psp_1", next_action=CHALLENGE)
APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
CANCELLED = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="customer_canceled")
ASKED = Means(ask_by_psp_reference=True, webhook=True, cancel=True)
RETURN_URL = "https://shop.example/back"


def waiting(*, left: int = 0, **values: Any) -> Payment:
    """Give a payment whose last attempt waits for the shopper, who has ``left`` seconds, 0 for none any more."""
    status = PaymentStatus.REQUIRES_ACTION if left else PaymentStatus.PROCESSING
    last = attempt(1, WAITING, **{"psp_reference": "psp_1", **values})
    return payment(last, status=status, return_url=RETURN_URL, action_left_seconds=left)


@pytest.mark.parametrize(
    ("return_url", "outcome", "status"),
    [
        (RETURN_URL, WAITS, PaymentStatus.REQUIRES_ACTION),
        ("", WAITS, PaymentStatus.PROCESSING),
        (RETURN_URL, replace(WAITS, next_action=None), PaymentStatus.PROCESSING),
        (RETURN_URL, replace(WAITS, next_action=replace(CHALLENGE, url="")), PaymentStatus.PROCESSING),
    ],
)
def test_the_merchant_is_told_to_send_the_shopper_only_where_they_can_come_back_from(
    return_url: str, outcome: Outcome, status: PaymentStatus
) -> None:
    before = payment(attempt(), return_url=return_url)
    verdict = judge_attempt(before, before.attempts[0], outcome, asked=False)
    assert (verdict.attempt_status, verdict.payment_status) == (WAITING, status)


@given(means=all_means, outcome=outcomes, asked=st.booleans(), asks=st.integers(0, 40), left=st.integers(1, 1800))
def test_while_the_shopper_may_act_nothing_but_the_psps_word_ends_the_wait(
    means: Means, outcome: Outcome, asks: int, left: int, *, asked: bool
) -> None:
    before = waiting(left=left, asks=asks)
    verdict = judge_attempt(before, before.attempts[0], outcome, asked=asked)
    word = outcome.kind in {OutcomeKind.APPROVED, OutcomeKind.PENDING} or (
        outcome.kind is OutcomeKind.DECLINED and outcome.psp_reference and outcome.code != "duplicate_transaction"
    )
    if not word:
        assert (verdict.attempt_status, verdict.payment_status) == (WAITING, PaymentStatus.REQUIRES_ACTION)
    step = next_step(before, means)
    assert isinstance(step, AskAttempt | AwaitAttempt)
    assert step.delay_ms <= left * 1000


@pytest.mark.parametrize("code", ["insufficient_funds", "do_not_honor", "authentication_failed"])
def test_a_decline_after_the_challenge_moves_on_by_the_policy_alone(code: str) -> None:
    before = waiting(left=60)
    declined = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code=code)
    verdict = judge_attempt(before, before.attempts[0], declined, asked=True)
    moves_on = code == "do_not_honor"
    expected = PaymentStatus.PROCESSING if moves_on else PaymentStatus.DECLINED
    assert (verdict.payment_status, verdict.code) == (expected, code)


@pytest.mark.parametrize(
    ("cancel", "believed"),
    [
        (CancelStatus.NONE, True),
        (CancelStatus.REFUSED, True),
        (CancelStatus.SENT, False),
        (CancelStatus.DONE, False),
    ],
)
def test_an_approval_is_not_believed_while_the_psp_may_have_cancelled(cancel: CancelStatus, *, believed: bool) -> None:
    before = waiting(cancel=cancel, cancels=1, late_asks=1)
    for outcome in (APPROVED, Outcome(OutcomeKind.PENDING, psp_reference="psp_1")):
        verdict = judge_attempt(before, before.attempts[0], outcome, asked=True)
        assert (verdict.attempt_status is not WAITING) is believed


@pytest.mark.parametrize(
    ("cancel", "return_url", "told", "code"),
    [
        (CancelStatus.DONE, RETURN_URL, "customer_canceled", "authentication_abandoned"),
        (CancelStatus.SENT, RETURN_URL, "authorization_expired", "authentication_abandoned"),
        (CancelStatus.DONE, "", "customer_canceled", "authentication_required"),
        (CancelStatus.NONE, RETURN_URL, "authorization_expired", "authentication_abandoned"),
        (CancelStatus.NONE, RETURN_URL, "customer_canceled", "customer_canceled"),
        (CancelStatus.DONE, RETURN_URL, "insufficient_funds", "insufficient_funds"),
    ],
)
def test_the_decline_says_why_it_ended(cancel: CancelStatus, return_url: str, told: str, code: str) -> None:
    before = replace(waiting(cancel=cancel), return_url=return_url)
    verdict = judge_attempt(before, before.attempts[0], replace(CANCELLED, code=told), asked=True)
    assert (verdict.attempt_status, verdict.payment_status, verdict.code) == (
        AttemptStatus.DECLINED,
        PaymentStatus.DECLINED,
        code,
    )


@pytest.mark.parametrize(
    ("before", "outcome", "expected"),
    [
        (CancelStatus.NONE, APPROVED, CancelStatus.DONE),
        (CancelStatus.NONE, Outcome(OutcomeKind.UNKNOWN), CancelStatus.SENT),
        (CancelStatus.NONE, Outcome(OutcomeKind.PENDING, psp_reference="psp_1"), CancelStatus.SENT),
        (CancelStatus.NONE, Outcome(OutcomeKind.DECLINED), CancelStatus.REFUSED),
        (CancelStatus.SENT, Outcome(OutcomeKind.DECLINED), CancelStatus.SENT),
        (CancelStatus.SENT, Outcome(OutcomeKind.DECLINED, psp_reference="psp_1"), CancelStatus.SENT),
        (CancelStatus.REFUSED, Outcome(OutcomeKind.DECLINED, psp_reference="psp_1"), CancelStatus.REFUSED),
        (CancelStatus.NONE, Outcome(OutcomeKind.NOT_SENT), CancelStatus.REFUSED),
        (CancelStatus.SENT, Outcome(OutcomeKind.NOT_SENT), CancelStatus.SENT),
    ],
)
def test_only_a_clear_answer_says_what_became_of_a_cancelling(
    before: CancelStatus, outcome: Outcome, expected: CancelStatus
) -> None:
    assert cancel_status_of(attempt(1, WAITING, cancel=before), outcome) is expected


def test_a_psp_that_was_not_told_to_cancel_is_asked_first() -> None:
    step = next_step(waiting(), ASKED)
    assert isinstance(step, AskAttempt)
    step = next_step(waiting(late_asks=1), ASKED)
    assert isinstance(step, CancelAttempt)
    step = next_step(waiting(late_asks=1, cancel=CancelStatus.SENT, cancels=1), ASKED)
    assert isinstance(step, AskAttempt)


def test_without_a_cancelling_the_psp_is_asked_until_it_has_run_out_there() -> None:
    means = replace(ASKED, cancel=False)
    assert isinstance(next_step(waiting(late_asks=7), means), AskAttempt)
    assert isinstance(next_step(waiting(late_asks=7, age_seconds=LATE_PATIENCE_SECONDS), means), ReviewAttempt)
    assert isinstance(next_step(waiting(), Means(webhook=True)), AwaitAttempt)
    assert isinstance(next_step(waiting(), Means()), ReviewAttempt)


def test_a_time_that_is_over_is_recorded_first() -> None:
    over = replace(waiting(left=1), action_left_seconds=0)
    assert isinstance(next_step(over, ASKED), EndAttemptAction)


@dataclass
class Stage:
    """A PSP, a shopper and the record of one payment. The PSP's truth is WAITING, HELD or ENDED.

    The shopper acts at step ``acts_at``; a cancelling that is lost on its way takes effect ``lands_after`` steps later.
    """

    payment: Payment
    means: Means
    pays: bool
    acts_at: int
    lands_after: int
    now: int = 0
    truth: str = "WAITING"
    landings: list[int] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    @property
    def attempt(self) -> Attempt:
        return self.payment.attempts[0]

    def change(self, **values: Any) -> None:
        self.payment = replace(self.payment, attempts=(replace(self.attempt, **values),))

    def record(self, outcome: Outcome) -> None:
        """Record what the PSP says, as the procedures do."""
        if self.payment.status not in {PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION}:
            return
        verdict = judge_attempt(self.payment, self.attempt, outcome, asked=True)
        late = self.payment.status is PaymentStatus.PROCESSING and self.attempt.status is WAITING
        self.change(status=verdict.attempt_status, asks=self.attempt.asks + 1, late_asks=self.attempt.late_asks + late)
        self.payment = replace(self.payment, status=verdict.payment_status)

    def told(self) -> Outcome:
        return {"WAITING": WAITS, "HELD": APPROVED, "ENDED": CANCELLED}[self.truth]

    def land(self) -> Outcome:
        """Let a cancelling take effect: what was captured at once can't be cancelled any more."""
        if self.truth == "HELD" and self.payment.capture_method is CaptureMethod.AUTOMATIC:
            return Outcome(OutcomeKind.DECLINED, code="invalid_transaction")
        self.truth = "ENDED"
        return APPROVED

    def cancel(self, network: str) -> None:
        before = self.attempt
        self.change(cancel=CancelStatus.SENT, cancels=before.cancels + 1)
        outcome = Outcome(OutcomeKind.UNKNOWN)
        if network == "unreached":
            outcome = Outcome(OutcomeKind.NOT_SENT)
        elif network == "late":
            self.landings.append(len(self.steps) + self.lands_after)
        elif network == "unanswered":
            self.land()
        elif any(landing >= len(self.steps) for landing in self.landings):
            # Refused because of the first one, which the PSP is still at.
            outcome = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="invalid_transaction")
        else:
            outcome = self.land()
        self.change(cancel=cancel_status_of(before, outcome))

    def pass_time(self, delay_ms: int) -> None:
        seconds = max(1, delay_ms // 1000)
        self.now += seconds
        self.change(age_seconds=self.now)
        left = max(0, self.payment.action_left_seconds - seconds)
        self.payment = replace(self.payment, action_left_seconds=left)

    def happen(self, network: str) -> None:
        """Let happen what happens beside the steps."""
        if len(self.steps) == self.acts_at and self.truth == "WAITING":
            self.truth = "HELD" if self.pays else "ENDED"
            if network == "good" and self.means.webhook:
                self.record(self.told())
        if len(self.steps) in self.landings:
            self.land()

    def carry_out(self, step: PaymentStep, network: str) -> None:
        match step:
            case EndAttemptAction():
                self.payment = replace(self.payment, status=PaymentStatus.PROCESSING)
            case CancelAttempt(delay_ms=delay_ms):
                self.pass_time(delay_ms)
                self.cancel(network)
            case AskAttempt(delay_ms=delay_ms):
                self.pass_time(delay_ms)
                self.record(self.told() if network in {"good", "late"} else Outcome(OutcomeKind.UNKNOWN))
            case AwaitAttempt(delay_ms=delay_ms):
                self.pass_time(delay_ms)
            case _:
                raise AssertionError(step)


def play(stage: Stage, networks: list[str]) -> str:
    """Play a stage to its end; gives DONE or REVIEW."""
    for turn in range(STEPS_MAX):
        network = networks[turn % len(networks)]
        stage.happen(network)
        step = next_step(stage.payment, stage.means)
        stage.steps.append(type(step).__name__)
        if isinstance(step, Done | ReviewAttempt):
            return "DONE" if isinstance(step, Done) else "REVIEW"
        stage.carry_out(step, network)
    raise AssertionError(f"one run of a workflow does not carry it out: {stage.steps[-5:]}")


def test_a_cancelling_that_is_refused_as_another_is_under_way_lets_no_approval_be_believed() -> None:
    started = payment(attempt(1, AttemptStatus.UNKNOWN, psp_reference="psp_1"), return_url=RETURN_URL, accounts=1)
    started = replace(started, capture_method=CaptureMethod.MANUAL)
    stage = Stage(started, ASKED, pays=True, acts_at=10**6, lands_after=5)
    stage.record(WAITS)
    stage.carry_out(EndAttemptAction(stage.attempt), "good")
    stage.cancel("late")
    stage.truth = "HELD"
    for _ in range(2):
        stage.cancel("good")
        stage.record(stage.told())

    assert stage.attempt.cancel is CancelStatus.SENT
    statuses = [stage.payment.status]
    stage.land()
    stage.record(stage.told())
    statuses.append(stage.payment.status)
    assert statuses == [PaymentStatus.PROCESSING, PaymentStatus.DECLINED]


def test_one_run_of_a_workflow_waits_for_a_shopper_as_long_as_may_be_set() -> None:
    started = payment(attempt(1, AttemptStatus.UNKNOWN, psp_reference="psp_1"), return_url=RETURN_URL, accounts=1)
    stage = Stage(
        replace(started, action_left_seconds=SHOPPER_SECONDS_MAX), ASKED, pays=True, acts_at=10**6, lands_after=1
    )
    stage.record(WAITS)

    assert play(stage, ["unanswered"]) == "REVIEW"
    # One attempt of the four that a payment may have.
    assert len(stage.steps) < STEPS_MAX / 4


@settings(max_examples=300)
@given(
    networks=st.lists(st.sampled_from(("good", "good", "late", "unanswered", "unreached")), min_size=1, max_size=7),
    method=st.sampled_from(CaptureMethod),
    means=st.sampled_from((ASKED, ASKED, replace(ASKED, cancel=False), Means(webhook=True), Means())),
    return_url=st.sampled_from((RETURN_URL, "")),
    pays=st.booleans(),
    acts_at=st.integers(0, 50),
    lands_after=st.integers(1, 6),
)
def test_whatever_happens_the_record_says_what_the_psp_did(
    networks: list[str],
    method: CaptureMethod,
    means: Means,
    return_url: str,
    acts_at: int,
    lands_after: int,
    *,
    pays: bool,
) -> None:
    started = payment(attempt(1, AttemptStatus.UNKNOWN, psp_reference="psp_1"), return_url=return_url, accounts=1)
    started = replace(started, capture_method=method, action_left_seconds=SHOPPER_SECONDS)
    stage = Stage(started, means, pays=pays, acts_at=acts_at, lands_after=lands_after)
    stage.record(WAITS)
    ending = play(stage, networks)
    assert stage.attempt.cancels <= len(CANCEL_DELAYS_MS)
    # What is still under way in the network may take effect even now.
    if any(landing >= len(stage.steps) for landing in stage.landings):
        stage.land()
    held = stage.payment.status in {PaymentStatus.AUTHORIZED, PaymentStatus.SUCCEEDED}
    if ending == "DONE":
        assert held is (stage.truth == "HELD")
    else:
        assert stage.payment.status is PaymentStatus.PROCESSING, "an operator looks at what nobody could tell"
