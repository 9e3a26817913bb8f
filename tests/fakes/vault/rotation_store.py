"""The part of the vault's database that rotations see, in memory, with the rules of its procedures."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.operation_store import FakeOperationStore, KeptOperation
from vault_svc.application.ports.card_store import CardToKeep, KeyRetired, LoadedCard, Recognition, SealedCard
from vault_svc.application.ports.key_inventory import KeptKind, KeyRecord
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey, StoredFingerprintKey
from vault_svc.application.ports.operation_store import OperationKind
from vault_svc.application.ports.rotation_store import (
    CardToFingerprint,
    CardToReseal,
    KeyToRewrap,
    MerchantToRotate,
)
from vault_svc.application.ports.transfer_store import SealedImportKey
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId


@dataclass(slots=True)
class KeyRow:
    """A key of either kind; `wrapped` is None when it is destroyed."""

    state: str
    wrapped: WrappedKey | None
    created_at: datetime
    changed_at: datetime
    wrapped_by: str = field(init=False)

    def __post_init__(self) -> None:
        assert self.wrapped is not None
        self.wrapped_by = self.wrapped.key_encryption_key_id

    def stored(self, version: int) -> StoredDataKey:
        assert self.wrapped is not None
        return StoredDataKey(version, self.wrapped)


@dataclass(slots=True)
class CardRow:
    """A card; `code_version` is the key version of a code that waits, `fingerprint_id` None for an old card."""

    merchant_id: MerchantId
    key_version: int
    sealed: SealedCard
    revision: int = 1
    code_version: int | None = None
    fingerprint_id: str | None = None


@dataclass(slots=True)
class FakeRotationStore:
    """Tests may look into everything and tamper with it; `down` makes it unreachable."""

    time: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    down: bool = False
    data_keys: dict[MerchantId, dict[int, KeyRow]] = field(default_factory=dict)
    fingerprint_rows: dict[str, KeyRow] = field(default_factory=dict)
    cards: dict[TokenId, CardRow] = field(default_factory=dict)
    fingerprints: dict[tuple[MerchantId, str, bytes], str] = field(default_factory=dict)
    actors: set[str] = field(default_factory=set)
    operations: FakeOperationStore = field(default_factory=FakeOperationStore)

    def age(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)

    # What the vault's own processes do ------------------------------------------------------------------------------

    async def keep_card(self, card: CardToKeep) -> Token:
        await self._reach()
        keys = self.data_keys.get(card.merchant_id, {})
        if card.key_version not in keys or keys[card.key_version].state != "active":
            raise KeyRetired
        if list(card.recognition.key_ids) != self._key_ids():
            raise KeyRetired
        fingerprint_id = self._recognise(card.merchant_id, card.recognition, card.recognition.new_id)
        code_version = None if card.sealed_code is None else card.key_version
        self.cards[card.token_id] = CardRow(
            card.merchant_id, card.key_version, card.sealed, code_version=code_version, fingerprint_id=fingerprint_id
        )
        return Token(token_id=card.token_id, summary=card.summary, create_time=self.time, fingerprint=fingerprint_id)

    async def load_card(self, merchant_id: MerchantId, token_id: TokenId) -> LoadedCard | None:
        await self._reach()
        card = self.cards.get(token_id)
        if card is None or card.merchant_id != merchant_id:
            return None
        return LoadedCard(card.revision, self._key_of(card).stored(card.key_version), card.sealed)

    # Keys -----------------------------------------------------------------------------------------------------------

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | int:
        await self._reach()
        keys = self.data_keys.get(merchant_id, {})
        return self._active(merchant_id) or max(keys, default=0) + 1

    async def keep_data_key(
        self, merchant_id: MerchantId, key_version: int, wrapped: WrappedKey, actor: str
    ) -> StoredDataKey | None:
        self.actors.add(actor)
        await self._reach()
        keys = self.data_keys.setdefault(merchant_id, {})
        if max(keys, default=0) + 1 == key_version:
            for key in keys.values():
                if key.state == "active":
                    key.state, key.changed_at = "decrypt_only", self.time
            keys[key_version] = KeyRow("active", wrapped, self.time, self.time)
        return self._active(merchant_id)

    async def fingerprint_keys(self) -> Sequence[StoredFingerprintKey]:
        await self._reach()
        return self._fingerprint_keys()

    async def keep_fingerprint_key(
        self, key_id: str, replaces: str, wrapped: WrappedKey, actor: str
    ) -> Sequence[StoredFingerprintKey]:
        self.actors.add(actor)
        await self._reach()
        in_use = self._key_ids()
        if in_use in ([], [replaces]) and (in_use or not replaces):
            for known in in_use:
                row = self.fingerprint_rows[known]
                row.state, row.changed_at = "retiring", self.time
            self.fingerprint_rows[key_id] = KeyRow("active", wrapped, self.time, self.time)
        return self._fingerprint_keys()

    # Rotations ------------------------------------------------------------------------------------------------------

    async def merchants_to_rotate(
        self, merchant_id: str, created_before: datetime, after: str, limit: int
    ) -> Sequence[MerchantToRotate]:
        await self._reach()
        found = []
        for known in sorted(self.data_keys):
            active = self._active(known)
            if active is None or known <= after or merchant_id not in ("", known):
                continue
            due = self.data_keys[known][active.key_version].created_at < created_before
            if due or any(key.state == "decrypt_only" for key in self.data_keys[known].values()):
                found.append(MerchantToRotate(known, active.key_version, due))
        return found[:limit]

    async def cards_to_reseal(self, merchant_id: MerchantId, after: str, limit: int) -> Sequence[CardToReseal]:
        await self._reach()
        found = []
        for token_id, card in sorted(self.cards.items()):
            if card.merchant_id == merchant_id and token_id > after:
                key = self._key_of(card)
                if key.state == "decrypt_only" or (key.state == "active" and card.sealed.sealed_key is None):
                    found.append(CardToReseal(token_id, card.revision, key.stored(card.key_version), card.sealed))
        return found[:limit]

    async def reseal_card(
        self, merchant_id: MerchantId, token_id: TokenId, revision: int, key_version: int, sealed: SealedCard
    ) -> bool:
        await self._reach()
        if self.data_keys[merchant_id][key_version].state != "active":
            raise KeyRetired
        card = self.cards.get(token_id)
        if card is None or (card.merchant_id, card.revision) != (merchant_id, revision):
            return False
        card.sealed, card.key_version, card.revision = sealed, key_version, revision + 1
        return True

    async def destroy_idle_data_keys(self, merchant_id: MerchantId, idle_seconds: int, actor: str) -> int:
        self.actors.add(actor)
        await self._reach()
        destroyed = 0
        used = {
            version
            for card in self.cards.values()
            if card.merchant_id == merchant_id
            for version in (card.key_version, card.code_version)
        }
        for version, key in self.data_keys[merchant_id].items():
            if key.state == "decrypt_only" and version not in used and self._idle(key, idle_seconds):
                key.state, key.wrapped, key.changed_at = "destroyed", None, self.time
                destroyed += 1
        return destroyed

    async def keys_to_rewrap(
        self, active_key_id: str, after_place: str, after_version: int, limit: int
    ) -> Sequence[KeyToRewrap]:
        await self._reach()
        fingerprint_keys = [
            KeyToRewrap(MerchantId(""), 0, key_id, key.wrapped)
            for key_id, key in sorted(self.fingerprint_rows.items())
            if key.wrapped is not None and not after_place
        ]
        paged = [
            KeyToRewrap(merchant_id, version, "", key.wrapped)
            for merchant_id, keys in self.data_keys.items()
            for version, key in keys.items()
            if key.wrapped is not None
        ]
        paged += [
            KeyToRewrap(kept.merchant_id, 0, "", private.wrapped, kept.operation_id)
            for kept, private in self._import_keys()
            if private is not None
        ]
        others = [
            key
            for key in sorted(paged, key=lambda each: (each.place, each.key_version))
            if key.wrapped.key_encryption_key_id != active_key_id
            and (key.place, key.key_version) > (after_place, after_version)
        ]
        return [
            *(key for key in fingerprint_keys if key.wrapped.key_encryption_key_id != active_key_id),
            *others[:limit],
        ]

    async def rewrap_key(self, key: KeyToRewrap, wrapped: WrappedKey, actor: str) -> bool:
        self.actors.add(actor)
        await self._reach()
        before = self._wrapped(key)
        if before is None or before.wrapped != key.wrapped.wrapped:
            return False
        if key.operation_id:
            parameters = self.operations.operations[key.operation_id].parameters
            parameters["private_key"] = replace(parameters["private_key"], wrapped=wrapped)
        else:
            row = self._row(key)
            row.wrapped, row.wrapped_by = wrapped, wrapped.key_encryption_key_id
        kind = "fingerprint_key" if key.fingerprint_key_id else "import_key" if key.operation_id else "data_key"
        name = key.fingerprint_key_id or key.operation_id or f"version {key.key_version}"
        detail = f"{name} from {before.key_encryption_key_id} to {wrapped.key_encryption_key_id}"
        self.operations.record(f"rewrap_{kind}", "done", Actor(actor, ""), key.merchant_id, detail)
        return True

    async def cards_to_fingerprint(self, key_id: str, after: str, limit: int) -> Sequence[CardToFingerprint]:
        await self._reach()
        return [
            CardToFingerprint(token_id, card.merchant_id, self._key_of(card).stored(card.key_version), card.sealed)
            for token_id, card in sorted(self.cards.items())
            if token_id > after and not self._knows(key_id, card) and self._key_of(card).state != "destroyed"
        ][:limit]

    async def add_fingerprint(self, token_id: TokenId, recognition: Recognition) -> bool:
        await self._reach()
        if list(recognition.key_ids) != self._key_ids():
            raise KeyRetired
        card = self.cards.get(token_id)
        if card is None:
            return False
        card.fingerprint_id = self._recognise(card.merchant_id, recognition, card.fingerprint_id or recognition.new_id)
        return True

    async def finish_fingerprint_rotation(self, key_id: str, idle_seconds: int, actor: str) -> tuple[int, bool]:
        self.actors.add(actor)
        await self._reach()
        left = sum(
            not self._knows(key_id, card) and self._key_of(card).state != "destroyed" for card in self.cards.values()
        )
        old = next((key for key in self.fingerprint_rows.values() if key.state == "retiring"), None)
        if old is None:
            return left, True
        if left or not self._idle(old, idle_seconds) or self.fingerprint_rows[key_id].state != "active":
            return left, False
        old.state, old.wrapped, old.changed_at = "destroyed", None, self.time
        return left, True

    async def forget_fingerprints(self, limit: int) -> int:
        await self._reach()
        useless = [place for place in self.fingerprints if self.fingerprint_rows[place[1]].state == "destroyed"]
        for place in useless[:limit]:
            del self.fingerprints[place]
        return len(useless[:limit])

    async def key_inventory(self, after: str, limit: int) -> Sequence[KeyRecord]:
        await self._reach()
        by_key = [key_id for _, key_id, _ in self.fingerprints]
        records = [
            self._record(f"fingerprint/{key_id}", KeptKind.FINGERPRINT_KEY, key_id, "", key, by_key.count(key_id))
            for key_id, key in self.fingerprint_rows.items()
        ]
        for merchant_id, keys in self.data_keys.items():
            for version, key in keys.items():
                place, key_id = f"merchant/{merchant_id}/{version:010}", f"{merchant_id}/{version}"
                rows = sum(
                    (card.merchant_id, card.key_version) == (merchant_id, version) for card in self.cards.values()
                )
                records.append(self._record(place, KeptKind.DATA_KEY, key_id, merchant_id, key, rows))
        records += [_import_record(kept, private) for kept, private in self._import_keys()]
        return sorted((each for each in records if each.position > after), key=lambda each: each.position)[:limit]

    async def key_encryption_keys(self) -> Mapping[str, int]:
        await self._reach()
        kept = [*self.fingerprint_rows.values(), *(key for keys in self.data_keys.values() for key in keys.values())]
        wrapped = [
            *(key.wrapped for key in kept if key.wrapped is not None),
            *(private.wrapped for _, private in self._import_keys() if private is not None),
        ]
        return Counter(each.key_encryption_key_id for each in wrapped)

    # ----------------------------------------------------------------------------------------------------------------

    def _import_keys(self) -> Iterator[tuple[KeptOperation, SealedImportKey | None]]:
        for kept in self.operations.operations.values():
            if kept.kind is OperationKind.IMPORT_CARDS and "public_key" in kept.parameters:
                yield kept, kept.parameters.get("private_key")

    def _wrapped(self, key: KeyToRewrap) -> WrappedKey | None:
        if not key.operation_id:
            return self._row(key).wrapped
        private = self.operations.operations[key.operation_id].parameters.get("private_key")
        return None if private is None else private.wrapped

    def _row(self, key: KeyToRewrap) -> KeyRow:
        if key.fingerprint_key_id:
            return self.fingerprint_rows[key.fingerprint_key_id]
        return self.data_keys[key.merchant_id][key.key_version]

    def _record(
        self, position: str, kind: KeptKind, key_id: str, merchant_id: str, key: KeyRow, rows: int
    ) -> KeyRecord:
        return KeyRecord(
            position=position,
            kind=kind,
            key_id=key_id,
            merchant_id=merchant_id,
            state=key.state,
            key_encryption_key_id=key.wrapped_by,
            created_at=key.created_at,
            state_changed_at=key.changed_at,
            rows=rows,
        )

    def _active(self, merchant_id: MerchantId) -> StoredDataKey | None:
        keys = self.data_keys.get(merchant_id, {})
        return next((key.stored(version) for version, key in keys.items() if key.state == "active"), None)

    def _key_of(self, card: CardRow) -> KeyRow:
        return self.data_keys[card.merchant_id][card.key_version]

    def _fingerprint_keys(self) -> list[StoredFingerprintKey]:
        return [
            StoredFingerprintKey(key_id, active=key.state == "active", wrapped=key.wrapped)
            for key_id, key in sorted(self.fingerprint_rows.items(), key=lambda item: item[1].state)
            if key.wrapped is not None
        ]

    def _key_ids(self) -> list[str]:
        return [key.key_id for key in self._fingerprint_keys()]

    def _recognise(self, merchant_id: MerchantId, recognition: Recognition, new_id: str) -> str:
        places = [
            (merchant_id, key_id, fingerprint)
            for key_id, fingerprint in zip(recognition.key_ids, recognition.fingerprints, strict=True)
        ]
        known = next((self.fingerprints[place] for place in places if place in self.fingerprints), new_id)
        return self.fingerprints.setdefault(places[0], known)

    def _knows(self, key_id: str, card: CardRow) -> bool:
        return any(
            known == key_id and fingerprint_id == card.fingerprint_id
            for (_, known, _), fingerprint_id in self.fingerprints.items()
        )

    def _idle(self, key: KeyRow, idle_seconds: int) -> bool:
        return key.changed_at <= self.time - timedelta(seconds=idle_seconds)

    async def _reach(self) -> None:
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)


def _import_record(kept: KeptOperation, private: SealedImportKey | None) -> KeyRecord:
    return KeyRecord(
        position=f"import/{kept.operation_id}",
        kind=KeptKind.IMPORT_KEY,
        key_id=kept.operation_id,
        merchant_id=kept.merchant_id,
        state="destroyed" if private is None else "active",
        key_encryption_key_id="" if private is None else private.wrapped.key_encryption_key_id,
        created_at=kept.requested_at,
        state_changed_at=kept.finished_at or kept.requested_at,
        rows=0,
    )
