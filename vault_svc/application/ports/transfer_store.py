"""What an import keeps beside its cards: its key, and which line became which token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import CardToKeep
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.token import Actor, Token


class SourceIdReused(Exception):  # noqa: N818 - an answer, not a fault
    """Nothing was kept: the id came before in this import, with another card number."""


@dataclass(frozen=True, slots=True)
class SealedImportKey:
    """The private half of an import's key, sealed with a data key of its own; safe to store."""

    wrapped: WrappedKey
    sealed: bytes


@dataclass(frozen=True, slots=True)
class StoredImportKey:
    """The key of an import as it is kept; `private` is None once the import is finished."""

    public_key: Mapping[str, Any]
    private: SealedImportKey | None


class CardKeeper(Protocol):
    """The part of a card store that keeps a new card."""

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep a card under its new token. Raises KeyRetired."""
        ...


class TransferStore(Protocol):
    """Every method is one transaction, its audit record included. Raises Refusal(UNAVAILABLE) while out of reach."""

    async def import_key(self, operation_id: str) -> StoredImportKey | None:
        """Give the key of an import, None before it has one."""
        ...

    async def keep_import_key(
        self, operation_id: str, public: PublicKey, private: SealedImportKey, actor: Actor
    ) -> StoredImportKey | None:
        """Begin an approved import and keep its key, unless it has one; give the one that it has.

        None when there is no such import. Raises NotReady.
        """
        ...

    def keeper(self, operation_id: str, source_id: str) -> CardKeeper:
        """Give what keeps the card with this id of the file, once: again it gives the token of the first time.

        Its `keep_card` keeps permanent tokens without a code, and raises SourceIdReused and NotReady too.
        """
        ...
