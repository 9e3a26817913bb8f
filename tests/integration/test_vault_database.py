"""What lies in the vault's tables and files, and what a tampered row comes to; over the real PostgreSQL."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.support.postgres import PostgresServer, postgres
from tests.support.vault_database import ACTOR, NAME, DatabaseVault, keyring_in, open_vault
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.keyring.key_provider import load_keyring
from vault_svc.application.data_keys import data_key_context
from vault_svc.application.ports.key_provider import KeyUnavailableError, WrappedKey
from vault_svc.domain.address import BillingAddress
from vault_svc.domain.card import Expiry
from vault_svc.domain.sealing import Binding, SealBrokenError, SealedKind, write_code
from vault_svc.domain.secret_values import CardSecurityCode

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

NUMBER = "4000056655665556"
OTHER_NUMBER = "5200828282828210"
CODE = "9174"
AMEX = "371449635398431"
STREET = "Arlington Ridge Road"
CODE_TABLES = (
    "SELECT relname, relpersistence::text FROM pg_class WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid ="
    " 'vault.card_code'::regclass) OR oid = 'vault.card_code'::regclass"
    " OR oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'vault.card_code'::regclass)"
)

Administrator = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # One for all tests of this server: the fingerprint key in its tables is under it.
    return keyring_in(tmp_path_factory.mktemp("keyring"))


@pytest.fixture
async def vault(postgres: PostgresServer, keyring: Path) -> AsyncIterator[DatabaseVault]:
    async with open_vault(postgres.role_urls["vault_svc"], keyring) as opened:
        yield opened


@pytest.fixture
def administrator(postgres: PostgresServer) -> Iterator[Administrator]:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        yield connection


def forms_of(secret: str) -> list[bytes]:
    """Give the secret as it would lie somewhere in the clear: as text, in hex, in groups of four, in UTF-16."""
    text = secret.encode()
    spaced = b" ".join(text[start : start + 4] for start in range(0, len(text), 4))
    return [text, text.hex().encode(), spaced, secret.encode("utf-16-le")]


def rows_of(administrator: Administrator) -> bytes:
    """Give every row of the vault as text and as it is sent in binary."""
    found = administrator.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'vault'")
    tables = [str(name) for (name,) in found]
    assert {"card", "card_code", "data_key", "fingerprint", "fingerprint_key", "audit_record"} <= set(tables)
    rows = b""
    for table in tables:
        for form in ("text", "binary"):
            with administrator.cursor().copy(f"COPY vault.{table} TO STDOUT (FORMAT {form})".encode()) as copying:
                rows += b"".join(bytes(block) for block in copying)
    return rows


def files_of(server: PostgresServer, below: str = "") -> bytes:
    """Give the bytes of every file of the cluster, or of those in a folder of its data."""
    folder = server.directory / "cluster" / "data" / below if below else server.directory
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def sealed_of(administrator: Administrator, token_id: str) -> tuple[bytes, ...]:
    """Give a card's sealed key, sealed card, the HMAC of its number and, if it has one, its sealed code."""
    row = administrator.execute(
        "SELECT sealed_key, sealed_card, known.fingerprint, sealed_code FROM vault.card"
        " JOIN vault.fingerprint AS known USING (merchant_id, fingerprint_id)"
        " LEFT JOIN vault.card_code USING (token_id) WHERE token_id = %s",
        (token_id,),
    ).fetchone()
    assert row is not None
    return tuple(bytes(value) for value in row if value is not None)


def key_encryption_keys_of(keyring: Path) -> list[bytes]:
    return [base64.b64decode(key) for key in json.loads(keyring.read_text())["key_encryption_keys"].values()]


def pieces_of(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + 12] for start in range(len(sealed) - 11)]


async def test_a_superuser_finds_no_card_in_any_row_or_file_of_the_cluster(
    vault: DatabaseVault,
    administrator: Administrator,
    postgres: PostgresServer,
) -> None:
    token = await vault.keep(NUMBER, address=BillingAddress(line1=STREET))
    amex = await vault.keep(AMEX, CODE)
    await vault.reveal(token.token_id)
    await vault.update(vault.merchant_id, token.token_id, Expiry(3, 2033), ACTOR)
    with pytest.raises(Refusal):
        await vault.reveal(NUMBER)
    administrator.execute("CHECKPOINT")
    rows, files = rows_of(administrator), files_of(postgres)
    # What may be shown is there, so the search looks in the right place.
    assert token.token_id.encode() in rows
    assert amex.token_id.encode() in files
    # A code as it is before it is sealed; four digits alone turn up in any timestamp.
    for secret in (NUMBER, AMEX, NAME, STREET, write_code(CardSecurityCode(CODE)).decode()):
        for form in forms_of(secret):
            assert form not in rows
            assert form not in files


