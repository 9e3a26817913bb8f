"""What a merchant's accounts tell of one payment's stratum, beyond what each of them has seen there."""

from collections.abc import Sequence
from typing import Final

from router_svc.domain.learning.memory import PACES, USUAL, Evidence, Memory
from router_svc.domain.learning.settings import MILLION, LearningSettings
from router_svc.domain.learning.state import POOL, Account, Merchant

_ROOT: Final = ""


class Stratum:
    """The stratum of one payment: its chance at any account, and how much each account is expected to differ.

    Both are read off the other strata as well, from the same whole numbers in every process.
    """

    __slots__ = (
        "_chance",
        "_chances",
        "_differences",
        "_merchant",
        "_name",
        "_now",
        "_pool",
        "_settings",
        "_spaces",
        "_with_memory",
    )

    def __init__(
        self, settings: LearningSettings, merchant: Merchant, name: str, now: tuple[int, ...], chance_ppm: int
    ) -> None:
        self._settings = settings
        self._merchant = merchant
        self._pool = merchant.accounts[POOL]
        self._name = name
        self._spaces = name.count(" ")
        self._now = now
        self._chance = chance_ppm
        self._chances: dict[int, int] = {}
        self._differences: dict[str, tuple[int, int, int]] = {}
        self._with_memory: Sequence[tuple[Memory, int, int]] | None = None

    def expected(self, account: str, assumed_ppm: int) -> tuple[int, int]:
        """Give an account's chance before its own attempts in the stratum, and as how many attempts that counts.

        `assumed_ppm` is by how much an account of its connector is assumed to differ from everybody when nothing else
        is known of it.
        """
        pace, weight, weighted = self._difference(account)
        own = self._settings.prior_weight << 16
        differs_by = (weighted + own * assumed_ppm) // (weight + own)
        return self._chance_in(pace) + differs_by, both(self._settings.alike_weight, weight + own >> 16)

    def _difference(self, account: str) -> tuple[int, int, int]:
        """Give the pace to go by, and weight and weighted sum of an account's differences in all other strata."""
        found = self._differences.get(account)
        if found is None:
            known = self._merchant.accounts[account]
            pace = self._window(known)
            effect = known.effect(pace, self._spaces, self._settings.alike_weight)
            effect.keep_up(known, self._pool, self._merchant.touched, self._now[pace])
            found = self._differences[account] = (pace, *effect.without(self._name))
        return found

    def _window(self, known: Account) -> int:
        """Give the quickest pace, from the usual one on, that remembers enough of an account."""
        memory = known.segments.get(_ROOT)
        if memory is None:
            return USUAL
        evidence = memory.evidence(self._now, self._settings.enough)
        return evidence.pace if evidence.moved else _window_of(evidence, self._settings.account_enough << 16)

    def _chance_in(self, pace: int) -> int:
        """Give the stratum's chance at an account that differs in nothing from everybody.

        What all accounts together have there is put right by who has got those payments: where the best account has
        them all, the stratum seems easier than it is.
        """
        found = self._chances.get(pace)
        if found is not None:
            return found
        found = self._chance
        memory = self._pool.segments.get(self._name)
        own = self._settings.prior_weight << 16
        approved, attempts = memory.counts_at(pace, self._now[pace]) if memory else (0, 0)
        if attempts:
            found = (approved * MILLION + own * found) // (attempts + own)
            for theirs, weight, weighted in self._routed():
                share = theirs.counts_at(pace, self._now[pace])[1]
                found -= share * weighted // ((weight + own) * (attempts + own) or 1)
        self._chances[pace] = found
        return found

    def _routed(self) -> Sequence[tuple[Memory, int, int]]:
        """Give each account's memory of the stratum, and the weight and weighted sum of its differences elsewhere."""
        if self._with_memory is None:
            self._with_memory = [
                (memory, *self._difference(name)[1:])
                for name, account in self._merchant.accounts.items()
                if name != POOL and (memory := account.segments.get(self._name)) is not None
            ]
        return self._with_memory


def both(attempts: int, others: int) -> int:
    """Give as how many attempts something counts that is known in two steps, each as good as so many."""
    return attempts * others // max(1, attempts + others)


def _window_of(evidence: Evidence, enough: int) -> int:
    pace = USUAL
    while pace < len(PACES) - 1 and evidence.attempts[pace] < enough:
        pace += 1
    return pace
