"""Plays seeds from the command line: ``python -m tests.simulator [--seed N | --seeds N [--start N] [--jobs N]]``.

Plays 10,000 unless told otherwise, over all processors. Exit code 1 when an invariant breaks, when a situation is
hardly met, or when the time is over before all are played.
"""

import argparse
import os
import signal
import sys
import time

from tests.simulator.campaign import play_in_processes
from tests.simulator.simulation import SEEDS_OF_THE_COMMAND, simulate

WITHIN_SECONDS = 180.0


def main() -> int:
    """Play and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, help="play one seed and print its story")
    parser.add_argument("--seeds", type=_positive, default=SEEDS_OF_THE_COMMAND, help="how many seeds to play")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=_positive, default=len(os.sched_getaffinity(0)), help="over so many processes")
    parser.add_argument(
        "--within", type=float, default=0.0, help="seconds for all of them, by default 3 minutes for each 10,000"
    )
    options = parser.parse_args()
    if options.seed is not None:
        result = simulate(options.seed)
        sys.stdout.write(f"{result}\n")
        return 1 if result.violation else 0
    within = options.within or WITHIN_SECONDS * max(1.0, options.seeds / SEEDS_OF_THE_COMMAND)
    return _play(options.start, options.seeds, options.jobs, within)


def _play(start: int, seeds: int, jobs: int, within: float) -> int:
    # Who is told to end takes the other processes along.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    began = time.monotonic()
    try:
        played = play_in_processes(start, seeds, jobs, within)
    except TimeoutError:
        sys.stdout.write(f"{seeds:,} seeds were not played within {within:.0f} s on {jobs} processes\n")
        return 1
    if played.broken:
        sys.stdout.write(f"{played.broken}\n")
        return 1
    rare = played.rare()
    if rare:
        sys.stdout.write(f"hardly met in {played.seeds:,} seeds: {', '.join(rare)}; {dict(played.met)}\n")
        return 1
    seconds = time.monotonic() - began
    sys.stdout.write(f"simulator: {played.seeds:,} seeds, 0 violations, {seconds:.0f} s on {jobs} processes\n")
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = "must be 1 or more"
        raise argparse.ArgumentTypeError(message)
    return number


if __name__ == "__main__":
    sys.exit(main())
