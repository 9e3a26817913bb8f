"""Deletes card verification codes whose time is over."""

from dataclasses import dataclass
from typing import Final

from vault_svc.application.ports.card_store import CardStore

_CODES_PER_CALL: Final = 1_000
_CALLS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class PurgeCodes:
    """Clears codes that no authorization came for."""

    store: CardStore

    async def __call__(self) -> int:
        """Delete expired codes in short transactions, at most 50,000 in a round; give how many were deleted."""
        deleted = 0
        for _ in range(_CALLS_MAX):
            count = await self.store.purge_expired_codes(_CODES_PER_CALL)
            deleted += count
            if count < _CODES_PER_CALL:
                break
        return deleted
