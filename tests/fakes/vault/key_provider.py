"""A key management service in memory: it remembers what it wrapped instead of encrypting."""

import asyncio
import secrets
from dataclasses import dataclass, field

from vault_svc.application.ports.key_provider import FingerprintKey, KeyUnavailableError, NewDataKey, WrappedKey
from vault_svc.domain.secret_values import SecretKey


@dataclass(slots=True)
class FakeKeyProvider:
    """Counts what it was asked; the wrapped bytes are a random handle."""

    generated: int = 0
    unwrapped: int = 0
    _keys: dict[tuple[str, bytes], tuple[SecretKey, bytes]] = field(default_factory=dict, repr=False)
    _fingerprint: FingerprintKey = field(
        default_factory=lambda: FingerprintKey("fake_fingerprint", SecretKey(secrets.token_bytes(32)))
    )

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        await asyncio.sleep(0)
        self.generated += 1
        key = SecretKey(secrets.token_bytes(32))
        wrapped = WrappedKey("fake_kek", secrets.token_bytes(48))
        self._keys[wrapped.key_encryption_key_id, wrapped.wrapped] = (key, context)
        return NewDataKey(key, wrapped)

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        await asyncio.sleep(0)
        self.unwrapped += 1
        known = self._keys.get((wrapped.key_encryption_key_id, wrapped.wrapped))
        if known is None or known[1] != context:
            message = f"{wrapped.key_encryption_key_id!r} does not unwrap this"
            raise KeyUnavailableError(message)
        return known[0]

    async def fingerprint_key(self) -> FingerprintKey:
        return self._fingerprint
