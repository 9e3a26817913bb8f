"""The simulator over the real core: thousands of seeds hold, planted bugs are found, a seed replays exactly."""

from collections import Counter
from dataclasses import replace

import pytest

from gateway_svc.domain import core
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, Payment
from tests.simulator.drivers import Judge
from tests.simulator.simulation import Result, simulate

SEEDS = 2_000


def unknown_is_declined(payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> core.AttemptVerdict:
    """Planted: a timeout counts as an issuer that is out of reach, so the payment cascades."""
    if outcome.kind is OutcomeKind.UNKNOWN:
        outcome = Outcome(OutcomeKind.DECLINED, code="issuer_unavailable")
    return core.judge_attempt(payment, attempt, outcome, asked=asked)


def not_found_is_declined(payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> core.AttemptVerdict:
    """Planted: one "not found" is believed."""
    if outcome.kind is OutcomeKind.NOT_FOUND:
        outcome = Outcome(OutcomeKind.DECLINED, code="psp_unavailable", psp_reference="none")
    return core.judge_attempt(payment, attempt, outcome, asked=asked)


def unsent_ask_is_unsent_payment(
    payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool
) -> core.AttemptVerdict:
    """Planted: an ask that did not reach the PSP is taken for an authorization that did not."""
    if asked and outcome.kind is OutcomeKind.NOT_SENT:
        # With a reference, as otherwise the books would not believe it either.
        outcome = replace(outcome, kind=OutcomeKind.DECLINED, psp_reference="none")
    return core.judge_attempt(payment, attempt, outcome, asked=asked)


def refused_repetition_is_declined(
    payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool
) -> core.AttemptVerdict:
    """Planted: a repetition that the PSP turned away at the door counts as a decline of the first call."""
    if outcome.kind is OutcomeKind.DECLINED:
        outcome = replace(outcome, psp_reference=outcome.psp_reference or "none")
    return core.judge_attempt(payment, attempt, outcome, asked=asked)


def required_code_is_forgotten(
    payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool
) -> core.AttemptVerdict:
    """Planted: a decline cascades although the code went with it."""
    return core.judge_attempt(replace(payment, code_required=False), attempt, outcome, asked=asked)


def test_2000_seeds_hold_every_invariant_and_meet_every_situation() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        result = simulate(seed)
        assert not result.violation, f"\n{result}"
        met.update(_situations(result))
    for situation in (
        "crash",
        "cascade",
        "unknown",
        "repeat",
        "not found",
        "replay",
        "in flight",
        "refused",
        "late",
        "turned away",
        "frozen",
        "webhook",
        "no webhook",
        "pending",
        "review",
        "no code",
        "keep",
        "keep again",
    ):
        assert met[situation] >= 50, f"the simulator hardly meets `{situation}`: {met}"


BUGS = (
    unknown_is_declined,
    not_found_is_declined,
    unsent_ask_is_unsent_payment,
    refused_repetition_is_declined,
    required_code_is_forgotten,
)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_within_2000_seeds_and_told_as_a_story(bug: Judge) -> None:
    found = next((result for seed in range(SEEDS) if (result := simulate(seed, bug)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I1", "I2", "I3", "I4", "I5", "I10", "I11"}
    assert f"seed {found.seed}" in str(found)
    assert "VIOLATION" in str(found)


def test_a_late_answer_that_is_believed_without_a_look_at_what_came_since_is_found() -> None:
    found = next((result for seed in range(SEEDS) if (result := simulate(seed, guarded=False)).violation), None)
    assert found is not None
    assert "[frozen]" in str(found)


def test_a_repetition_after_the_psp_has_forgotten_the_key_is_found() -> None:
    found = next((result for seed in range(SEEDS) if (result := simulate(seed, trusting=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I2", "I5"}


def test_a_vault_that_counts_as_told_before_it_has_answered_is_found() -> None:
    found = next((result for seed in range(SEEDS) if (result := simulate(seed, hasty=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] == "I12"


def test_a_seed_replays_exactly() -> None:
    for seed in (3, 141, 592):
        assert simulate(seed) == simulate(seed)


def _situations(result: Result) -> set[str]:
    story = "\n".join(result.story)
    signs = {
        "crash": "CRASH",
        "cascade": "_2 to ",
        "unknown": "UNKNOWN",
        "not found": "NOT_FOUND",
        "replay": "REPLAYED",
        "in flight": "IN_FLIGHT",
        "refused": "[refused]",
        "late": "[late]",
        "turned away": "[turned away]",
        "frozen": "[frozen]",
        "webhook": "[webhook]",
        "no webhook": "[no webhook]",
        "pending": "PENDING",
        "review": "[review]",
        "no code": "[no code]",
        "keep": "[keep]",
    }
    met = {situation for situation, sign in signs.items() if sign in story}
    told = [line.partition(" s  ")[2].partition(" [")[0] for line in result.story]
    sends = [text for text in told if text.startswith("authorize")]
    if len(sends) != len(set(sends)):
        met.add("repeat")
    keeps = [text for text in told if text.startswith("the vault is to keep")]
    if len(keeps) != len(set(keeps)):
        met.add("keep again")
    return met