async def test_no_key_lies_anywhere_in_the_clear(
    vault: DatabaseVault, administrator: Administrator, postgres: PostgresServer, keyring: Path
) -> None:
    token = await vault.keep(NUMBER, CODE[:3])
    sealed_key = sealed_of(administrator, token.token_id)[0]
    provider = load_keyring(keyring, environment="dev")
    [(kek_id, wrapped)] = administrator.execute(
        "SELECT key_encryption_key_id, wrapped_key FROM vault.data_key WHERE merchant_id = %s", (vault.merchant_id,)
    ).fetchall()
    data_key = await provider.unwrap(WrappedKey(kek_id, wrapped), data_key_context(vault.merchant_id, 1))
    place = Binding(vault.merchant_id, token.token_id, 1, SealedKind.CARD_KEY)
    card_key = AesGcmCardCipher(data_key).open(place, sealed_key)
    fingerprint_key = (await vault.keys.fingerprint_keys())[0].key.reveal()
    administrator.execute("CHECKPOINT")
    rows, files = rows_of(administrator), files_of(postgres)
    assert sealed_key in files
    for key in (data_key.reveal(), card_key, fingerprint_key, *key_encryption_keys_of(keyring)):
        assert len(key) == 32
        for form in (key, key.hex().encode(), base64.b64encode(key)):
            assert form not in rows
            assert form not in files


async def test_a_sealed_code_never_reaches_the_write_ahead_log_and_a_sealed_card_does(
    vault: DatabaseVault,
    administrator: Administrator,
    postgres: PostgresServer,
) -> None:
    token = await vault.keep(AMEX, CODE)
    sealed_key, sealed_card, _, sealed_code = sealed_of(administrator, token.token_id)
    await vault.reveal(token.token_id)
    administrator.execute("SELECT pg_switch_wal()")
    administrator.execute("CHECKPOINT")
    log = files_of(postgres, "pg_wal")
    # A record of the log is split where a page begins, so pieces are looked for.
    for written in (sealed_card, sealed_key):
        assert [piece for piece in pieces_of(written) if piece in log]
    assert not [piece for piece in pieces_of(sealed_code) if piece in log]
    persistence = administrator.execute(CODE_TABLES).fetchall()
    assert {kind for _, kind in persistence} == {"u"}
    assert len(persistence) >= 3


async def test_a_code_used_up_is_gone_from_the_table(vault: DatabaseVault, administrator: Administrator) -> None:
    token = await vault.keep(AMEX, CODE)
    query = (
        "SELECT code.expires_at - card.created_at FROM vault.card_code AS code JOIN vault.card AS card USING (token_id)"
        " WHERE token_id = %s"
    )
    lives = administrator.execute(query, (token.token_id,)).fetchall()
    assert [str(life) for (life,) in lives] == ["0:15:00"]
    first = await vault.reveal(token.token_id)
    assert first.code is not None
    assert first.code.reveal() == CODE
    assert administrator.execute(query, (token.token_id,)).fetchall() == []
    assert (await vault.reveal(token.token_id)).code is None


async def test_expired_codes_and_cards_are_purged_by_the_service(
    vault: DatabaseVault, administrator: Administrator
) -> None:
    await vault.purge()
    expired, fresh = await vault.keep(AMEX, CODE), await vault.keep(AMEX, CODE)
    administrator.execute("UPDATE vault.card_code SET expires_at = now() WHERE token_id = %s", (expired.token_id,))
    assert await vault.purge() == (1, 0)
    administrator.execute("UPDATE vault.card SET expires_at = now() WHERE token_id = %s", (expired.token_id,))
    assert await vault.purge() == (0, 1)
    for table in ("card", "card_code"):
        left = administrator.execute(
            f"SELECT token_id FROM vault.{table} WHERE token_id = ANY(%s)".encode(),
            ([expired.token_id, fresh.token_id],),
        ).fetchall()
        assert left == [(fresh.token_id,)]


