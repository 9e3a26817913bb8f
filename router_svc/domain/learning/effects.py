"""How much more an account approves than all accounts together do of the same payments.

An account's plain share of approvals tells as much of the payments that are routed there as of the account: one that
is best at hard payments would seem bad at easy ones. So its payments are compared stratum by stratum (brand, currency,
issuer country and funding) with everybody's of the same stratum and time, and the differences are averaged.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from router_svc.domain.learning.memory import Memory
from router_svc.domain.learning.settings import MILLION

#: How many of the last counted strata are remembered, at least half of it; who asks more rarely sums everything anew.
_TOUCHED_MAX: Final = 512
_NOTHING: Final = (0, 0)


class Remembered(Protocol):
    """What is known of an account, or of all of them."""

    @property
    def segments(self) -> Mapping[str, Memory]:
        """The memories by name of the segment."""


class Touched:
    """Names of the segments that outcomes were counted in of late, in the order of counting."""

    __slots__ = ("end", "names")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.end = 0

    def add(self, names: tuple[str, ...]) -> None:
        """Remember the segments of an outcome that may be strata."""
        strata = names[1:3]
        self.names.extend(strata)
        self.end += len(strata)
        if len(self.names) >= _TOUCHED_MAX:
            del self.names[: _TOUCHED_MAX // 2]

    def clear(self) -> None:
        """Make everybody sum anew: something was forgotten."""
        self.names.clear()
        self.end += 1

    def since(self, position: int) -> list[str] | None:
        """Give what was counted after a position; None when that is not remembered any more."""
        behind = self.end - position
        if behind > len(self.names):
            return None
        return self.names[len(self.names) - behind :] if behind else []


class Effect:
    """An account's differences from everybody, summed over its strata in one pace, and kept up from outcome to outcome.

    `weight` is in 65,536ths of an attempt, `weighted` the sum of weights times differences in millionths. A stratum
    counts by its attempts, but never as much as `alike` of them, for however well it is known there, the account may
    differ in the next. The sums are whole numbers, and the same in whatever order the outcomes came.
    """

    __slots__ = ("_alike", "_bucket", "_pace", "_position", "_spaces", "_terms", "weight", "weighted")

    def __init__(self, pace: int, spaces: int, alike: int) -> None:
        self._pace = pace
        self._spaces = spaces
        self._alike = alike << 16
        self._bucket = self._position = -1
        self._terms: dict[str, tuple[int, int]] = {}
        self.weight = self.weighted = 0

    def keep_up(self, account: Remembered, pool: Remembered, touched: Touched, bucket: int) -> None:
        """Bring the sums up to what is known now, for payments of a bucket of the pace."""
        names = touched.since(self._position) if bucket == self._bucket else None
        if names is None:
            self._terms = {}
            self.weight = self.weighted = 0
            self._bucket = bucket
            names = list(account.segments)
        self._position = touched.end
        for name in names:
            if name.count(" ") != self._spaces:
                continue
            mine = account.segments.get(name)
            if mine is not None:
                weight, weighted = self._terms.get(name, _NOTHING)
                term = self._terms[name] = self._term(mine, pool.segments.get(name))
                self.weight += term[0] - weight
                self.weighted += term[1] - weighted

    def without(self, name: str) -> tuple[int, int]:
        """Give weight and weighted sum of all strata but one."""
        weight, weighted = self._terms.get(name, _NOTHING)
        return self.weight - weight, self.weighted - weighted

    def _term(self, mine: Memory, everybody: Memory | None) -> tuple[int, int]:
        if everybody is None:
            return _NOTHING
        approved, attempts = mine.counts_at(self._pace, self._bucket)
        approved_of_all, all_attempts = everybody.counts_at(self._pace, self._bucket)
        if not attempts or not all_attempts:
            return _NOTHING
        weight = attempts * self._alike // (attempts + self._alike)
        return weight, weight * (approved * MILLION // attempts - approved_of_all * MILLION // all_attempts)
