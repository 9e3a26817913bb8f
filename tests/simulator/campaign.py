"""Plays many seeds, over several processes when asked to, and counts in how many of them each situation was met."""

import gc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.simulator.simulation import Result, simulate

#: A situation in the signs of a story; where a sign alone does not tell, `situations_of` looks closer.
SIGNS = {
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
    "operator": "[operator]",
    "asked again": "[asked again]",
    "no code": "[no code]",
    "keep": "[keep]",
    "stopped": "[stopped]",
    "held back": "[held back]",
    "passed over": "[passed over]",
    "category 1": "network code 43",
    "last advice": "advice code 03",
    "reversal": "[reversal]",
    "reversal lost": "[reversal lost]",
    "taken back": "[taken back]",
}
SITUATIONS = (*SIGNS, "repeat", "keep again")
#: Of a hundred seeds at least one meets each situation; fewer seeds than that tell nothing.
SEEDS_OF_ONE = 100
CHUNK = 100
# A world is full of cycles, all of which are garbage at its end: looking for them while it runs costs a tenth.
YOUNG_OBJECTS = 20_000


@dataclass(frozen=True, slots=True)
class Played:
    """What seeds came to: how many were played, the first that broke an invariant, how many met each situation."""

    seeds: int
    broken: Result | None
    met: Counter[str]

    def rare(self) -> tuple[str, ...]:
        """List the situations that fewer than one seed of a hundred met."""
        return tuple(each for each in SITUATIONS if self.met[each] < self.seeds // SEEDS_OF_ONE)


def play(first: int, count: int) -> Played:
    """Play the seeds from ``first`` on, up to the first that breaks an invariant."""
    met: Counter[str] = Counter()
    for seed in range(first, first + count):
        result = simulate(seed)
        met.update(situations_of(result))
        if result.violation:
            return Played(seed + 1 - first, result, met)
    return Played(count, None, met)


def play_in_processes(first: int, count: int, processes: int, within_seconds: float) -> Played:
    """Play as `play` does, over ``processes``; which of several broken seeds is told does not depend on their number.

    Raises TimeoutError when not all were played ``within_seconds``.
    """
    chunks = [(start, min(CHUNK, first + count - start)) for start in range(first, first + count, CHUNK)]
    executor = ProcessPoolExecutor(processes, initializer=_collect_seldom)
    try:
        return _sum(executor.map(play, *zip(*chunks, strict=True), timeout=within_seconds))
    finally:
        executor.shutdown(cancel_futures=True)


def situations_of(result: Result) -> set[str]:
    """Tell which situations a story has."""
    story = "\n".join(result.story)
    met = {situation for situation, sign in SIGNS.items() if sign in story}
    told = [line.partition(" s  ")[2].partition(" [")[0] for line in result.story]
    sends = [text for text in told if text.startswith("authorize")]
    if len(sends) != len(set(sends)):
        met.add("repeat")
    keeps = [text for text in told if text.startswith("the vault is to keep")]
    if len(keeps) != len(set(keeps)):
        met.add("keep again")
    return met


def _sum(chunks: Iterator[Played]) -> Played:
    seeds, met = 0, Counter[str]()
    for played in chunks:
        seeds += played.seeds
        met += played.met
        if played.broken:
            return Played(seeds, played.broken, met)
    return Played(seeds, None, met)


def _collect_seldom() -> None:
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