async def test_a_deleted_card_is_in_no_row_and_after_a_rewrite_of_the_tables_in_none_of_their_files(
    vault: DatabaseVault,
    administrator: Administrator,
    postgres: PostgresServer,
) -> None:
    stays = await vault.keep(OTHER_NUMBER)
    token = await vault.keep(AMEX, CODE)
    sealed = sealed_of(administrator, token.token_id)
    kept = sealed_of(administrator, stays.token_id)
    assert len(sealed) == 4
    before = rows_of(administrator)
    assert all(part in before for part in (*sealed, *kept))
    await vault.delete(vault.merchant_id, token.token_id, ACTOR)
    after = rows_of(administrator)
    assert not [part for part in sealed if part in after]
    assert all(part in after for part in kept)
    # A plain VACUUM frees the place of a row and leaves its bytes there until others need it.
    for table in ("card", "card_code", "fingerprint"):
        administrator.execute(f"VACUUM FULL vault.{table}".encode())
    administrator.execute("CHECKPOINT")
    files = files_of(postgres, "base")
    assert not [part for part in sealed if part in files]
    assert all(part in files for part in kept)


async def test_the_audit_says_who_did_what_with_which_card(vault: DatabaseVault, administrator: Administrator) -> None:
    token = await vault.keep(AMEX, CODE)
    stranger = new_id("mer")
    await vault.reveal(token.token_id, "pay_a")
    await vault.reveal(token.token_id, "pay_a")
    for payment_id, merchant_id, reason in (
        ("pay_b", vault.merchant_id, Reason.TOKEN_USED),
        ("pay_c", stranger, Reason.TOKEN_NOT_FOUND),
    ):
        with pytest.raises(Refusal) as refused:
            await vault.reveal(token.token_id, payment_id, merchant_id)
        assert refused.value.reason is reason
    await vault.make_permanent(vault.merchant_id, token.token_id, "pay_a", ACTOR)
    await vault.delete(vault.merchant_id, token.token_id, ACTOR)
    rows = administrator.execute(
        "SELECT action, outcome, actor, request_id, payment_id, merchant_id, detail FROM vault.audit_record"
        " WHERE token_id = %s AND recorded_at > now() - interval '1 minute' ORDER BY recorded_at",
        (token.token_id,),
    ).fetchall()
    mine = vault.merchant_id
    asked, told = ("psp_connectors", "req_2"), ("key_1", "req_1")
    assert rows == [
        ("create_token", "done", *told, "", mine, ""),
        ("detokenize", "taken", *asked, "pay_a", mine, "authorization with code"),
        ("detokenize", "taken", *asked, "pay_a", mine, "authorization"),
        ("detokenize", "used", *asked, "pay_b", mine, "authorization"),
        ("detokenize", "not_found", *asked, "pay_c", stranger, "authorization"),
        ("make_permanent", "done", *told, "pay_a", mine, ""),
        ("delete_token", "done", *told, "", mine, ""),
    ]


async def test_a_card_is_not_given_when_the_audit_can_not_be_written(
    vault: DatabaseVault, administrator: Administrator
) -> None:
    token = await vault.keep(AMEX, CODE)
    administrator.execute("ALTER TABLE vault.audit_record ADD CONSTRAINT full_disk CHECK (payment_id <> 'pay_full')")
    try:
        with pytest.raises(psycopg.Error):
            await vault.reveal(token.token_id, "pay_full")
    finally:
        administrator.execute("ALTER TABLE vault.audit_record DROP CONSTRAINT full_disk")
    # Nothing of the transaction was kept: token and code are still there for the call that is written down.
    assert (await vault.reveal(token.token_id)).code is not None


