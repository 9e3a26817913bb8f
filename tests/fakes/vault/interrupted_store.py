"""Rotation stores that die with their process at one point, or let something happen between two calls."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from vault_svc.application.ports.rotation_store import RotationStore


class KilledError(BaseException):
    """The process is gone: nothing handles this, and nothing is called any more."""


class InterruptedStore:
    """Counts points, one before and one after each call; at point `at` the process dies, with all it has under way."""

    def __init__(self, store: RotationStore, at: int) -> None:
        self._store = store
        self._at = at
        self.reached = 0
        self.dead = False

    def as_store(self) -> RotationStore:
        return cast("RotationStore", self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*arguments: Any) -> Any:
            self._pass()
            answer = await method(*arguments)
            self._pass()
            return answer

        return call

    def _pass(self) -> None:
        if self.dead or self.reached == self._at:
            self.dead = True
            raise KilledError
        self.reached += 1


class MeddledStore:
    """Lets something happen, once, right before a call of one method."""

    def __init__(self, store: RotationStore, method: str, happen: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._method = method
        self._happen: Callable[[], Awaitable[None]] | None = happen

    def as_store(self) -> RotationStore:
        return cast("RotationStore", self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*arguments: Any) -> Any:
            happen = self._happen
            if name == self._method and happen is not None:
                self._happen = None
                await happen()
            return await method(*arguments)

        return call
