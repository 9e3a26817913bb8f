"""The vault's use cases that need two approvers, over the ports in memory."""

import json
from typing import Any

from jwcrypto import jwe, jwk

from mesh.identifiers import new_id
from tests.fakes.vault.operation_store import FakeOperationStore
from tests.fakes.vault.transfer_store import FakeTransferStore
from tests.unit.vault_svc.vaults import MERCHANT, Vault
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.jwe.card_envelopes import JweCardEnvelopes
from vault_svc.application.controlled_operations import ControlledOperations, OperationRequest
from vault_svc.application.destroy_data_key import DestroyDataKey
from vault_svc.application.export_cards import ExportCards
from vault_svc.application.import_cards import ImportCards, ImportedLine, ImportKeys
from vault_svc.application.ports.operation_store import OperationKind
from vault_svc.domain.token import Actor, MerchantId, Token

ASKER = Actor("key_asker", "req_1")
FIRST = Actor("key_first", "req_2")
SECOND = Actor("key_second", "req_3")
WORKER = Actor("key_worker", "req_4")
EXPORT, IMPORT, DESTROY = OperationKind.EXPORT_CARDS, OperationKind.IMPORT_CARDS, OperationKind.DESTROY_DATA_KEY


class Transfers:
    """One vault with everything that operators do."""

    def __init__(self, vault: Vault | None = None) -> None:
        self.vault = vault or Vault()
        self.store = FakeOperationStore(self.vault.store)
        self.transfers = FakeTransferStore(self.store)
        self.envelopes = JweCardEnvelopes()
        self.operations = ControlledOperations(self.store, self.envelopes, lambda: new_id("cop"))
        self.destroy = DestroyDataKey(self.store, self.vault.keys)
        self.export = ExportCards(self.store, self.vault.keys, self.vault.sealer, self.envelopes)
        self.keys = ImportKeys(self.store, self.transfers, self.vault.provider, self.envelopes, AesGcmCardCipher)
        self.take = ImportCards(
            operations=self.store,
            store=self.transfers,
            keys=self.keys,
            keep_card=self.vault.keep_card,
            clock=self.vault.store.clock,
        )

    async def approved(
        self, kind: OperationKind, public_key: str = "", key_version: int = 0, merchant_id: MerchantId = MERCHANT
    ) -> str:
        """Request an operation and approve it with two keys; give its id."""
        made = await self.operations.request(OperationRequest(kind, merchant_id, public_key, key_version), ASKER)
        for approver in (FIRST, SECOND):
            await self.operations.approve(made.operation_id, approver)
        return made.operation_id

    async def keep(self, number: str, customer_id: str = "", **changes: Any) -> Token:
        """Keep a permanent card of the merchant."""
        return await self.vault.keep_card(
            MERCHANT,
            self.vault.card(number, "", **changes),
            customer_id=customer_id,
            life_seconds=None,
            actor=ASKER,
        )

    async def exported(
        self, operation_id: str, page_size: int = 100, actor: Actor = WORKER
    ) -> tuple[list[str], list[str]]:
        """Page through an export to its end; give envelopes and unreadable tokens."""
        envelopes: list[str] = []
        unreadable: list[str] = []
        position = ""
        for _ in range(1_000):
            page = await self.export(operation_id, position, page_size, actor)
            envelopes += page.envelopes
            unreadable += page.unreadable
            position = page.next_position
            if not position:
                return envelopes, unreadable
        raise AssertionError("the export has no end")

    async def importing(self) -> tuple[str, "Sender"]:
        """Begin an import; give its id, and another vault that encrypts for its key."""
        operation_id = await self.approved(IMPORT)
        return operation_id, Sender(json.dumps(dict(await self.keys.public_key(operation_id, WORKER))))

    async def taken(self, operation_id: str, *envelopes: str, last: bool = False) -> list[ImportedLine]:
        """Send one page of an import."""
        return list(await self.take(operation_id, envelopes, WORKER, last=last))


class Recipient:
    """Another vault that cards are exported to, with another implementation of JWE."""

    def __init__(self, **parameters: Any) -> None:
        self.key = jwk.JWK.generate(**parameters or {"kty": "EC", "crv": "P-256"})
        self.public_key: str = self.key.export_public()

    def open(self, envelope: str) -> dict[str, Any]:
        """Give the card of an envelope."""
        opened = jwe.JWE()
        opened.deserialize(envelope, self.key)
        card: dict[str, Any] = json.loads(opened.payload)
        return card


class Sender:
    """Another vault that cards are imported from."""

    def __init__(self, public_key: str) -> None:
        self.key = jwk.JWK.from_json(public_key)

    def seal(self, **card: Any) -> str:
        """Give the envelope of a card."""
        return self.seal_text(json.dumps(card).encode())

    def seal_text(self, text: bytes) -> str:
        """Give an envelope of any text."""
        header = json.dumps({"alg": "ECDH-ES+A256KW", "enc": "A256GCM"})
        made = jwe.JWE(text, header, recipient=self.key, algs=["ECDH-ES+A256KW", "A256GCM"])
        return str(made.serialize(compact=True))
