"""The vault's wrapped keys in memory, and the audit that they share with the cards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey, StoredFingerprintKey
from vault_svc.domain.token import MerchantId


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One record of the audit."""

    action: str
    outcome: str
    actor: str
    request_id: str = ""
    merchant_id: str = ""
    token_id: str = ""
    payment_id: str = ""
    detail: str = ""


@dataclass(slots=True)
class FakeKeyStore:
    """Keeps keys by merchant and version; `down` makes it unreachable. Destroyed keys have a place and no bytes.

    What was replaced stays in `just_retired` until a test says that a minute has passed.
    """

    down: bool = False
    data_keys: dict[MerchantId, dict[int, StoredDataKey | None]] = field(default_factory=dict)
    active: dict[MerchantId, int] = field(default_factory=dict)
    fingerprints: list[StoredFingerprintKey] = field(default_factory=list)
    audit: list[AuditRecord] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    just_retired: set[tuple[MerchantId, int]] = field(default_factory=set)

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | int:
        await self._reach("active_data_key")
        stored = self._active(merchant_id)
        return len(self.data_keys.get(merchant_id, {})) + 1 if stored is None else stored

    async def keep_data_key(
        self, merchant_id: MerchantId, key_version: int, wrapped: WrappedKey, actor: str
    ) -> StoredDataKey | None:
        await self._reach("keep_data_key")
        versions = self.data_keys.setdefault(merchant_id, {})
        if key_version == len(versions) + 1:
            if self._active(merchant_id) is not None:
                self.just_retired.add((merchant_id, self.active[merchant_id]))
            versions[key_version] = StoredDataKey(key_version, wrapped)
            self.active[merchant_id] = key_version
            detail = f"version {key_version}"
            self.audit.append(
                AuditRecord(
                    action="create_data_key", outcome="done", actor=actor, merchant_id=merchant_id, detail=detail
                )
            )
        return self._active(merchant_id)

    async def fingerprint_keys(self) -> Sequence[StoredFingerprintKey]:
        await self._reach("fingerprint_keys")
        return list(self.fingerprints)

    async def keep_fingerprint_key(
        self, key_id: str, replaces: str, wrapped: WrappedKey, actor: str
    ) -> Sequence[StoredFingerprintKey]:
        await self._reach("keep_fingerprint_key")
        in_use = "".join(key.key_id for key in self.fingerprints)
        if in_use == replaces:
            old = [StoredFingerprintKey(key.key_id, active=False, wrapped=key.wrapped) for key in self.fingerprints]
            self.fingerprints = [StoredFingerprintKey(key_id, active=True, wrapped=wrapped), *old]
            self.audit.append(AuditRecord(action="create_fingerprint_key", outcome="done", actor=actor, detail=key_id))
        return list(self.fingerprints)

    def data_key(self, merchant_id: MerchantId, key_version: int) -> StoredDataKey | None:
        """Give a data key, None when it was destroyed or never was."""
        return self.data_keys.get(merchant_id, {}).get(key_version)

    def is_active(self, merchant_id: MerchantId, key_version: int) -> bool:
        """Tell whether new cards are sealed with this version."""
        return self.active.get(merchant_id) == key_version and self.data_key(merchant_id, key_version) is not None

    def destroy_data_key(self, merchant_id: MerchantId, key_version: int) -> None:
        """Destroy a key, as an operation with two approvers does."""
        self.data_keys[merchant_id][key_version] = None

    def _active(self, merchant_id: MerchantId) -> StoredDataKey | None:
        return self.data_key(merchant_id, self.active.get(merchant_id, 0))

    async def _reach(self, call: str) -> None:
        self.calls.append(call)
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
