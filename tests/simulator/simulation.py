"""Runs one seed to its end and tells its story."""

from dataclasses import dataclass

from gateway_svc.domain import core
from gateway_svc.domain.payment import PaymentStatus
from tests.simulator.books import IllegalTransition
from tests.simulator.drivers import Drivers, Judge, merchant
from tests.simulator.invariants import Violation, check_end, check_step
from tests.simulator.world import World

MAX_STEPS = 200_000


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
) -> Result:
    """Play one seed; the same seed plays exactly the same.

    Not ``guarded`` plants a bug in the books, ``trusting`` and ``hasty`` ones in the drivers.
    """
    world = World(seed, guarded=guarded)
    drivers = Drivers(world, judge, trusting=trusting, hasty=hasty)
    seen: dict[str, PaymentStatus] = {}
    world.start("sweep", drivers.sweep(), may_crash=False)
    for number in range(world.random.randint(1, 3)):
        world.start(f"merchant {number}", merchant(world, drivers, number), may_crash=False)
    violation, steps = "", 0
    try:
        while world.run_one():
            steps += 1
            check_step(world, drivers, seen)
            if steps > MAX_STEPS:
                raise Violation("I10: the world never comes to rest")
        check_end(world)
    except (Violation, IllegalTransition) as error:
        violation = str(error)
    crashes = sum("CRASH" in line for line in world.story)
    return Result(seed, violation, tuple(world.story), steps, crashes)
