"""Tells whether the last outcomes of a segment can still be explained by what was known of it.

A sudden outage that shows as declines has to be left within a few payments, long before counts over hours have moved.
"""

from math import ceil, log
from typing import Final

#: How many of the last outcomes are remembered in order.
LATEST: Final = 32
_SIZES: Final = (32, 24, 16, 12, 8, 6, 5, 4)
#: Of how many attempts the expectation has to be, at least, before anything can differ from it.
_KNOWN_MIN: Final = 20
#: Outcomes as unlikely as e^-15 (one in three million) or less are a change. By Chernoff's bound, n outcomes with a
#: rate that is d nats (Kullback and Leibler) away from the expected one are at most e^-nd likely. A false alarm would
#: cost more than the outcome or two that less would save in an outage: who was left is tried again but rarely.
_NATS: Final = 15.0
#: Within a change another one is no surprise (an outage ends), and less is asked for.
_NATS_WITHIN: Final = 5.0
_STEPS: Final = 64
_STEP_PPM: Final = 1_000_000 // _STEPS


def _divergence(rate: float, expected: float) -> float:
    """Give Kullback and Leibler's divergence of two chances, in nats."""
    approved = rate * log(rate / expected) if rate else 0.0
    declined = (1 - rate) * log((1 - rate) / (1 - expected)) if rate < 1 else 0.0
    return approved + declined


def _explained(size: int, step: int, nats: float) -> tuple[int, int]:
    """Give the fewest and the most approvals of `size` outcomes that the expectation still explains."""
    expected = min(max(step, 0.5), _STEPS - 0.5) / _STEPS
    fine = [count for count in range(size + 1) if size * _divergence(count / size, expected) <= nats]
    # The count nearest to what is expected always explains itself, also where rounding finds no other.
    nearest = ceil(size * expected - 0.5)
    return min([*fine, nearest]), max([*fine, nearest])


#: Size, mask of as many bits, and what is explained by the expected rate in 64ths, at first and within a change. Whole
#: numbers are left of the logarithms, the same on every machine.
_EXPLAINED: Final = tuple(
    (
        size,
        (1 << size) - 1,
        tuple(_explained(size, step, _NATS) for step in range(_STEPS + 1)),
        tuple(_explained(size, step, _NATS_WITHIN) for step in range(_STEPS + 1)),
    )
    for size in _SIZES
)


def _surely_explained(step: int) -> int:
    """Give how many declines, anywhere in the last outcomes, the expectation surely explains; -1 when none."""
    explained = [(size, allowed[step]) for size, _, allowed, _ in _EXPLAINED]
    if any(most < size for size, (_, most) in explained):
        # Too many approvals would be a change, too.
        return -1
    return min(size - fewest for size, (fewest, _) in explained)


#: Saves looking at each run of outcomes where there is nothing to see, which is nearly always.
_SURELY_EXPLAINED: Final = tuple(_surely_explained(step) for step in range(_STEPS + 1))


def changed_suffix(bits: int, count: int, expected_ppm: int, known: int) -> int:
    """Give how many of the last outcomes belong to something new; 0 when the expectation explains them all.

    `bits` has the last `count` outcomes, the newest lowest, set for approved. `expected_ppm` was learnt from `known`
    attempts. Long runs are looked at first, and shorter ones against what the longer one made of the expectation, so
    that the end of an outage is seen within it.
    """
    changed = 0
    if known < _KNOWN_MIN:
        return changed
    step = (expected_ppm + _STEP_PPM // 2) // _STEP_PPM
    if count - bits.bit_count() <= _SURELY_EXPLAINED[step]:
        return changed
    for size, mask, explained, explained_within in _EXPLAINED:
        if size > count:
            continue
        approved = (bits & mask).bit_count()
        fewest, most = (explained_within if changed else explained)[step]
        if not fewest <= approved <= most:
            changed = size
            step = (2 * approved + 1) * _STEPS // (2 * size + 2)
    return changed
