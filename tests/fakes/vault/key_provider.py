"""A key management service in memory: it remembers what it wrapped instead of encrypting."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from vault_svc.application.ports.key_provider import (
    KeyDescription,
    KeyProviderDownError,
    KeyState,
    KeyUnavailableError,
    NewDataKey,
    WrappedKey,
)
from vault_svc.domain.secret_values import SecretKey


@dataclass(slots=True)
class FakeKeyProvider:
    """Counts what it was asked; the wrapped bytes are a random handle. `down` makes it unreachable."""

    active_key_id: str = "fake_kek"
    down: bool = False
    generated: int = 0
    unwrapped: int = 0
    rewrapped: int = 0
    _keys: dict[tuple[str, bytes], tuple[SecretKey, bytes]] = field(default_factory=dict, repr=False)

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        await self._reach()
        self.generated += 1
        key = SecretKey(secrets.token_bytes(32))
        return NewDataKey(key, self._wrap(key, context))

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        await self._reach()
        self.unwrapped += 1
        return self._known(wrapped, context)

    async def rewrap(self, wrapped: WrappedKey, context: bytes) -> WrappedKey:
        await self._reach()
        key = self._known(wrapped, context)
        if wrapped.key_encryption_key_id == self.active_key_id:
            return wrapped
        self.rewrapped += 1
        return self._wrap(key, context)

    async def keys(self) -> Sequence[KeyDescription]:
        await self._reach()
        others = {key_id for key_id, _ in self._keys} - {self.active_key_id}
        return [
            KeyDescription(key_id, "none", 256, "memory", KeyState.ACTIVE if not place else KeyState.DECRYPT_ONLY, None)
            for place, key_id in enumerate((self.active_key_id, *sorted(others)))
        ]

    def lose(self, wrapped: WrappedKey) -> None:
        """Forget a key: nothing that is under it can be opened any more."""
        del self._keys[wrapped.key_encryption_key_id, wrapped.wrapped]

    def _wrap(self, key: SecretKey, context: bytes) -> WrappedKey:
        wrapped = WrappedKey(self.active_key_id, secrets.token_bytes(48))
        self._keys[wrapped.key_encryption_key_id, wrapped.wrapped] = (key, context)
        return wrapped

    def _known(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        known = self._keys.get((wrapped.key_encryption_key_id, wrapped.wrapped))
        if known is None or known[1] != context:
            message = f"{wrapped.key_encryption_key_id!r} does not unwrap this"
            raise KeyUnavailableError(message)
        return known[0]

    async def _reach(self) -> None:
        # Every real provider makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            message = f"{self.active_key_id!r} is out of reach"
            raise KeyProviderDownError(message)
