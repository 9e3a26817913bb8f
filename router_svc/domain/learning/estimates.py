"""Chances of approval, drawn from coarse to fine."""

from collections.abc import Sequence
from math import isqrt
from typing import Final

from router_svc.domain.learning.estimate import Estimate
from router_svc.domain.learning.memory import ONE, PACES, WHOLE, Evidence, Memory
from router_svc.domain.learning.segments import stratum_of
from router_svc.domain.learning.settings import MILLION
from router_svc.domain.learning.state import POOL, Account, Learning, Merchant
from router_svc.domain.learning.stratum import Stratum, both

_ALL: Final = 1 << 62
_LEAST_PPM: Final = 5_000
_MOST_PPM: Final = MILLION - _LEAST_PPM
#: From so many attempts on (in 65,536ths) a segment's name is worth telling.
_TOLD: Final = 5 << 16
#: What an account has gained or lost is believed by half when so many attempts tell it, in 65,536ths.
_GAIN_BELIEVED: Final = 100 << 16


class Estimates:
    """Estimates for one payment; those for another payment of its like are at hand until something is learnt."""

    __slots__ = ("_estimator", "_kept", "_learning", "_merchant", "_names", "_now")

    def __init__(self, learning: Learning, merchant_id: str, names: tuple[str, ...], at_ms: int) -> None:
        self._learning = learning
        self._names = names
        self._now = tuple([at_ms // width for width in learning.widths])
        self._merchant = merchant = learning.merchant(merchant_id)
        self._kept = merchant.kept.of((names, self._now)) if merchant is not None else {}
        self._estimator: Estimator | None = None

    def estimate(self, account: str, connector: str) -> Estimate:
        """Estimate an account's chance."""
        found = self._kept.get((account, connector))
        if found is None:
            if self._estimator is None:
                self._estimator = Estimator(self._learning, self._merchant, self._names, self._now)
            found = self._kept[account, connector] = self._estimator.estimate(account, connector)
        return found


class Estimator:
    """Makes estimates for one payment: its segments, and what the pool of all accounts tells of each of them."""

    __slots__ = (
        "_accounts",
        "_assumed",
        "_learning",
        "_level",
        "_mean",
        "_names",
        "_now",
        "_pool",
        "_steps",
        "_stratum",
    )

    def __init__(
        self, learning: Learning, merchant: Merchant | None, names: tuple[str, ...], now: tuple[int, ...]
    ) -> None:
        self._learning = learning
        self._names = names
        self._now = now
        self._level = stratum_of(names)
        self._accounts = merchant.accounts if merchant else {}
        self._pool = self._memories(self._accounts.get(POOL), watched=False)
        self._mean, self._steps = self._steps_of_pool()
        self._assumed = self._with_everybody(learning.settings.prior_ppm, _ALL)
        self._stratum = None
        if merchant is not None and self._pool:
            chance = self._mean + sum(self._steps[: self._level + 1])
            self._stratum = Stratum(learning.settings, merchant, names[self._level], self._now, chance)

    def estimate(self, account: str, connector: str) -> Estimate:
        """Estimate an account's chance; one that nobody has tried has that of its connector and the pool's steps."""
        first_prior = self._first_prior(connector)
        known = self._accounts.get(account)
        if known is None or self._stratum is None:
            return self._drawn(None, first_prior, (first_prior, 0))
        return self._drawn(known, first_prior, self._stratum.expected(account, first_prior - self._mean))

    def _drawn(self, account: Account | None, mean: int, expected: tuple[int, int]) -> Estimate:
        """Draw the mean from segment to segment: each adds its own counts to the coarser one's estimate.

        Down to the payment's stratum the account's own counts are no fair sample, and what is expected of it there
        stands for them. What a finer segment has is left out of the coarser one's counts, or the same few outcomes
        would be believed twice. Where a finer segment's memory reaches further back than the account's, it tells how
        the segment differed from the account as a whole, which has moved on since.
        """
        settings = self._learning.settings
        weight = strength = settings.prior_weight
        since = attempts = 0
        quickest = len(PACES)
        told = ""
        memories = self._memories(account)
        for level, (memory, evidence) in enumerate(memories):
            changed_before, since = since > 0, max(since, evidence.since)
            if since:
                # What was learnt before a change, here or in a coarser segment, says nothing any more.
                weight = settings.changed_weight
                approved, known = memory.counts_since(since)
            else:
                pace, share = evidence.pace, evidence.share
                approved, known = evidence.counted, evidence.seen
                if pace > quickest:
                    # What has moved in a coarser segment has moved in the finer ones too.
                    pace, share = quickest, WHOLE
                    approved, known = evidence.counts(pace, share)
                elif evidence.moved:
                    quickest = pace
            if known >= _TOLD or not attempts:
                attempts, told = (known + ONE // 2) >> 16, self._names[level]
            mean += self._steps[level]
            if level < self._level and not since:
                continue
            if level == self._level and not changed_before:
                mean, strength = expected
                weight = weight if since else strength
            less, fewer = 0, 0
            if level + 1 < len(memories):
                finer = memories[level + 1]
                less, fewer = finer[0].counts_since(since) if since else finer[1].counts(pace, share)
            # Late events may have left the finer segment with more than the coarser one: then nothing is added.
            approved, seen = (approved - less, known - fewer) if approved >= less and known >= fewer else (0, 0)
            if not since and pace > memories[0][1].pace:
                approved = _shifted(approved, seen, memories[0][1], pace, share)
            mean = (approved * MILLION + (weight << 16) * mean) // (seen + (weight << 16))
            strength = (both(strength, weight) if level > self._level else weight) + (seen >> 16)
            weight = settings.coarser_weight
        mean, strength = self._completed(mean, strength, len(memories), expected, changed=since > 0)
        mean = min(max(mean, _LEAST_PPM), _MOST_PPM)
        error = isqrt(mean * (MILLION - mean) // max(1, strength))
        return Estimate(mean, error, attempts, told, since > 0)

    def _completed(
        self, mean: int, strength: int, levels: int, expected: tuple[int, int], *, changed: bool
    ) -> tuple[int, int]:
        """Go on from the last level of which the account knows anything; of finer ones everybody tells."""
        if 0 < levels <= self._level and not changed:
            mean, strength = expected
            levels = self._level + 1
        return mean + sum(self._steps[levels:]), strength

    def _memories(self, account: Account | None, *, watched: bool = True) -> list[tuple[Memory, Evidence]]:
        """Give what is known of the payment's segments, coarsest first, up to the first that nothing is known of."""
        found: list[tuple[Memory, Evidence]] = []
        if account is None:
            return found
        enough = self._learning.settings.enough
        for name in self._names:
            memory = account.segments.get(name)
            if memory is None:
                break
            found.append((memory, memory.evidence(self._now, enough, watched=watched)))
        return found

    def _first_prior(self, connector: str) -> int:
        """Give the chance of an account that nobody has tried: its connector's prior, or else everybody's."""
        settings = self._learning.settings
        if connector not in settings.prior_ppm_by_connector:
            return self._assumed
        return self._with_everybody(settings.prior_of(connector), settings.prior_weight << 16)

    def _with_everybody(self, prior_ppm: int, most: int) -> int:
        """Draw a prior to what the merchant's payments come to as a whole, by `most` of its attempts."""
        weight = self._learning.settings.prior_weight << 16
        approved, seen = (self._pool[0][1].counted, self._pool[0][1].seen) if self._pool else (0, 0)
        if seen > most:
            approved, seen = approved * most // seen, most
        return (approved * MILLION + weight * prior_ppm) // (seen + weight)

    def _steps_of_pool(self) -> tuple[int, Sequence[int]]:
        """Give everybody's chance, and by how many millionths each segment's payments have more than the coarser one's.

        A segment that is hard for all accounts is expected to be hard for one that was not tried there yet.
        """
        weight = self._learning.settings.coarser_weight << 16
        steps = [0] * len(self._names)
        first = mean = self._learning.settings.prior_ppm
        for level, (_, evidence) in enumerate(self._pool):
            if not level:
                first = mean = evidence.counted * MILLION // max(evidence.seen, 1)
                continue
            approved = evidence.counted
            if evidence.pace > self._pool[0][1].pace:
                approved = _shifted(approved, evidence.seen, self._pool[0][1], evidence.pace, evidence.share)
            finer = (approved * MILLION + weight * mean) // (evidence.seen + weight)
            steps[level] = finer - mean
            mean = finer
        return first, steps


def _shifted(approved: int, seen: int, account: Evidence, pace: int, share: int) -> int:
    """Move approvals of long ago by what the account as a whole has gained or lost since, as far as that is known."""
    then, all_then = account.counts(pace, share)
    if not all_then or not account.seen:
        return approved
    gained_ppm = account.counted * MILLION // account.seen - then * MILLION // all_then
    moved = seen * gained_ppm // MILLION * account.seen // (account.seen + _GAIN_BELIEVED)
    return min(max(approved + moved, 0), seen)
