"""Where priority lists are kept."""

from dataclasses import dataclass
from typing import Protocol

from router_svc.domain.priorities import MerchantId, Priority, PriorityList


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes a list, and with which request; it is kept beside the new version."""

    caller: str
    request_id: str


class PriorityStore(Protocol):
    """Keeps every version of every list. Raises Refusal(UNAVAILABLE) while the store is out of reach."""

    async def set_priorities(self, merchant_id: MerchantId, priorities: tuple[Priority, ...], change: Change) -> int:
        """Let a new version of a merchant's list decide from now on; give its version, one more than the last."""
        ...

    async def get_priorities(self, merchant_id: MerchantId) -> PriorityList | None:
        """Give the list that decides, or None when the merchant has none."""
        ...
