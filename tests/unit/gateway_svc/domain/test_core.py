"""The core's laws, over every payment, attempt and outcome that Hypothesis can think of."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_svc.domain.cascade_policy import (
    MAX_ATTEMPTS,
    MAX_CASCADE_SECONDS,
    CascadeSettings,
    Decline,
    may_cascade,
    row_for,
)
from gateway_svc.domain.cascade_table import Cascade
from gateway_svc.domain.core import (
    CODES_OF_THE_TOKEN,
    NOBODY_KNOWS,
    OPEN_ATTEMPTS,
    OPEN_MODIFICATIONS,
    OPEN_PAYMENTS,
    AskAttempt,
    AwaitAttempt,
    CancelAttempt,
    Done,
    Doubt,
    DoubtAttempt,
    RepeatAttempt,
    ReverseAttempt,
    ReviewAttempt,
    StartAttempt,
    judge_attempt,
    judge_modification,
    next_candidate,
    next_modification_step,
    next_step,
)
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    ATTEMPT_TRANSITIONS,
    MODIFICATION_TRANSITIONS,
    PAYMENT_TRANSITIONS,
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)
from gateway_svc.domain.resolution import Ask, Await, Means, Repeat, Review
from tests.unit.gateway_svc.domain.payments import (
    AFTER_OCTOBER_2026,
    ASKED_BY_REFERENCE,
    CODES,
    all_means,
    attempt,
    modification,
    open_modifications,
    open_payments,
    outcomes,
    payment,
)


def judged(before: Payment, outcome: Outcome, *, asked: bool) -> Payment:
    """Give the payment as the verdict leaves it."""
    last = before.attempts[-1]
    verdict = judge_attempt(before, last, outcome, asked=asked)
    after = replace(
        last,
        status=verdict.attempt_status,
        code=verdict.code,
        network_code=outcome.network_code,
        advice_code=outcome.advice_code,
        asks=last.asks + asked,
        not_founds=last.not_founds + 1 if verdict.not_found else 0,
    )
    return replace(before, status=verdict.payment_status, attempts=(*before.attempts[:-1], after))


@given(before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_every_verdict_is_a_legal_step(before: Payment, outcome: Outcome, *, asked: bool) -> None:
    after = judged(before, outcome, asked=asked)
    was, now = before.attempts[-1].status, after.attempts[-1].status
    assert (was is now and now in OPEN_ATTEMPTS) or now in ATTEMPT_TRANSITIONS[was]
    assert after.status is PaymentStatus.PROCESSING or after.status in PAYMENT_TRANSITIONS[PaymentStatus.PROCESSING]


@given(before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_only_a_definite_answer_ends_an_attempt(before: Payment, outcome: Outcome, *, asked: bool) -> None:
    last = before.attempts[-1]
    status = judged(before, outcome, asked=asked).attempts[-1].status
    first_call = not asked and not last.asks and last.status is not AttemptStatus.PENDING
    acknowledged = outcome.kind is OutcomeKind.PENDING or last.status is AttemptStatus.PENDING
    unsure = AttemptStatus.PENDING if acknowledged else AttemptStatus.UNKNOWN
    expected = {
        OutcomeKind.APPROVED: AttemptStatus.APPROVED,
        OutcomeKind.DECLINED: AttemptStatus.DECLINED,
        OutcomeKind.NOT_SENT: AttemptStatus.NOT_SENT,
        OutcomeKind.ACTION_REQUIRED: AttemptStatus.ACTION_REQUIRED,
    }.get(outcome.kind, unsure)
    if outcome.kind is OutcomeKind.NOT_SENT and (not first_call or last.status is AttemptStatus.UNKNOWN):
        expected = unsure
    turned_away = not outcome.psp_reference or outcome.code == "duplicate_transaction"
    if outcome.kind is OutcomeKind.DECLINED and not first_call and turned_away:
        expected = unsure
    assert status is expected


@given(means=all_means, before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_an_unknown_attempt_keeps_its_payment_open_and_never_cascades(
    before: Payment, outcome: Outcome, means: Means, *, asked: bool
) -> None:
    after = judged(before, outcome, asked=asked)
    if after.attempts[-1].status in OPEN_ATTEMPTS:
        assert after.status is PaymentStatus.PROCESSING
        step = next_step(after, means)
        asking = AskAttempt | DoubtAttempt | RepeatAttempt | AwaitAttempt
        assert isinstance(step, asking | ReverseAttempt | CancelAttempt | ReviewAttempt)
        if after.attempts[-1].status in {AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}:
            assert not isinstance(step, RepeatAttempt)


@given(means=all_means, before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_a_cascade_follows_a_cascadable_decline_or_an_unsent_call_only(
    before: Payment, outcome: Outcome, means: Means, *, asked: bool
) -> None:
    after = judged(before, outcome, asked=asked)
    step = next_step(after, means)
    if isinstance(step, StartAttempt):
        last = after.attempts[-1]
        assert last.status in {AttemptStatus.DECLINED, AttemptStatus.NOT_SENT}
        if last.status is AttemptStatus.DECLINED:
            decline = Decline(last.code, last.network_code, last.advice_code, after.brand)
            row = row_for(decline, after.begun_us)
            assert row.cascade is not Cascade.NEVER
            assert after.cascade.allows(decline, row)
            assert not after.code_required
        assert after.attempts[0].age_seconds <= MAX_CASCADE_SECONDS
        assert step.ordinal <= after.cascade.max_attempts
        assert step.ordinal == len(after.attempts) + 1 <= MAX_ATTEMPTS
        assert step.account not in {each.account for each in after.attempts}
        assert step.account in {candidate.account for candidate in after.candidates}


@given(means=all_means, before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_verdict_and_next_step_agree(before: Payment, outcome: Outcome, means: Means, *, asked: bool) -> None:
    """A payment left PROCESSING by a definite answer has an attempt to follow, and a final one has nothing to do."""
    after = judged(before, outcome, asked=asked)
    if after.status is not PaymentStatus.PROCESSING:
        assert next_step(after, means) == Done()
    elif after.attempts[-1].status not in OPEN_ATTEMPTS:
        assert isinstance(next_step(after, means), StartAttempt)


@given(before=open_payments(), outcome=outcomes, asked=st.booleans())
def test_a_payment_ends_as_its_attempts_did(before: Payment, outcome: Outcome, *, asked: bool) -> None:
    after = judged(before, outcome, asked=asked)
    statuses = [each.status for each in after.attempts]
    if statuses[-1] is AttemptStatus.APPROVED:
        automatic = after.capture_method is CaptureMethod.AUTOMATIC
        assert after.status is (PaymentStatus.SUCCEEDED if automatic else PaymentStatus.AUTHORIZED)
    elif after.status is not PaymentStatus.PROCESSING:
        declined = AttemptStatus.DECLINED in statuses
        assert after.status is (PaymentStatus.DECLINED if declined else PaymentStatus.FAILED)


@given(
    means=all_means,
    before=open_payments(),
    answers=st.lists(st.tuples(outcomes, st.booleans()), min_size=1, max_size=40),
)
def test_whatever_is_answered_states_only_move_forward_and_attempts_are_bounded(
    before: Payment, means: Means, answers: list[tuple[Outcome, bool]]
) -> None:
    now = before
    for outcome, asked in answers:
        step = next_step(now, means)
        if isinstance(step, Done | ReviewAttempt):
            break
        if isinstance(step, StartAttempt):
            now = replace(now, attempts=(*now.attempts, attempt(step.ordinal)))
        earlier = now.attempts[:-1]
        now = judged(now, outcome, asked=asked or not isinstance(step, StartAttempt))
        assert now.attempts[:-1] == earlier
        assert len(now.attempts) <= MAX_ATTEMPTS
        assert sum(each.status is AttemptStatus.APPROVED for each in now.attempts) <= 1
        assert all(each.status in {AttemptStatus.DECLINED, AttemptStatus.NOT_SENT} for each in now.attempts[:-1])


@given(means=all_means, before=open_payments())
def test_no_attempt_is_repeated_once_its_key_may_be_forgotten(before: Payment, means: Means) -> None:
    step = next_step(before, means)
    if isinstance(step, RepeatAttempt):
        assert step.attempt.age_seconds * 1000 + step.delay_ms < means.repeat_seconds * 500


@given(means=all_means, before=open_payments(), status=st.sampled_from(PaymentStatus))
def test_what_is_final_or_under_review_is_left_alone(before: Payment, means: Means, status: PaymentStatus) -> None:
    assert next_step(replace(before, under_review=True), means) == Done()
    if status not in OPEN_PAYMENTS:
        assert next_step(replace(before, status=status), means) == Done()


@given(before=open_modifications(), outcome=outcomes, asked=st.booleans())
def test_every_verdict_on_a_modification_is_legal_and_definite(
    before: Modification, outcome: Outcome, *, asked: bool
) -> None:
    status = judge_modification(before, outcome, asked=asked).status
    assert (before.status is status and status in OPEN_MODIFICATIONS) or status in MODIFICATION_TRANSITIONS[
        before.status
    ]
    if status is ModificationStatus.SUCCEEDED:
        assert outcome.kind is OutcomeKind.APPROVED
    if status is ModificationStatus.FAILED:
        assert outcome.kind in {OutcomeKind.DECLINED, OutcomeKind.NOT_SENT}
        if asked or before.asks:
            assert outcome.kind is OutcomeKind.DECLINED
            assert outcome.psp_reference
            assert outcome.code != "duplicate_transaction"


@given(means=all_means, before=open_modifications())
def test_an_open_modification_is_settled_by_asking_first_where_its_psp_can_be_asked(
    before: Modification, means: Means
) -> None:
    step = next_modification_step(before, means)
    assert step != Done()
    assert isinstance(step, Ask | Doubt | Repeat | Await | Review)
    if isinstance(step, Repeat):
        assert before.status is ModificationStatus.UNKNOWN
    if before.status is ModificationStatus.SENDING and means.ask_by_reference:
        assert isinstance(step, Ask)
    if isinstance(step, Repeat):
        assert before.status is not ModificationStatus.PENDING
        assert before.age_seconds * 1000 + step.delay_ms < means.repeat_seconds * 500


@pytest.mark.parametrize("status", [ModificationStatus.SUCCEEDED, ModificationStatus.FAILED])
def test_a_final_modification_is_left_alone(status: ModificationStatus) -> None:
    assert next_modification_step(modification(status), ASKED_BY_REFERENCE) == Done()
    assert next_modification_step(modification(under_review=True), ASKED_BY_REFERENCE) == Done()


@given(codes=st.lists(st.sampled_from(CODES), max_size=MAX_ATTEMPTS + 2).map(tuple))
def test_a_code_that_allows_one_cascade_allows_one(codes: tuple[str, ...]) -> None:
    declines = [Decline(code) for code in codes]
    rows = [row_for(decline, AFTER_OCTOBER_2026) for decline in declines]
    once = [row for row in rows if row.cascade is Cascade.ONCE]
    if may_cascade(declines, AFTER_OCTOBER_2026):
        assert rows[-1].cascade is not Cascade.NEVER
        assert rows[-1].cascade is Cascade.ALWAYS or len(once) == 1


@pytest.mark.parametrize(("age_seconds", "goes_on"), [(MAX_CASCADE_SECONDS, True), (MAX_CASCADE_SECONDS + 1, False)])
def test_no_attempt_follows_when_the_payment_began_too_long_ago(age_seconds: int, *, goes_on: bool) -> None:
    declined = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="issuer_unavailable")
    unsent = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
    begun = payment(attempt(1, age_seconds=age_seconds))
    for outcome, end in ((declined, PaymentStatus.DECLINED), (unsent, PaymentStatus.FAILED)):
        after = judged(begun, outcome, asked=False)
        assert after.status is (PaymentStatus.PROCESSING if goes_on else end)


def test_a_merchant_that_cascades_nothing_still_moves_on_from_what_was_not_sent() -> None:
    declined = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code="issuer_unavailable")
    unsent = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
    off = payment(cascade=CascadeSettings(off=True))
    assert judged(off, declined, asked=False).status is PaymentStatus.DECLINED
    assert judged(off, unsent, asked=False).status is PaymentStatus.PROCESSING
    single = payment(cascade=CascadeSettings(max_attempts=1))
    assert judged(single, declined, asked=False).status is PaymentStatus.DECLINED
    assert judged(single, unsent, asked=False).status is PaymentStatus.FAILED


def test_a_payment_that_a_networks_rule_stopped_has_no_attempt_and_nothing_left_to_do() -> None:
    stopped = replace(payment(), attempts=(), status=PaymentStatus.DECLINED)
    assert next_step(stopped, ASKED_BY_REFERENCE) == Done()


def test_an_attempt_found_in_sending_is_asked_for_and_not_sent_again() -> None:
    begun = payment(attempt(age_seconds=30))
    assert isinstance(next_step(begun, ASKED_BY_REFERENCE), AskAttempt)


def test_what_may_still_be_sent_is_recorded_as_unknown_before_it_is_repeated() -> None:
    """Else a late "not sent" of the first call would cascade while the repetition is on its way."""
    repeated_only = Means(repeat_seconds=86_400)
    begun = payment(attempt(age_seconds=30))
    assert next_step(begun, repeated_only) == DoubtAttempt(begun.attempts[0])
    doubted = judged(begun, NOBODY_KNOWS, asked=True)
    assert isinstance(next_step(doubted, repeated_only), RepeatAttempt)
    unsent = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
    assert judged(doubted, unsent, asked=False).attempts[-1].status is AttemptStatus.UNKNOWN
    assert next_modification_step(modification(), repeated_only) == Doubt()
    assert next_modification_step(modification(ModificationStatus.UNKNOWN), repeated_only) == Repeat(200)


@pytest.mark.parametrize("code", ["do_not_honor", "issuer_unavailable", "psp_unavailable"])
def test_where_the_code_is_required_the_first_decline_ends_the_payment(code: str) -> None:
    """The vault gave the code for the attempt that was declined: another PSP would have to be asked without it."""
    declined = Outcome(OutcomeKind.DECLINED, psp_reference="psp_1", code=code)
    assert isinstance(next_step(judged(payment(), declined, asked=False), ASKED_BY_REFERENCE), StartAttempt)
    after = judged(payment(code_required=True), declined, asked=False)
    assert after.status is PaymentStatus.DECLINED
    assert next_step(after, ASKED_BY_REFERENCE) == Done()


def test_where_the_code_is_required_a_call_that_was_not_sent_still_moves_on() -> None:
    """Mostly the vault was not asked; where it was, the next account's connector says that the code is gone."""
    unsent = Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable")
    after = judged(payment(code_required=True), unsent, asked=False)
    assert next_step(after, ASKED_BY_REFERENCE) == StartAttempt(2, "psp_2", "ranked")


