"""How many cards may be opened in a second: a stolen certificate shall not empty the vault."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.domain.token import MerchantId

MERCHANTS_MAX: Final = 10_000


class AccessRate:
    """A bucket of accesses per merchant, in this process: `per_second` on average, twice that at once.

    `monotonic` is in seconds. Merchants seen longest ago are forgotten, which gives them a full bucket.
    """

    def __init__(self, *, per_second: float, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._buckets: OrderedDict[MerchantId, tuple[float, float]] = OrderedDict()

    def require(self, merchant_id: MerchantId) -> None:
        """Count an access; raises Refusal(OVERLOADED) when the merchant's bucket is empty."""
        now, full = self._monotonic(), 2 * self._per_second
        left, at = self._buckets.pop(merchant_id, (full, now))
        left = min(full, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[merchant_id] = (left - 1 if allowed else left, now)
        while len(self._buckets) > MERCHANTS_MAX:
            self._buckets.popitem(last=False)
        if not allowed:
            raise Refusal(Reason.OVERLOADED)
