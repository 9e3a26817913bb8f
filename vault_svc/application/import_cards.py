"""Takes cards that another vault encrypted for the key of an import which two people approved."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.controlled_operations import (
    finished_by,
    not_ready,
    operation_not_found,
    require_operation_id,
)
from vault_svc.application.keep_card import KeepCard
from vault_svc.application.ports.card_cipher import CipherOf
from vault_svc.application.ports.card_envelopes import CardEnvelopes, EnvelopeRefused, KeyPair, Open
from vault_svc.application.ports.card_store import CardStore
from vault_svc.application.ports.clock import Clock
from vault_svc.application.ports.key_provider import KeyProvider, KeyProviderDownError
from vault_svc.application.ports.operation_store import NotReady, OperationKind, OperationStore
from vault_svc.application.ports.transfer_store import SealedImportKey, SourceIdReused, TransferStore
from vault_svc.domain.bin_table import BinTables
from vault_svc.domain.sealing import Binding, SealedKind, frame
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import Actor, MerchantId
from vault_svc.domain.transferred_card import (
    EXPIRED,
    CardTextRefused,
    TransferredCard,
    accept_transferred,
    read_text,
    source_id_of,
)

REUSED: Final = "id: it came before in this import, with another card number."

_IMPORT_KEY: Final = b"payera.vault.import-key.v1"
# The data key that an import's private key is sealed with has no other use, and so no other version.
_KEY_VERSION: Final = 1

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """What became of a line, without any digit of its card.

    With a token the card was taken, and `error` is a remark; without one it was refused. `source_id` is empty when the
    line gave none that can be shown.
    """

    token_id: str
    error: str
    source_id: str


@dataclass(frozen=True, slots=True)
class ImportKeys:
    """Makes and opens the keys of imports: one for each, its private half sealed with a data key of the provider."""

    operations: OperationStore
    store: TransferStore
    provider: KeyProvider
    envelopes: CardEnvelopes
    cipher_of: CipherOf

    async def public_key(self, operation_id: str, actor: Actor) -> Mapping[str, Any]:
        """Give the public key of an import, which this begins; it is made when there is none.

        Raises Refusal(OPERATION_NOT_FOUND) or (OPERATION_NOT_READY).
        """
        require_operation_id(operation_id)
        merchant_id = await begin_import(self.operations, operation_id, actor)
        kept = await self.store.import_key(operation_id)
        if kept is None:
            pair = self.envelopes.new_key_pair()
            sealed = await self._sealed(operation_id, merchant_id, pair)
            # Another call may have been first: what is stored counts, not what was made here.
            try:
                kept = await self.store.keep_import_key(operation_id, pair.public, sealed, actor)
            except NotReady as reason:
                raise not_ready(operation_id, reason) from None
        if kept is None:
            raise operation_not_found(operation_id)
        return kept.public_key

    async def opener(self, operation_id: str, merchant_id: MerchantId) -> Open:
        """Give what opens the envelopes of an import. Raises Refusal(OPERATION_NOT_READY) before it has a key."""
        kept = await self.store.import_key(operation_id)
        if kept is None or kept.private is None:
            raise not_ready(operation_id, NotReady("it has no key yet: ask for the import key, and encrypt for it"))
        key = await _asked(self.provider.unwrap(kept.private.wrapped, import_key_context(operation_id, merchant_id)))
        binding = _binding(operation_id, merchant_id)
        return self.envelopes.opener(SecretKey(self.cipher_of(key).open(binding, kept.private.sealed)))

    async def _sealed(self, operation_id: str, merchant_id: MerchantId, pair: KeyPair) -> SealedImportKey:
        new = await _asked(self.provider.generate_data_key(import_key_context(operation_id, merchant_id)))
        sealed = self.cipher_of(new.key).seal(_binding(operation_id, merchant_id), pair.private.reveal())
        return SealedImportKey(new.wrapped, sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCards:
    """Takes pages of an import: each line is taken or refused by itself, and a line that comes again is known."""

    operations: OperationStore
    store: TransferStore
    keys: ImportKeys
    keep_card: KeepCard
    clock: Clock
    bin_tables: BinTables | None = None

    async def __call__(
        self, operation_id: str, envelopes: Sequence[str], actor: Actor, *, last: bool
    ) -> Sequence[ImportedLine]:
        """Give what became of each envelope, in their order; `last` finishes the operation afterwards.

        Raises Refusal(OPERATION_NOT_FOUND) or (OPERATION_NOT_READY), and (UNAVAILABLE) in the middle of a page, which
        may then come again as a whole.
        """
        require_operation_id(operation_id)
        # Only a page without lines can be answered again after the end: the key that opens lines is gone.
        if last and not envelopes and await finished_by(self.operations, operation_id, actor):
            return []
        merchant_id = await begin_import(self.operations, operation_id, actor)
        lines: list[ImportedLine] = []
        if envelopes:
            open_envelope = await self.keys.opener(operation_id, merchant_id)
            for envelope in envelopes:
                lines.append(await self._imported(operation_id, merchant_id, envelope, open_envelope, actor))
                # Payments run in this process too: none waits for more than one card.
                await asyncio.sleep(0)
        if last:
            await self.operations.finish(operation_id, actor, f"{len(lines)} cards on the last page")
        return lines

    async def _imported(
        self, operation_id: str, merchant_id: MerchantId, envelope: str, open_envelope: Open, actor: Actor
    ) -> ImportedLine:
        source_id = ""
        try:
            text = read_text(open_envelope(envelope))
            source_id = source_id_of(text)
            now = self.clock.now()
            table = None if self.bin_tables is None else self.bin_tables.at(now.date())
            card = accept_transferred(text, now, table)
            token_id = await self._kept(operation_id, merchant_id, card, actor)
        except (EnvelopeRefused, CardTextRefused) as refused:
            return ImportedLine("", str(refused), source_id)
        except SourceIdReused:
            return ImportedLine("", REUSED, source_id)
        except NotReady as reason:
            raise not_ready(operation_id, reason) from None
        return ImportedLine(token_id, EXPIRED if card.expired else "", source_id)

    async def _kept(self, operation_id: str, merchant_id: MerchantId, card: TransferredCard, actor: Actor) -> str:
        keeper = self.store.keeper(operation_id, card.source_id)
        # Of its store KeepCard calls `keep_card` alone.
        keep = replace(self.keep_card, store=cast("CardStore", keeper))
        token = await keep(merchant_id, card.card, customer_id=card.customer_id, life_seconds=None, actor=actor)
        return token.token_id


async def begin_import(store: OperationStore, operation_id: str, actor: Actor) -> MerchantId:
    """Begin an import or go on with it. Raises Refusal(OPERATION_NOT_FOUND) or (OPERATION_NOT_READY)."""
    try:
        merchant_id = await store.begin(operation_id, OperationKind.IMPORT_CARDS, actor)
    except NotReady as reason:
        raise not_ready(operation_id, reason) from None
    if merchant_id is None:
        raise operation_not_found(operation_id)
    return merchant_id


def import_key_context(operation_id: str, merchant_id: MerchantId) -> bytes:
    """Give what the wrapped data key of an import is bound to."""
    return frame(_IMPORT_KEY, operation_id.encode(), merchant_id.encode())


def _binding(operation_id: str, merchant_id: MerchantId) -> Binding:
    return Binding(merchant_id, operation_id, _KEY_VERSION, SealedKind.CARD_KEY)


async def _asked(answer: Awaitable[Value]) -> Value:
    try:
        return await answer
    except KeyProviderDownError:
        raise Refusal(Reason.UNAVAILABLE) from None