@pytest.mark.parametrize("code_required", [False, True])
@pytest.mark.parametrize("psp_reference", ["", "psp_1"])
def test_a_missing_code_ends_the_payment_at_once(psp_reference: str, *, code_required: bool) -> None:
    missing = Outcome(OutcomeKind.DECLINED, psp_reference=psp_reference, code="cvc_required")
    after = judged(payment(code_required=code_required), missing, asked=False)
    assert (after.status, after.attempts[-1].status) == (PaymentStatus.DECLINED, AttemptStatus.DECLINED)
    assert next_step(after, ASKED_BY_REFERENCE) == Done()


def test_a_missing_code_says_nothing_of_a_first_call_that_may_have_been_sent() -> None:
    missing = Outcome(OutcomeKind.DECLINED, code="cvc_required")
    begun = payment(attempt(1, AttemptStatus.UNKNOWN, asks=1), code_required=True)
    assert judged(begun, missing, asked=True).status is PaymentStatus.PROCESSING


@pytest.mark.parametrize("code", sorted(CODES_OF_THE_TOKEN))
def test_a_token_that_can_not_be_used_is_tried_nowhere_else(code: str) -> None:
    unsent = Outcome(OutcomeKind.NOT_SENT, code=code)
    after = judged(payment(), unsent, asked=False)
    assert (after.status, next_step(after, ASKED_BY_REFERENCE)) == (PaymentStatus.FAILED, Done())
    declined = attempt(1, AttemptStatus.DECLINED, code="do_not_honor")
    after = judged(payment(declined, attempt(2)), unsent, asked=False)
    assert after.status is PaymentStatus.DECLINED


