"""What imports keep, in memory, beside the operations and cards of the other fakes."""

import asyncio
from dataclasses import dataclass, field

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.operation_store import FakeOperationStore
from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import CardToKeep
from vault_svc.application.ports.operation_store import NotReady, OperationKind
from vault_svc.application.ports.transfer_store import CardKeeper, SealedImportKey, SourceIdReused, StoredImportKey
from vault_svc.domain.token import Actor, Token


@dataclass(slots=True)
class FakeTransferStore:
    """Keeps tokens by operation and source id; `fail_after` makes it unreachable after so many cards."""

    operations: FakeOperationStore
    imported: dict[tuple[str, str], Token] = field(default_factory=dict)
    fail_after: int | None = None
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def import_key(self, operation_id: str) -> StoredImportKey | None:
        await asyncio.sleep(0)
        kept = self.operations.operations.get(operation_id)
        if kept is None or kept.kind is not OperationKind.IMPORT_CARDS or "public_key" not in kept.parameters:
            return None
        return StoredImportKey(kept.parameters["public_key"], kept.parameters.get("private_key"))

    async def keep_import_key(
        self, operation_id: str, public: PublicKey, private: SealedImportKey, actor: Actor
    ) -> StoredImportKey | None:
        await asyncio.sleep(0)
        kept = self.operations.begun(operation_id, OperationKind.IMPORT_CARDS, actor)
        if kept is None:
            return None
        if "public_key" not in kept.parameters:
            kept.parameters |= {
                "public_key": dict(public.jwk),
                "public_key_digest": public.digest,
                "private_key": private,
            }
            detail = f"{operation_id} {public.digest}"
            self.operations.record("create_import_key", "done", actor, kept.merchant_id, detail)
        return StoredImportKey(kept.parameters["public_key"], kept.parameters["private_key"])

    def keeper(self, operation_id: str, source_id: str) -> CardKeeper:
        return _FakeKeeper(self, operation_id, source_id)


@dataclass(slots=True)
class _FakeKeeper:
    store: FakeTransferStore
    operation_id: str
    source_id: str

    async def keep_card(self, card: CardToKeep) -> Token:
        async with self.store.one_at_a_time:
            return await self._keep_card(card)

    async def _keep_card(self, card: CardToKeep) -> Token:
        if self.store.fail_after is not None:
            if self.store.fail_after == 0:
                raise Refusal(Reason.UNAVAILABLE)
            self.store.fail_after -= 1
        operation = self.store.operations.operations.get(self.operation_id)
        if (
            operation is None
            or operation.finished_at is not None
            or operation.expires_at <= self.store.operations.cards.clock.now()
            or (operation.kind, operation.merchant_id, operation.begun_by)
            != (OperationKind.IMPORT_CARDS, card.merchant_id, card.actor.name)
        ):
            raise NotReady("not begun with this key")
        cards = self.store.operations.cards
        known = self.store.imported.get((self.operation_id, self.source_id))
        if known is None:
            token = await cards.keep_card(card)
            self.store.imported[self.operation_id, self.source_id] = token
            return token
        recognition = card.recognition
        places = zip(recognition.key_ids, recognition.fingerprints, strict=True)
        found = {cards.fingerprints.get((card.merchant_id, *place)) for place in places} - {None}
        if found == {known.fingerprint} or (not found and known.fingerprint not in cards.fingerprints.values()):
            return known
        raise SourceIdReused
