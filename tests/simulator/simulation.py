"""Runs one seed to its end and tells its story."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway_svc.domain import core
from gateway_svc.domain.retry_governor import RetryLimit
from tests.fakes.gateway.retries import Retries
from tests.simulator.drivers import Drivers, Judge, dunning, merchant
from tests.simulator.invariants import Violation, Watch, check_end, check_step
from tests.simulator.network import LIMITS
from tests.simulator.record import IllegalTransition
from tests.simulator.routing import RoutersDisagree
from tests.simulator.strays import Strays
from tests.simulator.world import World

SEEDS_OF_THE_COMMAND = 10_000
SEEDS = int(os.environ.get("PAYERA_SIMULATOR_SEEDS", "1000"))
"""How many seeds the suite plays beside the command, which plays more."""

MAX_STEPS = 200_000
DUNNING_RATE = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """What a seed came to: the violation, if any, and the story."""

    seed: int
    violation: str
    story: tuple[str, ...]
    steps: int
    crashes: int

    def __str__(self) -> str:
        ending = f"VIOLATION {self.violation}" if self.violation else "all invariants hold"
        return "\n".join((f"seed {self.seed}", *self.story, ending))


def simulate(
    seed: int,
    judge: Judge = core.judge_attempt,
    *,
    guarded: bool = True,
    trusting: bool = False,
    hasty: bool = False,
    hurried: bool = False,
    doubling: bool = False,
    governor: Callable[[Sequence[RetryLimit]], Retries] = Retries,
    ending: bool = True,
    holding: bool = True,
    believing: bool = False,
    fickle: bool = False,
    deaf: bool = False,
) -> Result:
    """Play one seed; the same seed plays exactly the same.

    Not ``guarded`` plants a bug in the books; ``trusting``, ``hasty``, ``hurried``, ``doubling`` ones in the drivers;
    another ``governor`` one in what counts retries. Without ``ending`` a payment whose cascade is held back is left as
    it is. Not ``holding``, an approval stands while a reversal is open; ``believing``, a reversal counts as done that
    nobody has confirmed.

    In a ``fickle`` world PSPs approve what they have declined, see `strays`; ``deaf``, the books drop what a late
    answer tells of it.
    """
    world = World(seed, governor(LIMITS), guarded=guarded, ending=ending, holding=holding)
    drivers = Drivers(
        world, judge, trusting=trusting, hasty=hasty, hurried=hurried, doubling=doubling, believing=believing
    )
    world.start("sweep", drivers.sweep(), may_crash=False)
    for number in range(world.random.randint(1, 3)):
        world.start(f"merchant {number}", merchant(world, drivers, number), may_crash=False)
    if world.random.random() < DUNNING_RATE:
        for number in range(world.random.randint(1, 2)):
            world.start(f"dunning {number}", dunning(world, drivers, number), may_crash=False)
    strays = Strays(world, drivers, deaf=deaf) if fickle else None
    watch = Watch()
    violation, steps = "", 0
    try:
        while world.run_one():
            steps += 1
            if strays is not None:
                strays.check()
            check_step(world, drivers, watch)
            if steps > MAX_STEPS:
                raise Violation("I10: the world never comes to rest")
        check_end(world)
        if strays is not None:
            strays.check_end()
    except (Violation, IllegalTransition, RoutersDisagree) as error:
        violation = str(error)
    crashes = sum("CRASH" in line for line in world.story)
    return Result(seed, violation, tuple(world.story), steps, crashes)