def test_candidates_are_tried_in_their_order_and_once() -> None:
    declined = attempt(1, AttemptStatus.DECLINED, code="psp_unavailable")
    assert next_step(payment(declined), ASKED_BY_REFERENCE) == StartAttempt(2, "psp_2", "ranked")
    assert next_candidate(payment(declined, accounts=1)) is None
    tried: list[Attempt] = [attempt(number, AttemptStatus.NOT_SENT) for number in range(1, MAX_ATTEMPTS + 1)]
    assert next_candidate(payment(*tried, accounts=MAX_ATTEMPTS + 1)) is None


@pytest.mark.parametrize("asked", [False, True])
def test_a_repetition_taken_for_a_duplicate_is_no_decline_of_the_first_call(*, asked: bool) -> None:
    """The PSP says that it has this operation: that is the opposite of having declined it."""
    duplicate = Outcome(OutcomeKind.DECLINED, psp_reference="psp_2", code="duplicate_transaction", raw_code="94")
    open_payment = payment(attempt(1, AttemptStatus.UNKNOWN, asks=2, not_founds=2))
    last = open_payment.attempts[-1]
    assert judge_attempt(open_payment, last, duplicate, asked=asked).attempt_status is AttemptStatus.UNKNOWN
    refund = modification(ModificationStatus.UNKNOWN, asks=2, not_founds=2)
    assert judge_modification(refund, duplicate, asked=asked).status is ModificationStatus.UNKNOWN


