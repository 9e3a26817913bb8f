"""API keys held in memory."""

import hashlib

from mesh.context import KeyScope, Principal
from mesh.server import KeyRecord


class FakeAuthenticator:
    """Knows the keys it was given, as the gateway's table does; `failure` is raised instead of an answer when set."""

    def __init__(self) -> None:
        self._records: dict[bytes, KeyRecord] = {}
        self.failure: Exception | None = None

    def give(self, key: str, scope: KeyScope, *, merchant_id: str = "mer_1", revoked: bool = False) -> None:
        """Make `key` known."""
        principal = Principal(merchant_id, scope, f"key_{len(self._records)}", live=False)
        self._records[hashlib.sha256(key.encode()).digest()] = KeyRecord(principal, revoked)

    async def look_up(self, key_sha256: bytes) -> KeyRecord | None:
        """Answer from memory."""
        if self.failure is not None:
            raise self.failure
        return self._records.get(key_sha256)
