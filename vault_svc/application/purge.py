"""Lets go of what may not be kept any longer: codes and keys after minutes, single-use cards after their day."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.card_store import CardStore
from vault_svc.application.ports.operation_store import OperationStore

_PER_CALL: Final = 500
_CALLS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Purge:
    """Clears codes that no authorization came for, cards whose token no payment came for, and keys in memory.

    With `operations` it closes those whose time is over, too: the private keys of imports go with them.
    """

    store: CardStore
    keys: DataKeys
    operations: OperationStore | None = None

    async def __call__(self) -> tuple[int, int]:
        """Delete in short transactions, at most 50,000 of each in a round; give how many codes and cards it were."""
        self.keys.drop_expired()
        codes = await _rounds(self.store.purge_expired_codes)
        if self.operations is not None:
            await _rounds(self.operations.end_overdue)
        return codes, await _rounds(self.store.purge_expired_tokens)


@dataclass(frozen=True, slots=True)
class PurgeKeys:
    """Lets go of keys in memory alone: for a process that purges nothing in the database."""

    keys: DataKeys

    async def __call__(self) -> tuple[int, int]:
        """Drop the keys whose time is over; no code and no card is deleted."""
        self.keys.drop_expired()
        return 0, 0


async def _rounds(delete: Callable[[int], Awaitable[int]]) -> int:
    deleted = 0
    for _ in range(_CALLS_MAX):
        count = await delete(_PER_CALL)
        deleted += count
        if count < _PER_CALL:
            break
    return deleted