@pytest.mark.parametrize("amount", [1, 1049, 1051, 105000])
def test_an_approval_of_another_amount_is_unknown(amount: int) -> None:
    begun = payment()
    other = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1", amount=amount)
    verdict = judge_attempt(begun, begun.attempts[0], other, asked=False)
    assert (verdict.attempt_status, verdict.payment_status) == (AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING)
    assert verdict.code == "amount_mismatch"
    for kind in (ModificationKind.CAPTURE, ModificationKind.REFUND):
        judged_so = judge_modification(modification(kind=kind), other, asked=False)
        assert judged_so.status is ModificationStatus.UNKNOWN


def test_an_approval_of_the_amount_and_of_none_is_one() -> None:
    begun = payment()
    for amount in (0, begun.amount):
        same = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1", amount=amount)
        assert judge_attempt(begun, begun.attempts[0], same, asked=False).attempt_status is AttemptStatus.APPROVED
    # What a PSP says of a void's amount is that of the authorization.
    void = modification(kind=ModificationKind.VOID, amount=0)
    released = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1", amount=1050)
    assert judge_modification(void, released, asked=False).status is ModificationStatus.SUCCEEDED


def test_a_first_call_that_is_declined_as_a_duplicate_is_declined() -> None:
    duplicate = Outcome(OutcomeKind.DECLINED, psp_reference="psp_2", code="duplicate_transaction", raw_code="94")
    begun = payment()
    assert judge_attempt(begun, begun.attempts[0], duplicate, asked=False).payment_status is PaymentStatus.DECLINED
