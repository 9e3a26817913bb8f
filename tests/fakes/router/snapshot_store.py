"""The router's store of snapshots in memory."""

import asyncio
from dataclasses import dataclass, field

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.ports.snapshot_store import SNAPSHOTS_MAX, KnowledgeSnapshot, SnapshotTooLargeError


@dataclass(slots=True)
class FakeSnapshotStore:
    """Keeps the newest snapshots of each layout; `down` makes it unreachable, `too_large` refuses all."""

    down: bool = False
    too_large: bool = False
    snapshots: dict[str, list[KnowledgeSnapshot]] = field(default_factory=dict)
    asked: int = 0

    async def add(self, layout: str, snapshot: KnowledgeSnapshot) -> None:
        await self._reach()
        if self.too_large:
            raise SnapshotTooLargeError("2 bytes, 1 is the limit")
        self.snapshots[layout] = [*self.snapshots.get(layout, []), snapshot][-SNAPSHOTS_MAX:]

    async def newest(self, layout: str) -> KnowledgeSnapshot | None:
        self.asked += 1
        await self._reach()
        return self.snapshots[layout][-1] if self.snapshots.get(layout) else None

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
