"""The vault's use cases over the real database and a keyring file, for one merchant of its own."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.vault.clocks import FakeClock
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.keyring.key_provider import create_keyring, load_keyring
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.customer_store import PostgresCustomerStore
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.application.access_rate import AccessRate
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import DescribeToken, known_tokens
from vault_svc.application.detokenize import Detokenize, RevealedCard
from vault_svc.application.keep_card import KeepCard
from vault_svc.application.manage_tokens import (
    AssignCustomer,
    DeleteToken,
    ListTokens,
    MakePermanent,
    UpdateToken,
)
from vault_svc.application.ports.card_store import CardRequest
from vault_svc.application.purge import Purge
from vault_svc.bootstrap import new_card_key
from vault_svc.domain.card import Expiry, accept_card
from vault_svc.domain.token import Actor, MerchantId, Purpose, Token, TokenId

ACTOR = Actor("key_1", "req_1")
NAME = "Grace Hopper"


@dataclass(slots=True, kw_only=True)
class DatabaseVault:
    """What one process of the vault can do."""

    store: PostgresCardStore
    keys: DataKeys
    create: CreateToken
    describe: DescribeToken
    list: ListTokens
    detokenize: Detokenize
    update: UpdateToken
    assign: AssignCustomer
    make_permanent: MakePermanent
    delete: DeleteToken
    purge: Purge
    merchant_id: MerchantId = field(default_factory=lambda: MerchantId(new_id("mer")))

    async def keep(self, number: str, code: str = "", **changes: Any) -> Token:
        """Keep a card of this merchant."""
        customer_id = changes.pop("customer_id", "")
        values: dict[str, Any] = {"expiry": Expiry(12, 2030), "holder_name": NAME, "now": FakeClock().now()}
        card = accept_card(number=number, code=code, **values | changes)
        return await self.create(self.merchant_id, card, customer_id, ACTOR)

    async def reveal(self, token_id: str, payment_id: str = "pay_1", merchant_id: str = "") -> RevealedCard:
        """Open a card for a payment."""
        return await self.detokenize(
            CardRequest(
                merchant_id=MerchantId(merchant_id or self.merchant_id),
                token_id=TokenId(token_id),
                purpose=Purpose.AUTHORIZATION,
                payment_id=payment_id,
                caller="psp_connectors",
                request_id="req_2",
            )
        )


def keyring_in(directory: Path) -> Path:
    """Make a keyring file, if there is none yet."""
    path = directory / "keyring.json"
    if not path.exists():
        create_keyring(path)
    return path


@asynccontextmanager
async def open_vault(url: str, keyring: Path, *, pool_size: int = 4) -> AsyncIterator[DatabaseVault]:
    """Give a process over the database of `url`."""
    database = Database(url, pool_size=pool_size, name="test")
    await database.open()
    store = PostgresCardStore(database)
    keys = DataKeys(
        store=PostgresKeyStore(database),
        provider=load_keyring(keyring, environment="dev"),
        cipher_of=AesGcmCardCipher,
        new_fingerprint_key_id=lambda: new_id("fpk"),
        monotonic=time.monotonic,
    )
    sealer = CardSealer(AesGcmCardCipher, new_card_key)
    known = known_tokens(time.monotonic)
    keep_card = KeepCard(store, keys, sealer, lambda: TokenId(new_id("tok")), lambda: new_id("fpr"))
    describe = DescribeToken(store, known, SystemClock())
    try:
        yield DatabaseVault(
            store=store,
            keys=keys,
            create=CreateToken(keep_card, known),
            describe=describe,
            list=ListTokens(store),
            detokenize=Detokenize(
                store, keys, sealer, known, AccessRate(per_second=1_000_000, monotonic=time.monotonic)
            ),
            update=UpdateToken(store, keys, sealer, describe, known, FakeClock()),
            assign=AssignCustomer(PostgresCustomerStore(database), describe, known),
            make_permanent=MakePermanent(store, known),
            delete=DeleteToken(store, known),
            purge=Purge(store, keys),
        )
    finally:
        await database.close()
