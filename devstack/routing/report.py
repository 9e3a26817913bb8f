"""Says how a played world came out: against the oracle, the static order and an equal split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from devstack.routing.playing import EQUAL, LEARNER, ORACLE, POLICIES, STATIC, Outcome, Tally
from mesh.currencies import exponent_of
from router_svc.domain.learning.settings import MILLION

#: After the warm-up, the learner may lose this share of what the oracle gets.
REGRET_MAX: Final = 0.02


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether the goals are reached.

    `regret` is the share of the oracle's value that the learner lost after the warm-up. `against_static` is the value
    per payment beyond the static order's over the whole time, which may be negative by `bound` at most.
    """

    regret: float
    against_static: float
    bound: float

    @property
    def near_the_oracle(self) -> bool:
        """Whether no more was lost than the goal allows."""
        return self.regret <= REGRET_MAX

    @property
    def safe(self) -> bool:
        """Whether it is not worse than the static order by more than exploration may cost."""
        return self.against_static >= -self.bound


def judge(outcome: Outcome) -> Judged:
    """Compare the learner with the references, in what the world's strategy ranks by, without luck."""
    learner, oracle, static = (outcome.played[name] for name in (LEARNER, ORACLE, STATIC))
    world = outcome.world
    return Judged(
        regret=1 - learner.warm.value / oracle.warm.value,
        against_static=(learner.whole.value - static.whole.value) / learner.whole.payments,
        bound=min(world.strategy.explore_ppm, world.learning.explore_loss_ppm) / MILLION,
    )


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Give the report as JSON has it; rates are shares of 1, fees in minor units."""
    judged = judge(outcome)
    return {
        "world": outcome.world.name,
        "seed": outcome.seed,
        "payments": outcome.played[LEARNER].whole.payments,
        "ranking": outcome.world.strategy.ranking.value,
        "explore_ppm": outcome.world.strategy.explore_ppm,
        "policies": {
            name: {"whole": _tally(outcome.played[name].whole), "after_warm_up": _tally(outcome.played[name].warm)}
            for name in POLICIES
        },
        "regret": round(judged.regret, 5),
        "regret_max": REGRET_MAX,
        "against_static": round(judged.against_static, 5),
        "against_static_min": -judged.bound,
        "near_the_oracle": judged.near_the_oracle,
        "safe": judged.safe,
        "decision_us": round(outcome.scoring_us, 1),
    }


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield the report for a terminal."""
    world = outcome.world
    yield f"{world.name}: {world.description}"
    yield (
        f"{outcome.played[LEARNER].whole.payments:,} payments in {world.hours:g} h, seed {outcome.seed}, "
        f"{world.strategy.ranking.value}; the table is after the warm-up of {world.warm_up_hours:g} h"
    )
    yield ""
    yield f"{'':<16}{'approved':>10}{'expected':>10}{'value':>9}{'lost':>9}{'explored':>10}  fees"
    best = outcome.played[ORACLE].warm.value
    for name in POLICIES:
        tally = outcome.played[name].warm
        yield (
            f"{name:<16}{tally.approved / tally.payments:>10.2%}{tally.expected / tally.payments:>10.2%}"
            f"{tally.value / tally.payments:>9.4f}{1 - tally.value / best:>9.2%}"
            f"{tally.explored / tally.payments:>10.2%}  {_fees(tally)}"
        )
    yield ""
    yield from _verdicts(judge(outcome))
    yield f"a decision took {outcome.scoring_us:.0f} us"


def summed_up(name: str, judged: Sequence[Judged]) -> str:
    """Give one line for a terminal of a world that was played with several seeds."""
    regrets = [each.regret for each in judged]
    return (
        f"{name}: {len(judged)} seeds, lost to the oracle {sum(regrets) / len(regrets):.2%} on average, "
        f"{max(regrets):.2%} at worst, more than {REGRET_MAX:.0%} with {_missed(judged)}; "
        f"against static priority at worst {min(each.against_static for each in judged) * 100:+.2f} points, "
        f"beyond the bound with {_unsafe(judged)}"
    )


