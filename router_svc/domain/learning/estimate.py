"""An estimate of an account's chance, and those of recent payments, which serve all payments of their like."""

from typing import Final, NamedTuple, TypeAlias

#: Of so many kinds of payments the estimates are kept for a merchant.
KINDS_MAX: Final = 256
#: A payment's segments, and the buckets of its time.
Kind: TypeAlias = tuple[tuple[str, ...], tuple[int, ...]]


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


class Kept:
    """A merchant's estimates since the last outcome: by kind of payment, then by account and connector.

    Estimates depend on nothing but that and what was learnt, so whoever learns has to `clear` them.
    """

    __slots__ = ("_by_kind",)

    def __init__(self) -> None:
        self._by_kind: dict[Kind, dict[tuple[str, str], Estimate]] = {}

    def of(self, kind: Kind) -> dict[tuple[str, str], Estimate]:
        """Give the estimates for a kind of payment, to be added to."""
        found = self._by_kind.get(kind)
        if found is None:
            if len(self._by_kind) >= KINDS_MAX:
                self._by_kind.clear()
            found = self._by_kind[kind] = {}
        return found

    def clear(self) -> None:
        """Forget them: something was learnt, or forgotten."""
        self._by_kind.clear()
