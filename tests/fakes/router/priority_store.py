"""The router's store in memory."""

import asyncio
from dataclasses import dataclass, field

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.ports.priority_store import Change
from router_svc.domain.priorities import ListOrigin, MerchantId, Priority, PriorityList


@dataclass(slots=True)
class FakePriorityStore:
    """Keeps every version of every list; `down` makes it unreachable."""

    down: bool = False
    versions: dict[MerchantId, list[tuple[PriorityList, Change]]] = field(default_factory=dict)
    reads: int = 0

    async def set_priorities(self, merchant_id: MerchantId, priorities: tuple[Priority, ...], change: Change) -> int:
        await self._reach()
        versions = self.versions.setdefault(merchant_id, [])
        new = PriorityList(priorities, len(versions) + 1, ListOrigin.MERCHANT)
        versions.append((new, change))
        return new.version

    async def get_priorities(self, merchant_id: MerchantId) -> PriorityList | None:
        self.reads += 1
        await self._reach()
        versions = self.versions.get(merchant_id)
        return versions[-1][0] if versions else None

    async def _reach(self) -> None:
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