def markdown(
    outcomes: Sequence[Outcome], plots: Sequence[str], judged: Mapping[str, Sequence[Judged]]
) -> Iterator[str]:
    """Yield the lines of docs/routing-report.md.

    `outcomes` has one for each world, `plots` their paths, `judged` how all seeds of a world came out.
    """
    seeds = max(len(each) for each in judged.values())
    first = outcomes[0].seed
    played = f" --seeds {first}-{first + seeds - 1}" if seeds > 1 else ""
    yield "# How the learning router does"
    yield ""
    yield f"Made by `payera routing evaluate bench/worlds/*.json{played} --report docs/routing-report.md`; the"
    yield "worlds and the words are explained in [routing-worlds.md](routing-worlds.md). All figures are without luck"
    yield "(the true chances of what was chosen, added up), and after the warm-up, but for the comparison with static"
    yield "priority, which is over the whole time."
    yield ""
    yield f"Goals: at most {REGRET_MAX:.0%} lost to the oracle, and not worse than static priority by more points than"
    yield "exploration may cost (0.3 if the world does not say otherwise)."
    yield ""
    yield from _over_seeds(judged)
    yield ""
    yield f"Seed {first} in full:"
    yield ""
    yield "| world | payments | learner | oracle | static priority | equal split | lost to the oracle | beyond static |"
    yield "|---|---|---|---|---|---|---|---|"
    for outcome in outcomes:
        found = judge(outcome)
        means = " | ".join(f"{_mean(outcome.played[name].warm):.2%}" for name in (LEARNER, ORACLE, STATIC, EQUAL))
        yield (
            f"| [{outcome.world.name}](#{outcome.world.name}) | {outcome.played[LEARNER].warm.payments:,} | {means} | "
            f"{found.regret:.2%}{'' if found.near_the_oracle else ' (missed)'} | "
            f"{found.against_static * 100:+.2f}{'' if found.safe else ' (missed)'} |"
        )
    for outcome, plot in zip(outcomes, plots, strict=True):
        yield ""
        yield f"## {outcome.world.name}"
        yield ""
        yield outcome.world.description
        yield ""
        yield f"![Approvals lost to the oracle over time]({plot})"
        yield ""
        yield "| | approved | expected | explored | fees |"
        yield "|---|---|---|---|---|"
        for name in POLICIES:
            tally = outcome.played[name].warm
            yield (
                f"| {name} | {tally.approved / tally.payments:.2%} | {tally.expected / tally.payments:.2%} | "
                f"{tally.explored / tally.payments:.2%} | {_fees(tally)} |"
            )


def _over_seeds(judged: Mapping[str, Sequence[Judged]]) -> Iterator[str]:
    yield "| world | seeds | lost on average | lost at worst | seeds that missed | beyond static at worst | missed |"
    yield "|---|---|---|---|---|---|---|"
    for name, each in judged.items():
        regrets = [one.regret for one in each]
        worst = min(one.against_static for one in each) * 100
        yield (
            f"| {name} | {len(each)} | {sum(regrets) / len(regrets):.2%} | {max(regrets):.2%} | {_missed(each)} | "
            f"{worst:+.2f} | {_unsafe(each)} |"
        )


def _missed(judged: Sequence[Judged]) -> int:
    return sum(not each.near_the_oracle for each in judged)


def _unsafe(judged: Sequence[Judged]) -> int:
    return sum(not each.safe for each in judged)


def _verdicts(judged: Judged) -> Iterator[str]:
    word = "reached" if judged.near_the_oracle else "MISSED"
    yield f"{word}: {judged.regret:.2%} lost to the oracle, at most {REGRET_MAX:.0%}"
    word = "reached" if judged.safe else "MISSED"
    yield (
        f"{word}: {judged.against_static * 100:+.2f} points against static priority over the whole time, "
        f"at least {-judged.bound * 100:+.2f}"
    )


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "payments": tally.payments,
        "approved": tally.approved,
        "expected": round(tally.expected, 2),
        "value": round(tally.value, 2),
        "explored": tally.explored,
        "fees": dict(sorted(tally.fees.items())),
    }


def _mean(tally: Tally) -> float:
    return tally.value / tally.payments


def _fees(tally: Tally) -> str:
    fees = []
    for currency, minor in sorted(tally.fees.items()):
        exponent = exponent_of(currency) or 0
        fees.append(f"{minor / 10**exponent:,.{exponent}f} {currency}")
    return ", ".join(fees) or "none"
