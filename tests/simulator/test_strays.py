"""PSPs that change their minds: no charge that Payera was told of stays unseen, and what drops one is found."""

import pytest

from gateway_svc.domain.notices import Weight
from tests.simulator.simulation import simulate

SEEDS = 400
BUG_SEEDS = 2_000
"""Within so many a planted bug must be found."""


def test_no_charge_of_a_psp_that_changes_its_mind_stays_unseen() -> None:
    changed = seen = 0
    for seed in range(SEEDS):
        result = simulate(seed, fickle=True)
        assert not result.violation, f"\n{result}"
        story = "\n".join(result.story)
        changed += "[changed mind]" in story
        seen += "NOT_CHARGED of" in story and "CONFIRM [operator]" in story
    assert changed > SEEDS // 4
    assert seen > SEEDS // 10


def test_a_record_that_drops_late_answers_is_found() -> None:
    results = (simulate(seed, fickle=True, deaf=True) for seed in range(BUG_SEEDS))
    found = next((result for result in results if result.violation.startswith("I15")), None)
    assert found is not None
    assert "[late approval]" in str(found)


def test_a_webhook_that_is_dropped_as_known_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulator.drivers.weigh_attempt_notice", lambda *_arguments: Weight.KNOWN)
    results = (simulate(seed, fickle=True) for seed in range(BUG_SEEDS))
    found = next((result for result in results if result.violation.startswith("I15")), None)
    assert found is not None


def test_a_seed_replays_exactly() -> None:
    assert simulate(7, fickle=True) == simulate(7, fickle=True)
