"""Cards from before tokens had lives and cards had keys: the migration keeps them, and everything works on them."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from mesh.identifiers import new_id
from tests.support.postgres import SQL_ROOT, PostgresServer, running_postgres
from tests.support.vault_database import ACTOR, DatabaseVault, keyring_in, open_vault
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.keyring.key_provider import load_keyring
from vault_svc.application.data_keys import data_key_context
from vault_svc.domain.card import Expiry
from vault_svc.domain.sealing import Binding, SealBrokenError, SealedKind, write_code
from vault_svc.domain.secret_values import CardSecurityCode
from vault_svc.domain.token import MerchantId, TokenId, Usage

NUMBER = "4000056655665556"
#: As the vault wrote cards then: without an address.
OLD_TEXT = b'["4000056655665556",12,2030,"Grace Hopper"]'.ljust(64)
OLD_TOKEN = TokenId("tok_01JD3V7C4G6H8J0K2M4N6P8Q0R")


@dataclass(frozen=True, slots=True)
class Migrated:
    """A vault over a database that had a card before the migration."""

    server: PostgresServer
    vault: DatabaseVault


@pytest.fixture
async def migrated(tmp_path: Path) -> AsyncIterator[Migrated]:
    keyring = keyring_in(tmp_path)
    old = tmp_path / "sql"
    (old / "vault" / "migrations").mkdir(parents=True)
    shutil.copy(SQL_ROOT / "vault" / "migrations" / "0001_cards.sql", old / "vault" / "migrations")
    merchant_id = MerchantId(new_id("mer"))
    with running_postgres() as server:
        server.migrate(old)
        await keep_old_card(server, keyring, merchant_id)
        server.migrate()
        async with open_vault(server.role_urls["vault_svc"], keyring) as vault:
            vault.merchant_id = merchant_id
            yield Migrated(server, vault)


async def keep_old_card(server: PostgresServer, keyring: Path, merchant_id: MerchantId) -> None:
    """Write rows as the vault of before did: the card under the data key itself, the HMAC beside it, a code."""
    provider = load_keyring(keyring, environment="dev")
    new = await provider.generate_data_key(data_key_context(merchant_id, 1))
    cipher = AesGcmCardCipher(new.key)
    sealed_card = cipher.seal(Binding(merchant_id, OLD_TOKEN, 1, SealedKind.CARD), OLD_TEXT)
    code = write_code(CardSecurityCode("123"))
    sealed_code = cipher.seal(Binding(merchant_id, OLD_TOKEN, 1, SealedKind.CODE), code)
    with psycopg.connect(server.admin_url) as connection:
        connection.execute(
            "INSERT INTO vault.data_key (merchant_id, key_version, state, key_encryption_key_id, wrapped_key)"
            " VALUES (%s, 1, 'active', %s, %s)",
            (merchant_id, new.wrapped.key_encryption_key_id, new.wrapped.wrapped),
        )
        connection.execute(
            "INSERT INTO vault.card (token_id, merchant_id, key_version, sealed_card, brand, last4, bin, exp_month,"
            " exp_year, fingerprint, fingerprint_key_id)"
            " VALUES (%s, %s, 1, %s, 'visa', '5556', '400005', 12, 2030, %s, 'fpk_dev')",
            (OLD_TOKEN, merchant_id, sealed_card, bytes(32)),
        )
        connection.execute(
            "INSERT INTO vault.card_code (token_id, sealed_code, expires_at)"
            " VALUES (%s, %s, now() + interval '15 minutes')",
            (OLD_TOKEN, sealed_code),
        )
        connection.execute(
            "INSERT INTO vault.card_access (caller, purpose, payment_id, request_id, merchant_id, token_id, card_given,"
            " code_given) VALUES ('psp_connectors', 'authorization', 'pay_0', 'req_0', %s, %s, true, false)",
            (merchant_id, OLD_TOKEN),
        )


async def test_an_old_card_is_permanent_opens_and_gets_a_key_of_its_own_with_its_next_change(
    migrated: Migrated,
) -> None:
    vault = migrated.vault
    token = await vault.store.describe_token(vault.merchant_id, OLD_TOKEN)
    assert token is not None
    assert (token.usage, token.expire_time, token.fingerprint, token.customer_id) == (Usage.PERMANENT, None, "", "")
    assert (token.summary.networks, token.summary.funding) == ((), "unknown")
    for payment_id in ("pay_1", "pay_2"):
        revealed = await vault.reveal(OLD_TOKEN, payment_id)
        assert revealed.details.number.reveal() == NUMBER
        # Codes were not taken over: they are good for a quarter of an hour.
        assert revealed.code is None
    await vault.update(vault.merchant_id, OLD_TOKEN, Expiry(3, 2033), ACTOR)
    assert (await vault.reveal(OLD_TOKEN)).details.expiry == Expiry(3, 2033)
    with psycopg.connect(migrated.server.admin_url) as connection:
        row = connection.execute("SELECT sealed_key IS NOT NULL, revision FROM vault.card").fetchone()
        assert row == (True, 2)
        # What was written down before is still there, and nothing is added to it.
        assert connection.execute("SELECT payment_id FROM vault.card_access").fetchall() == [("pay_0",)]


async def test_new_cards_come_beside_old_ones_under_the_same_key_and_old_ones_are_deleted(migrated: Migrated) -> None:
    vault = migrated.vault
    token = await vault.keep(NUMBER)
    assert token.fingerprint.startswith("fpr_")
    assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER
    await vault.delete(vault.merchant_id, OLD_TOKEN, ACTOR)
    with psycopg.connect(migrated.server.admin_url) as connection:
        assert connection.execute("SELECT key_version, count(*) FROM vault.card GROUP BY 1").fetchall() == [(1, 1)]
        assert connection.execute("SELECT count(*) FROM vault.fingerprint").fetchone() == (1,)
    assert await vault.store.describe_token(vault.merchant_id, OLD_TOKEN) is None


async def test_an_old_card_whose_bytes_were_changed_does_not_open(migrated: Migrated) -> None:
    with psycopg.connect(migrated.server.admin_url) as connection:
        connection.execute(
            "UPDATE vault.card SET sealed_card = set_byte(sealed_card, 40, 255 - get_byte(sealed_card, 40))"
        )
    with pytest.raises(SealBrokenError):
        await migrated.vault.reveal(OLD_TOKEN)
