"""The simulator over the real core: thousands of seeds hold, planted bugs are found, a seed replays exactly."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gateway_svc.domain import core
from gateway_svc.domain.cascade_policy import UNRESTRICTED, Decline
from gateway_svc.domain.outcome import Outcome, OutcomeKind, details_of
from gateway_svc.domain.payment import Attempt, Payment
from gateway_svc.domain.retry_governor import DO_NOT_RETRY, RetryLimit
from tests.fakes.gateway.retries import Retries, Tried
from tests.simulator.campaign import play, play_in_processes
from tests.simulator.drivers import Judge
from tests.simulator.simulation import SEEDS, Result, simulate

BUG_SEEDS = 2_000
"""Within so many a planted bug must be found."""


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


def test_every_seed_holds_every_invariant_and_all_together_meet_every_situation() -> None:
    played = play(0, SEEDS)
    assert not played.broken, f"\n{played.broken}"
    assert not played.rare(), f"the simulator hardly meets {played.rare()}: {played.met}"


def test_over_several_processes_the_same_is_played() -> None:
    assert play_in_processes(7, 230, 3, within_seconds=600) == play(7, 230)


def test_the_first_broken_seed_is_told_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def some_break(seed: int) -> Result:
        return Result(seed, "I1: planted" if seed in {150, 320} else "", ("CRASH",), 1, 1)

    monkeypatch.setattr("tests.simulator.campaign.simulate", some_break)
    played = play_in_processes(0, 500, 2, within_seconds=600)
    assert played.broken is not None
    assert (played.broken.seed, played.seeds, played.met["crash"]) == (150, 151, 151)
    assert "repeat" in played.rare()


BUGS = (
    unknown_is_declined,
    not_found_is_declined,
    unsent_ask_is_unsent_payment,
    refused_repetition_is_declined,
    required_code_is_forgotten,
)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_within_2000_seeds_and_told_as_a_story(bug: Judge) -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, bug)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I1", "I2", "I3", "I4", "I5", "I10", "I11"}
    assert f"seed {found.seed}" in str(found)
    assert "VIOLATION" in str(found)


def test_a_late_answer_that_is_believed_without_a_look_at_what_came_since_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, guarded=False)).violation), None)
    assert found is not None
    assert "[frozen]" in str(found)


def test_a_repetition_after_the_psp_has_forgotten_the_key_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, trusting=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I2", "I5"}


def test_a_vault_that_counts_as_told_before_it_has_answered_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, hasty=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] == "I12"


def test_a_router_that_counts_twice_what_it_reads_twice_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, doubling=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] == "I14"


def test_an_operator_who_does_not_wait_for_calls_that_are_under_way_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, hurried=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I2", "I5"}


class Lenient(Retries):
    """Planted: nothing is ever held back."""

    def begin(self, tried: Tried) -> str:
        super().begin(tried)
        return ""


class Counting(Retries):
    """Planted: what must never be tried again is forgotten, only the numbers are kept."""

    def begin(self, tried: Tried) -> str:
        refusal = super().begin(tried)
        return "" if refusal == DO_NOT_RETRY else refusal


class OfOneAccount(Retries):
    """Planted: each PSP account counts for itself, as it would without a gateway."""

    def begin(self, tried: Tried) -> str:
        return super().begin(self._there(tried))

    def end(self, tried: Tried, status: str, decline: Decline, now_us: int) -> None:
        super().end(self._there(tried), status, decline, now_us)

    def _there(self, tried: Tried) -> Tried:
        return replace(tried, card_key=f"{tried.card_key} at {tried.account}")


class Forgetful(Retries):
    """Planted: an attempt counts from its end on, so that those that begin at once are not seen."""

    def begin(self, tried: Tried) -> str:
        before = self.histories.get(tried.card)
        refusal = super().begin(tried)
        if before is not None:
            self.histories[tried.card] = before
        return refusal


@pytest.mark.parametrize("governor", [Lenient, Counting, OfOneAccount, Forgetful])
def test_a_governor_that_lets_too_much_through_is_found(governor: Callable[[Sequence[RetryLimit]], Retries]) -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, governor=governor)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] == "I8"


def test_a_payment_that_nobody_ends_when_its_cascade_is_held_back_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, ending=False)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] == "I10"


def test_a_reversal_that_is_believed_before_it_is_confirmed_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, believing=True)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I2", "I5"}


def test_an_approval_that_is_believed_while_a_reversal_is_open_is_found() -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, holding=False)).violation), None)
    assert found is not None
    assert "[reversal]" in str(found)


def settings_are_forgotten(payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> core.AttemptVerdict:
    """Planted: the merchant's settings narrow nothing."""
    return core.judge_attempt(replace(payment, cascade=UNRESTRICTED), attempt, outcome, asked=asked)


def the_psps_word_is_enough(
    payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool
) -> core.AttemptVerdict:
    """Planted: what the network says is not read, only the PSP's own word."""
    verdict = core.judge_attempt(payment, attempt, replace(outcome, network_code="", advice_code=""), asked=asked)
    return replace(verdict, details=details_of(outcome))


@pytest.mark.parametrize("bug", [settings_are_forgotten, the_psps_word_is_enough])
def test_a_cascade_that_policy_or_merchant_forbid_is_found(bug: Judge) -> None:
    found = next((result for seed in range(BUG_SEEDS) if (result := simulate(seed, bug)).violation), None)
    assert found is not None
    assert found.violation.split(":")[0] in {"I8", "I13"}


def test_a_seed_replays_exactly() -> None:
    for seed in (3, 141, 592):
        assert simulate(seed) == simulate(seed)
