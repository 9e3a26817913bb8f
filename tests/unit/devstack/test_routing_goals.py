"""The learner on the shipped worlds: near the oracle after the warm-up, and never much worse than the static order.

The whole worlds take minutes, and many seeds of them hours: `payera routing evaluate bench/worlds/*.json --seeds 31-50`
is for those, and docs/routing-report.md tells what came of it. Here the part of each world is played that asks most.
"""

from dataclasses import replace

import pytest

from devstack.routing.playing import LEARNER, ORACLE, STATIC, play
from devstack.routing.report import judge
from devstack.routing.world import Course, World, WorldAccount, read_world
from tests.unit.devstack.test_routing_world import SHIPPED

WORLDS = {path.stem: path for path in SHIPPED}
#: Of each world: where to begin, and how many hours to play, the first of them to warm up.
PARTS = {
    "cold-start": (8, 16, 12),
    "drift": (24, 20, 4),
    "fees": (0, 6, 3),
    "first-is-best": (0, 9, 5),
    "low-volume": (0, 360, 200),
    "segments": (0, 24, 16),
    "stationary": (0, 16, 12),
    "sudden-outage": (18, 24, 2),
}


def part(name: str, begin: float, hours: float, warm_up_hours: float) -> World:
    """Cut a world to some of its hours; it begins as if nothing had been before."""

    def later(course: Course) -> Course:
        return Course(tuple(hour - begin for hour in course.hours), course.chances)

    def cut(account: WorldAccount) -> WorldAccount:
        return replace(
            account,
            from_hour=max(0.0, account.from_hour - begin),
            approval={segment: later(course) for segment, course in account.approval.items()},
            technical=later(account.technical),
        )

    world = read_world(WORLDS[name])
    return replace(
        world, hours=hours, warm_up_hours=warm_up_hours, accounts=tuple(cut(account) for account in world.accounts)
    )


@pytest.mark.parametrize("name", WORLDS)
def test_the_goals_are_reached_in_each_world(name: str) -> None:
    judged = judge(play(part(name, *PARTS[name])))
    assert judged.near_the_oracle, judged
    assert judged.safe, judged


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_an_outage_is_left_within_a_few_payments(seed: int) -> None:
    """In the outage's first half hour (250 payments) most of what static priority loses is saved."""
    played = play(part("sudden-outage", 22, 2.5, 2), seed).played
    lost = {name: played[ORACLE].warm.expected - played[name].warm.expected for name in (LEARNER, STATIC)}
    assert lost[STATIC] > 200
    assert lost[LEARNER] < lost[STATIC] * 0.2