@pytest.mark.parametrize("table", ["audit_record", "card_access", "approval"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_not_even_the_administrator_changes_what_was_written_down(
    administrator: Administrator, table: str, statement: str
) -> None:
    column = {"audit_record": "actor", "card_access": "caller", "approval": "approver"}[table]
    with pytest.raises(errors.RaiseException, match="never changed"):
        administrator.execute(statement.format(f"vault.{table}", column).encode())


@pytest.mark.parametrize(
    "columns",
    [
        "sealed_card = there.sealed_card",
        "sealed_key = there.sealed_key",
        "sealed_card = there.sealed_card, sealed_key = there.sealed_key",
    ],
)
async def test_ciphertexts_exchanged_between_rows_do_not_open(
    vault: DatabaseVault, administrator: Administrator, columns: str
) -> None:
    first, second = await vault.keep(NUMBER), await vault.keep(OTHER_NUMBER)
    administrator.execute(
        f"UPDATE vault.card AS here SET {columns} FROM vault.card AS there"
        " WHERE (here.token_id, there.token_id) IN ((%(a)s, %(b)s), (%(b)s, %(a)s))".encode(),
        {"a": first.token_id, "b": second.token_id},
    )
    for token in (first, second):
        with pytest.raises(SealBrokenError):
            await vault.reveal(token.token_id)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("sealed_card = set_byte(sealed_card, 40, get_byte(sealed_card, 40) # 1)", id="a-flipped-bit"),
        pytest.param("sealed_card = substring(sealed_card FROM 1 FOR 93)", id="cut"),
        pytest.param("sealed_card = sealed_card || '\\x00'::bytea", id="longer"),
        pytest.param("sealed_key = set_byte(sealed_key, 40, get_byte(sealed_key, 40) # 1)", id="a-flipped-bit-of-key"),
        pytest.param("sealed_key = sealed_key || '\\x00'::bytea", id="a-longer-key"),
        pytest.param("sealed_key = NULL", id="no-key"),
        pytest.param("exp_year = exp_year + 1", id="another-expiry"),
    ],
)
async def test_a_changed_row_does_not_open(vault: DatabaseVault, administrator: Administrator, change: str) -> None:
    # Long enough to be cut and still pass the table's own check of its length.
    token = await vault.keep(NUMBER, holder_name=NAME * 5)
    assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER
    updated = administrator.execute(f"UPDATE vault.card SET {change} WHERE token_id = %s".encode(), (token.token_id,))
    assert updated.rowcount == 1
    with pytest.raises(SealBrokenError):
        await vault.reveal(token.token_id)


async def test_a_card_given_to_another_merchant_in_the_table_does_not_open(
    vault: DatabaseVault, administrator: Administrator
) -> None:
    token = await vault.keep(NUMBER)
    thief = new_id("mer")
    administrator.execute(
        "INSERT INTO vault.data_key (merchant_id, key_version, state, key_encryption_key_id, wrapped_key)"
        " SELECT %s, key_version, state, key_encryption_key_id, wrapped_key FROM vault.data_key WHERE merchant_id = %s",
        (thief, vault.merchant_id),
    )
    administrator.execute("UPDATE vault.card SET merchant_id = %s WHERE token_id = %s", (thief, token.token_id))
    with pytest.raises(KeyUnavailableError):
        await vault.reveal(token.token_id, merchant_id=thief)


async def test_what_was_sealed_before_an_update_does_not_open_when_it_is_put_back(
    vault: DatabaseVault, administrator: Administrator
) -> None:
    token = await vault.keep(NUMBER)
    sealed_key, sealed_card, _ = sealed_of(administrator, token.token_id)
    await vault.update(vault.merchant_id, token.token_id, Expiry(3, 2033), ACTOR)
    assert (await vault.reveal(token.token_id)).details.expiry == Expiry(3, 2033)
    administrator.execute(
        "UPDATE vault.card SET sealed_key = %s, sealed_card = %s WHERE token_id = %s",
        (sealed_key, sealed_card, token.token_id),
    )
    with pytest.raises(SealBrokenError):
        await vault.reveal(token.token_id)


async def test_what_was_sealed_before_a_rotation_does_not_open_when_it_is_put_back(
    vault: DatabaseVault, administrator: Administrator
) -> None:
    token = await vault.keep(NUMBER)
    sealed_key, sealed_card, _ = sealed_of(administrator, token.token_id)
    await vault.keys.replace_data_key(vault.merchant_id, 1)
    await vault.update(vault.merchant_id, token.token_id, Expiry(12, 2030), ACTOR)
    assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER
    administrator.execute(
        "UPDATE vault.card SET sealed_key = %s, sealed_card = %s WHERE token_id = %s",
        (sealed_key, sealed_card, token.token_id),
    )
    with pytest.raises(SealBrokenError):
        await vault.reveal(token.token_id)
    # The old key is destroyed when nothing is under it: then the whole old row, version included, is worth nothing.
    administrator.execute(
        "UPDATE vault.data_key SET state = 'destroyed', wrapped_key = NULL WHERE merchant_id = %s AND key_version = 1",
        (vault.merchant_id,),
    )
    administrator.execute("UPDATE vault.card SET key_version = 1 WHERE token_id = %s", (token.token_id,))
    with pytest.raises(Refusal) as refused:
        await vault.reveal(token.token_id)
    assert refused.value.reason is Reason.TOKEN_NOT_FOUND
