"""Ranking by what was learnt: reasons, bounds of exploration, breakers, and the same answer everywhere."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_svc.domain.decision import Scored
from router_svc.domain.facts import FeeSchedule
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.ruleset import Ranking, Strategy
from router_svc.domain.scoring import LearningScorer
from tests.unit.router_svc.observations import account, observations, payment, seen

NAMES = ("alpha", "beta", "gamma")
SUCCESS = Strategy(Ranking.SUCCESS_RATE)
EXPLORING = Strategy(Ranking.SUCCESS_RATE, explore_ppm=50_000)


def scorer(events: Sequence[Observation] = (), settings: LearningSettings | None = None) -> LearningScorer:
    learning, health = Learning(settings or LearningSettings()), Health(HealthSettings())
    for event in events:
        learning.observe(event)
        health.observe(event)
    return LearningScorer(learning, health)


def known(rates: dict[str, int], count: int = 600) -> list[Observation]:
    """Make `count` outcomes for each account, with so many approved of a hundred."""
    return [
        seen(
            place * count + number,
            Taught.APPROVED if number * 37 % 100 < rate else Taught.DECLINED,
            seconds=number,
            account=name,
        )
        for place, (name, rate) in enumerate(rates.items())
        for number in range(count)
    ]


def order(scored: Sequence[Scored]) -> list[str]:
    return [each.account for each in scored]


def test_the_account_that_approves_most_comes_first() -> None:
    ask = scorer(known({"alpha": 80, "beta": 95, "gamma": 88}))
    scored = ask(payment(seconds=600), [account(name) for name in NAMES], SUCCESS)
    assert order(scored) == ["beta", "gamma", "alpha"]
    assert all(each.eligible and not each.explored for each in scored)


def test_the_reason_says_what_it_is_based_on() -> None:
    ask = scorer(known({"alpha": 90}, 1_240))
    fees = FeeSchedule(fixed={"EUR": 42, "JPY": 7})
    scored = ask(payment(seconds=1_240), [account("alpha", fees=fees), account("beta", fees=fees)], SUCCESS)
    assert scored[0].reason == "approval 90.0 % from 1,240 payments of visa EUR FR credit 424242; fee 0.42 EUR"
    assert scored[1].reason.startswith("approval 8")
    assert scored[1].reason.endswith(", assumed; fee 0.42 EUR")
    assert scored[0].fee == 42
    assert scored[0].approval_ppm == pytest.approx(900_000, abs=2_000)
    yen = ask(payment(currency="JPY", bin=""), [account("alpha", fees=fees)], SUCCESS)
    assert yen[0].reason.endswith("; fee 7 JPY")


def test_the_order_given_decides_where_nothing_is_known() -> None:
    assert order(scorer()(payment(), [account(name) for name in NAMES], SUCCESS)) == list(NAMES)


def test_the_first_account_is_not_left_for_a_difference_within_doubt() -> None:
    ask = scorer(known({"alpha": 90, "beta": 91}, 100))
    assert order(ask(payment(seconds=100), [account("alpha"), account("beta")], SUCCESS))[0] == "alpha"
    assert order(ask(payment(seconds=100), [account("beta"), account("alpha")], SUCCESS))[0] == "beta"


def test_least_cost_ranks_by_fee_within_the_guard_rail() -> None:
    ask = scorer(known({"alpha": 93, "beta": 92, "gamma": 70}))
    accounts = [
        account("alpha", fees=FeeSchedule(percentage_ppm=20_000)),
        account("beta", fees=FeeSchedule(percentage_ppm=10_000)),
        account("gamma", fees=FeeSchedule(percentage_ppm=1_000)),
    ]
    assert order(ask(payment(seconds=600), accounts, Strategy(Ranking.LEAST_COST))) == ["beta", "alpha", "gamma"]


def test_weighted_exchanges_points_of_approval_for_points_of_fee() -> None:
    ask = scorer(known({"alpha": 93, "beta": 90}))
    accounts = [
        account("alpha", fees=FeeSchedule(percentage_ppm=60_000)),
        account("beta", fees=FeeSchedule(percentage_ppm=10_000)),
    ]
    first = {
        weight: order(ask(payment(seconds=600), accounts, Strategy(Ranking.WEIGHTED, success_weight=weight)))[0]
        for weight in (0, 50, 100)
    }
    assert first == {0: "beta", 50: "beta", 100: "alpha"}


def test_a_sudden_outage_that_shows_as_declines_is_left_within_a_few_payments() -> None:
    events = known({"alpha": 95, "beta": 88})
    outage = [seen(5_000 + number, Taught.DECLINED, seconds=600 + number) for number in range(6)]
    accounts = [account("alpha"), account("beta")]
    assert order(scorer(events)(payment(seconds=606), accounts, SUCCESS))[0] == "alpha"
    assert order(scorer([*events, *outage])(payment(seconds=606), accounts, SUCCESS))[0] == "beta"


def test_priority_keeps_the_order_and_never_explores() -> None:
    ask = scorer(known({"alpha": 10, "beta": 95}))
    strategy = Strategy(Ranking.PRIORITY, explore_ppm=1_000_000)
    assert order(ask(payment(), [account("alpha"), account("beta")], strategy)) == ["alpha", "beta"]


def test_a_turned_away_account_comes_last_and_is_not_eligible() -> None:
    broken = [seen(5_000 + number, Taught.TECHNICAL, seconds=600 + number / 10) for number in range(700)]
    ask = scorer([*known({"alpha": 95, "beta": 88}), *broken])
    explore_all = Strategy(Ranking.SUCCESS_RATE, explore_ppm=1_000_000)
    for number in range(300):
        scored = ask(payment(number, seconds=670), [account(name) for name in NAMES], explore_all)
        assert scored[-1].account == "alpha"
        assert not scored[-1].eligible
        assert scored[-1].reason.startswith("technical errors: not used until ")
        assert not scored[-1].explored


def test_exploration_keeps_to_its_share() -> None:
    ask = scorer(known({"alpha": 90}))
    accounts = [account("alpha"), account("beta")]
    explored = sum(ask(payment(number, seconds=600), accounts, EXPLORING)[0].explored for number in range(4_000))
    assert explored == pytest.approx(200, abs=60)


def test_exploration_is_rarer_the_more_it_is_expected_to_lose() -> None:
    settings = LearningSettings(explore_loss_ppm=4_000)
    ask = scorer(known({"alpha": 90, "beta": 10}), settings)
    accounts = [account("alpha"), account("beta")]
    explored = sum(ask(payment(number, seconds=600), accounts, EXPLORING)[0].explored for number in range(8_000))
    # 0.4 % of approvals over a loss of 0.8 each: half a percent of payments.
    assert explored == pytest.approx(40, abs=25)


def test_exploration_is_told() -> None:
    ask = scorer(known({"alpha": 90}))
    strategy = Strategy(Ranking.SUCCESS_RATE, explore_ppm=1_000_000)
    scored = next(
        found
        for number in range(1_000)
        if (found := ask(payment(number, seconds=600), [account("alpha"), account("beta")], strategy))[0].explored
    )
    assert scored[0].account == "beta"
    assert scored[0].reason.endswith("; tried to learn more of it")
    assert [each.explored for each in scored] == [True, False]


strategies = st.builds(
    Strategy,
    ranking=st.sampled_from(Ranking),
    success_weight=st.integers(0, 100),
    explore_ppm=st.integers(0, 1_000_000),
)


@given(st.lists(observations(), max_size=40), strategies, st.integers(0, 1_000))
def test_the_same_payment_and_state_give_the_same_ranking(
    events: list[Observation], strategy: Strategy, number: int
) -> None:
    accounts = [account(name) for name in NAMES]
    facts = payment(number, seconds=3_600)
    one, other = scorer(events)(facts, accounts, strategy), scorer(events)(facts, accounts, strategy)
    assert list(one) == list(other)
    assert sorted(order(one)) == sorted(NAMES)
    eligible = [each.eligible for each in one]
    assert eligible == sorted(eligible, reverse=True)
    assert sum(each.explored for each in one) <= (1 if strategy.explore_ppm else 0)


def test_no_accounts_give_no_ranking() -> None:
    assert list(scorer()(payment(), [], EXPLORING)) == []
