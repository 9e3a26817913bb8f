"""Remembers, for minutes and in memory alone, the card operations whose outcome is not known.

A PSP takes a call for a repetition only when it is the same, and the vault gives the card code out once. So the
operation is kept until its outcome is known: in this process's memory, for a bounded time and count, which PCI DSS
3.3.2 allows until the authorization is complete. A repetition that finds nothing here is built anew and goes without
the code; the PSP may then refuse it as another request, which settles nothing and harms nothing.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from psp_connectors.domain.operations import CardOperation

KEPT_SECONDS: Final = 300.0
KEPT_MAX: Final = 512


class UnsettledCards:
    """Operations by account and idempotency key, the oldest forgotten first; `clock` is monotonic, in seconds."""

    def __init__(
        self, clock: Callable[[], float], *, kept_seconds: float = KEPT_SECONDS, kept_max: int = KEPT_MAX
    ) -> None:
        self._clock = clock
        self._kept_seconds = kept_seconds
        self._kept_max = kept_max
        self._kept: OrderedDict[tuple[str, str], tuple[float, CardOperation]] = OrderedDict()

    def keep(self, account: str, operation: CardOperation) -> None:
        """Remember an operation; one that is remembered already keeps its time."""
        self._forget_old()
        self._kept.setdefault((account, operation.idempotency_key), (self._clock(), operation))
        while len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)

    def recall(self, account: str, idempotency_key: str) -> CardOperation | None:
        """Give the operation that was sent with this key, None when it is not remembered."""
        self._forget_old()
        found = self._kept.get((account, idempotency_key))
        return None if found is None else found[1]

    def forget(self, account: str, idempotency_key: str) -> None:
        """Forget an operation whose outcome is known."""
        self._kept.pop((account, idempotency_key), None)

    def forget_expired(self) -> int:
        """Forget what is too old, and tell how many are left; to be called now and then when nothing else is."""
        self._forget_old()
        return len(self._kept)

    def _forget_old(self) -> None:
        oldest_kept = self._clock() - self._kept_seconds
        while self._kept:
            key, (kept_at, _) = next(iter(self._kept.items()))
            if kept_at > oldest_kept:
                return
            del self._kept[key]
