"""Keeps priority lists in PostgreSQL, one stored procedure per method."""

from typing import Final

import msgspec

from mesh.database import Database
from router_svc.application.ports.priority_store import Change
from router_svc.domain.priorities import ListOrigin, MerchantId, Priority, PriorityList

_SET_PRIORITIES: Final = "router.set_priorities"
_GET_PRIORITIES: Final = "router.get_priorities"


class _StoredPriority(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place of a list as it lies in the database; new fields get a default, so that old versions stay readable."""

    account: str
    currencies: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    disabled: bool = False


class NoRowError(Exception):
    """A procedure that always gives a row gave none: the schema is not the one this code was written for."""


class PostgresPriorityStore:
    """The router's tables. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_priorities(self, merchant_id: MerchantId, priorities: tuple[Priority, ...], change: Change) -> int:
        """Let a new version of a merchant's list decide from now on; give its version, one more than the last."""
        stored = [
            _StoredPriority(priority.account, priority.currencies, priority.brands, priority.disabled)
            for priority in priorities
        ]
        row = await self._database.call(
            _SET_PRIORITIES, merchant_id, msgspec.to_builtins(stored), change.caller, change.request_id
        )
        if row is None:
            message = f"{_SET_PRIORITIES} gave no row"
            raise NoRowError(message)
        return int(row["list_version"])

    async def get_priorities(self, merchant_id: MerchantId) -> PriorityList | None:
        """Give the list that decides, or None when the merchant has none."""
        row = await self._database.call(_GET_PRIORITIES, merchant_id)
        if row is None:
            return None
        stored = msgspec.convert(row["priorities"], tuple[_StoredPriority, ...])
        priorities = tuple(Priority(place.account, place.currencies, place.brands, place.disabled) for place in stored)
        return PriorityList(priorities, row["list_version"], ListOrigin.MERCHANT)
