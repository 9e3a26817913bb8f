"""Plays seeds from the command line: ``python -m tests.simulator [--seed N | --seeds N [--start N]]``.

The suite plays as many as ``PAYERA_SIMULATOR_SEEDS`` says, 3,000 without it; so does the command.
"""

import argparse
import sys
import time

from tests.simulator.simulation import SEEDS, simulate


def main() -> int:
    """Play and report; exit code 1 when an invariant broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play one seed and print its story")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds to play")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    if options.seed is not None:
        result = simulate(options.seed)
        sys.stdout.write(f"{result}\n")
        return 1 if result.violation else 0
    began = time.monotonic()
    for seed in range(options.start, options.start + options.seeds):
        result = simulate(seed)
        if result.violation:
            sys.stdout.write(f"{result}\n")
            return 1
    sys.stdout.write(f"{options.seeds} seeds, 0 violations, {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
