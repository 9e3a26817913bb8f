"""Reads and sets priority lists, and keeps those of recent payments at hand for a few seconds."""

from collections.abc import Awaitable, Callable
from typing import Final

from mesh.expiring_cache import ExpiringCache
from router_svc.application.ports.priority_store import Change, PriorityStore
from router_svc.domain.priorities import MerchantId, Priority, PriorityList, require_settable

LIST_LIFE_SECONDS: Final = 5.0
AHEAD_SECONDS: Final = 1.0
"""So long before its life ends, a list is read anew, so that no payment waits for it."""
LISTS_MAX: Final = 10_000


class PriorityLists:
    """Merchants' lists. For routing, a list may be up to five seconds old; an operator always reads a fresh one."""

    def __init__(self, *, store: PriorityStore, default: PriorityList, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._default = default
        self._recent: ExpiringCache[MerchantId, PriorityList] = ExpiringCache(
            life_seconds=LIST_LIFE_SECONDS, entries_max=LISTS_MAX, monotonic=monotonic
        )

    async def for_routing(self, merchant_id: MerchantId) -> PriorityList:
        """Give the list that decides for a merchant: its own, else the default one."""

        def load() -> Awaitable[PriorityList]:
            return self._load(merchant_id)

        recent = self._recent.get_ahead(merchant_id, load, ahead_seconds=AHEAD_SECONDS)
        if recent is not None:
            return recent
        return await self._recent.get_or_load(merchant_id, load)

    async def get(self, merchant_id: MerchantId) -> PriorityList | None:
        """Give a merchant's own list, or None when it has none."""
        return await self._store.get_priorities(merchant_id)

    async def fresh(self, merchant_id: MerchantId) -> PriorityList:
        """Give the list that decides for a merchant, as it is set now."""
        return await self._load(merchant_id)

    async def set(self, merchant_id: MerchantId, priorities: tuple[Priority, ...], change: Change) -> int:
        """Replace a merchant's list as a whole and give its version. Raises Refusal for a list that can't be set."""
        require_settable(priorities)
        try:
            return await self._store.set_priorities(merchant_id, priorities, change)
        finally:
            # Also after an error: a broken connection does not tell whether the list was set.
            self._recent.drop(merchant_id)

    async def _load(self, merchant_id: MerchantId) -> PriorityList:
        return await self._store.get_priorities(merchant_id) or self._default
