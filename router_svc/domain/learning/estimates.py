"""Chances of approval, drawn from coarse to fine."""

from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple

from router_svc.domain.learning.memory import ONE, PACES, WHOLE, Evidence, Memory, differs
from router_svc.domain.learning.settings import MILLION
from router_svc.domain.learning.state import POOL, Account, Learning

#: From this level on an account's other payments are alike enough to tell of this one. Above it they are those that
#: happen to be routed there: an account that is best at hard segments would seem bad at easy ones.
_ALIKE: Final = 2
_LEAST_PPM: Final = 5_000
_MOST_PPM: Final = MILLION - _LEAST_PPM
#: From so many attempts on (in 65,536ths) a segment's name is worth telling.
_TOLD: Final = 5 << 16


class Estimate(NamedTuple):
    """An account's chance of approving a payment.

    `approval_ppm` is in millionths. `error_ppm` is its standard error, as if all had been seen that it is made of.
    `attempts` is how many attempts of `segment`, the finest with any to speak of, are behind it after decay; 0 when
    it is assumed. `changed` tells that the last outcomes differ from those before and count alone.
    """

    approval_ppm: int
    error_ppm: int
    attempts: int
    segment: str
    changed: bool


class Estimator:
    """Estimates for one payment: its segments, and what the pool of all accounts tells of each of them."""

    __slots__ = (
        "_learning",
        "_merchant_id",
        "_names",
        "_now",
        "_pool",
        "_pool_approved",
        "_pool_attempts",
        "_steps",
    )

    def __init__(self, learning: Learning, merchant_id: str, names: tuple[str, ...], at_ms: int) -> None:
        self._learning = learning
        self._merchant_id = merchant_id
        self._names = names
        self._now = tuple(at_ms // width for width in learning.widths)
        self._pool = self._memories(learning.account(merchant_id, POOL))
        self._read_pool()
        self._steps = self._steps_of_pool()

    def estimate(self, account: str, connector: str) -> Estimate:
        """Estimate an account's chance; one that nobody has tried has that of its connector and the pool's steps."""
        learning = self._learning
        settings = learning.settings
        return self._drawn(
            learning.account(self._merchant_id, account),
            self._first_prior(settings.prior_of(connector)),
        )

    def _drawn(self, account: Account | None, mean: int) -> Estimate:
        """Draw the mean from segment to segment: each adds its own counts to the coarser one's estimate.

        What a finer segment has is left out of the coarser one's counts, or the same few outcomes would be believed
        four times. Where a finer segment's memory reaches further back than the account's, it tells how the segment
        differed from the account as a whole, which has moved on since.
        """
        settings = self._learning.settings
        weight = strength = settings.prior_weight
        since = attempts = 0
        quickest = len(PACES)
        told = ""
        memories = self._memories(account)
        for level, (memory, evidence) in enumerate(memories):
            since = max(since, evidence.since)
            finer = memories[level + 1] if level + 1 < len(memories) else None
            if since:
                # What was learnt before a change, here or in a coarser segment, says nothing any more.
                weight = settings.changed_weight
                approved, known = memory.counts_since(since)
                less, fewer = finer[0].counts_since(since) if finer else (0, 0)
            else:
                pace, share = evidence.pace, evidence.share
                approved, known = evidence.counted, evidence.seen
                if pace > quickest:
                    # What has moved in a coarser segment has moved in the finer ones too.
                    pace, share = quickest, WHOLE
                    approved, known = evidence.counts(pace, share)
                elif evidence.moved:
                    quickest = pace
                less, fewer = finer[1].counts(pace, share) if finer else (0, 0)
            if known >= _TOLD or not attempts:
                attempts, told = (known + ONE // 2) >> 16, self._names[level]
            # Late events may have left the finer segment with more than the coarser one: then nothing is added.
            approved, seen = (approved - less, known - fewer) if approved >= less and known >= fewer else (0, 0)
            if not since and pace > memories[0][1].pace:
                approved = _shifted(approved, seen, memories[0][1], pace, share)
            if not since and finer is not None and level < _ALIKE:
                approved = seen = 0
            mean += self._steps[level]
            mean = (approved * MILLION + (weight << 16) * mean) // (seen + (weight << 16))
            strength = min(strength, weight) + (seen >> 16)
            weight = settings.coarser_weight
        mean = min(max(mean + sum(self._steps[len(memories) :]), _LEAST_PPM), _MOST_PPM)
        if len(memories) < len(self._names):
            strength = min(strength, weight)
        error = isqrt(mean * (MILLION - mean) // max(1, strength))
        return Estimate(mean, error, attempts, told, since > 0)

    def _memories(self, account: Account | None) -> list[tuple[Memory, Evidence]]:
        """Give what is known of the payment's segments, coarsest first, up to the first that nothing is known of."""
        found: list[tuple[Memory, Evidence]] = []
        if account is None:
            return found
        enough = self._learning.settings.enough
        for name in self._names:
            memory = account.segments.get(name)
            if memory is None:
                break
            found.append((memory, memory.evidence(self._now, enough)))
        return found

    def _first_prior(self, prior_ppm: int) -> int:
        """Draw a connector's prior to what the merchant's payments come to as a whole, by half at most."""
        weight = self._learning.settings.prior_weight << 16
        return (self._pool_approved * MILLION + weight * prior_ppm) // (self._pool_attempts + weight)

    def _read_pool(self) -> None:
        """Bound what all accounts together say of the first prior to the weight of the connector's own."""
        self._pool_approved = self._pool_attempts = 0
        if self._pool:
            approved, seen = _chosen(self._pool[0][1])
            self._pool_attempts = min(seen, self._learning.settings.prior_weight << 16)
            self._pool_approved = approved * self._pool_attempts // max(seen, 1)

    def _steps_of_pool(self) -> Sequence[int]:
        """Tell by how many millionths each segment's payments are approved more often than the coarser one's.

        A segment that is hard for all accounts is expected to be hard for one that was not tried there yet.
        """
        permille = self._learning.settings.pool_permille
        weight = self._learning.settings.coarser_weight << 16
        steps = [0] * len(self._names)
        mean = None
        for level, (_, evidence) in enumerate(self._pool):
            approved, seen = _chosen(evidence)
            if mean is None:
                mean = approved * MILLION // max(seen, 1)
                continue
            finer = (approved * MILLION + weight * mean) // (seen + weight)
            steps[level] = (finer - mean) * permille // 1_000
            mean = finer
        return steps


def _shifted(approved: int, seen: int, account: Evidence, pace: int, share: int) -> int:
    """Move approvals of long ago by what the account as a whole has gained or lost since, beyond luck."""
    then, all_then = account.counts(pace, share)
    if not all_then:
        return approved
    then_ppm = then * MILLION // all_then
    if not differs(account.counted, account.seen, then_ppm):
        return approved
    gained_ppm = account.counted * MILLION // account.seen - then_ppm
    return min(max(approved + seen * gained_ppm // MILLION, 0), seen)


def _chosen(evidence: Evidence) -> tuple[int, int]:
    return evidence.counted, evidence.seen
