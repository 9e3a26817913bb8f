"""What lies in the vault's tables, who may touch them, and what a tampered row comes to; over the real PostgreSQL."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.clocks import FakeClock
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.keyring.key_provider import create_keyring, load_keyring
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import known_tokens
from vault_svc.application.detokenize import Detokenize, RevealedCard
from vault_svc.application.ports.card_store import CardRequest
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.purge_codes import PurgeCodes
from vault_svc.domain.card import Expiry, accept_card
from vault_svc.domain.sealing import SealBrokenError, write_code
from vault_svc.domain.secret_values import CardSecurityCode
from vault_svc.domain.token import MerchantId, Purpose, Token, TokenId

pytestmark = pytest.mark.integration

NUMBER = "4000056655665556"
OTHER_NUMBER = "5200828282828210"
CODE = "9174"
AMEX = "371449635398431"
NAME = "Grace Hopper"

Administrator = psycopg.Connection[tuple[object, ...]]


@dataclass(slots=True)
class Vault:
    """The vault's use cases over the real database and a keyring file, for one merchant of its own."""

    store: PostgresCardStore
    create: CreateToken
    detokenize: Detokenize
    merchant_id: MerchantId

    async def keep(self, number: str = NUMBER, code: str = "") -> Token:
        card = accept_card(number=number, expiry=Expiry(12, 2030), code=code, holder_name=NAME, now=FakeClock().now())
        return await self.create(self.merchant_id, card)

    async def reveal(self, token_id: str, merchant_id: str = "", payment_id: str = "pay_1") -> RevealedCard:
        return await self.detokenize(
            CardRequest(
                merchant_id=MerchantId(merchant_id or self.merchant_id),
                token_id=TokenId(token_id),
                purpose=Purpose.AUTHORIZATION,
                payment_id=payment_id,
                caller="psp_connectors",
                request_id="req_1",
            )
        )


@pytest.fixture
async def vault(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Vault]:  # noqa: F811
    create_keyring(tmp_path / "keyring.json")
    provider = load_keyring(tmp_path / "keyring.json", environment="dev")
    database = Database(postgres.role_urls["vault_svc"], pool_size=2, name="test")
    await database.open()
    store = PostgresCardStore(database)
    keys = DataKeys(store=store, provider=provider, cipher_of=AesGcmCardCipher, monotonic=time.monotonic)
    yield Vault(
        store,
        CreateToken(store, keys, new_token_id=lambda: TokenId(new_id("tok")), known=known_tokens(time.monotonic)),
        Detokenize(store, keys),
        MerchantId(new_id("mer")),
    )
    await database.close()


@pytest.fixture
def administrator(postgres: PostgresServer) -> Iterator[Administrator]:  # noqa: F811
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        yield connection


def forms_of(secret: str) -> list[bytes]:
    """Give the secret as it would lie somewhere in the clear: as text, in hex, in groups of four, in UTF-16."""
    text = secret.encode()
    spaced = b" ".join(text[start : start + 4] for start in range(0, len(text), 4))
    return [text, text.hex().encode(), spaced, secret.encode("utf-16-le")]


async def test_a_superuser_finds_no_card_in_any_row_or_file_of_the_cluster(
    vault: Vault,
    administrator: Administrator,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    token = await vault.keep()
    amex = await vault.keep(AMEX, CODE)
    await vault.reveal(token.token_id)
    with pytest.raises(Refusal):
        await vault.reveal(NUMBER)
    administrator.execute("CHECKPOINT")
    tables = [name for (name,) in administrator.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'vault'")]
    assert set(tables) == {"data_key", "card", "card_code", "card_access"}
    rows = b""
    for table in tables:
        with administrator.cursor().copy(f"COPY vault.{table} TO STDOUT".encode()) as copying:
            rows += b"".join(bytes(block) for block in copying)
    files = b"".join(path.read_bytes() for path in postgres.directory.rglob("*") if path.is_file())
    # What may be shown is there, so the search looks in the right place.
    assert token.token_id.encode() in rows
    assert amex.token_id.encode() in files
    # A code as it is before it is sealed; four digits alone turn up in any timestamp.
    for secret in (NUMBER, AMEX, NAME, write_code(CardSecurityCode(CODE)).decode()):
        for form in forms_of(secret):
            assert form not in rows
            assert form not in files


async def test_a_sealed_code_never_reaches_the_write_ahead_log_and_a_sealed_card_does(
    vault: Vault,
    administrator: Administrator,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    token = await vault.keep(AMEX, CODE)
    row = administrator.execute(
        "SELECT sealed_card, sealed_code, relpersistence = 'u' FROM vault.card JOIN vault.card_code USING (token_id),"
        " pg_class WHERE token_id = %s AND pg_class.oid = 'vault.card_code'::regclass",
        (token.token_id,),
    ).fetchone()
    assert row is not None
    sealed_card, sealed_code, unlogged = row
    assert isinstance(sealed_card, bytes)
    assert isinstance(sealed_code, bytes)
    await vault.reveal(token.token_id)
    administrator.execute("SELECT pg_switch_wal()")
    administrator.execute("CHECKPOINT")
    log = b"".join(
        path.read_bytes() for path in (postgres.directory / "cluster" / "data" / "pg_wal").iterdir() if path.is_file()
    )
    assert sealed_card in log
    assert sealed_code not in log
    assert unlogged
    persistence = administrator.execute(
        "SELECT relpersistence FROM pg_class WHERE relname = 'card_code_pkey' OR relname LIKE 'card_code_expires%%'"
    ).fetchall()
    assert persistence == [("u",), ("u",)]


async def test_a_code_used_up_is_gone_from_the_table(vault: Vault, administrator: Administrator) -> None:
    token = await vault.keep(AMEX, CODE)
    query = "SELECT expires_at - created_at FROM vault.card_code JOIN vault.card USING (token_id) WHERE token_id = %s"
    lives = administrator.execute(query, (token.token_id,)).fetchall()
    assert [str(life) for (life,) in lives] == ["0:15:00"]
    first = await vault.reveal(token.token_id)
    assert first.code is not None
    assert first.code.reveal() == CODE
    assert administrator.execute(query, (token.token_id,)).fetchall() == []
    assert (await vault.reveal(token.token_id)).code is None


async def test_expired_codes_are_purged_by_the_service(vault: Vault, administrator: Administrator) -> None:
    expired, fresh = await vault.keep(AMEX, CODE), await vault.keep(AMEX, CODE)
    administrator.execute("UPDATE vault.card_code SET expires_at = now() WHERE token_id = %s", (expired.token_id,))
    assert await PurgeCodes(vault.store)() == 1
    left = administrator.execute(
        "SELECT token_id FROM vault.card_code WHERE token_id = ANY(%s)", ([expired.token_id, fresh.token_id],)
    ).fetchall()
    assert left == [(fresh.token_id,)]


async def test_the_audit_says_who_got_which_card_what_for(vault: Vault, administrator: Administrator) -> None:
    token = await vault.keep(AMEX, CODE)
    stranger = new_id("mer")
    await vault.reveal(token.token_id, payment_id="pay_a")
    await vault.reveal(token.token_id, payment_id="pay_b")
    with pytest.raises(Refusal) as refused:
        await vault.reveal(token.token_id, merchant_id=stranger, payment_id="pay_c")
    assert refused.value.reason is Reason.TOKEN_NOT_FOUND
    rows = administrator.execute(
        "SELECT caller, purpose, payment_id, request_id, merchant_id, card_given, code_given"
        " FROM vault.card_access WHERE token_id = %s AND accessed_at > now() - interval '1 minute' ORDER BY access_id",
        (token.token_id,),
    ).fetchall()
    start = ("psp_connectors", "authorization")
    assert rows == [
        (*start, "pay_a", "req_1", vault.merchant_id, True, True),
        (*start, "pay_b", "req_1", vault.merchant_id, True, False),
        (*start, "pay_c", "req_1", stranger, False, False),
    ]


async def test_a_card_is_not_given_when_the_audit_can_not_be_written(
    vault: Vault, administrator: Administrator
) -> None:
    token = await vault.keep(AMEX, CODE)
    administrator.execute("ALTER TABLE vault.card_access ADD CONSTRAINT full_disk CHECK (payment_id <> 'pay_full')")
    try:
        with pytest.raises(psycopg.Error):
            await vault.reveal(token.token_id, payment_id="pay_full")
    finally:
        administrator.execute("ALTER TABLE vault.card_access DROP CONSTRAINT full_disk")
    # Nothing of the transaction was kept: the code is still there for the call that is written down.
    assert (await vault.reveal(token.token_id)).code is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault.card_access SET caller = 'nobody'",
        "DELETE FROM vault.card_access",
        "TRUNCATE vault.card_access",
    ],
)
async def test_not_even_the_administrator_changes_the_audit(
    vault: Vault, administrator: Administrator, statement: str
) -> None:
    token = await vault.keep()
    await vault.reveal(token.token_id)
    with pytest.raises(errors.RaiseException, match="never changed"):
        administrator.execute(statement.encode())


async def test_ciphertexts_exchanged_between_rows_do_not_open(vault: Vault, administrator: Administrator) -> None:
    first, second = await vault.keep(), await vault.keep(OTHER_NUMBER)
    administrator.execute(
        "UPDATE vault.card AS here SET sealed_card = there.sealed_card FROM vault.card AS there"
        " WHERE (here.token_id, there.token_id) IN ((%(a)s, %(b)s), (%(b)s, %(a)s))",
        {"a": first.token_id, "b": second.token_id},
    )
    for token in (first, second):
        with pytest.raises(SealBrokenError):
            await vault.reveal(token.token_id)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("set_byte(sealed_card, 40, get_byte(sealed_card, 40) # 1)", id="a-flipped-bit"),
        pytest.param("substring(sealed_card FROM 1 FOR 93)", id="cut"),
        pytest.param("sealed_card || '\\x00'::bytea", id="longer"),
    ],
)
async def test_a_changed_ciphertext_does_not_open(vault: Vault, administrator: Administrator, change: str) -> None:
    token = await vault.keep()
    # Long enough to be cut and still pass the table's own check of its length.
    long = await vault.create(
        vault.merchant_id,
        accept_card(number=NUMBER, expiry=Expiry(12, 2030), code="", holder_name=NAME * 5, now=FakeClock().now()),
    )
    for one in (token, long):
        assert (await vault.reveal(one.token_id)).details.number.reveal() == NUMBER
    updated = administrator.execute(
        f"UPDATE vault.card SET sealed_card = {change} WHERE token_id = %s".encode(), (long.token_id,)
    )
    assert updated.rowcount == 1
    with pytest.raises(SealBrokenError):
        await vault.reveal(long.token_id)


async def test_a_card_given_to_another_merchant_in_the_table_does_not_open(
    vault: Vault, administrator: Administrator
) -> None:
    token = await vault.keep()
    thief = new_id("mer")
    administrator.execute(
        "INSERT INTO vault.data_key (merchant_id, key_version, state, key_encryption_key_id, wrapped_key)"
        " SELECT %s, key_version, state, key_encryption_key_id, wrapped_key FROM vault.data_key WHERE merchant_id = %s",
        (thief, vault.merchant_id),
    )
    administrator.execute("UPDATE vault.card SET merchant_id = %s WHERE token_id = %s", (thief, token.token_id))
    with pytest.raises(KeyUnavailableError):
        await vault.reveal(token.token_id, merchant_id=thief)


class TestRoles:
    """The vault's role calls its procedures and nothing else; other roles don't even do that."""

    @pytest.fixture
    def relations(self, administrator: Administrator) -> list[str]:
        rows = administrator.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('vault', 'router', 'gateway', 'payera_migrations')"
        ).fetchall()
        return [str(name) for (name,) in rows]

    @pytest.mark.parametrize("role", ["vault_svc", "router_svc", "gateway_svc"])
    def test_no_role_reads_or_writes_a_table(
        self,
        postgres: PostgresServer,  # noqa: F811
        relations: list[str],
        role: str,
    ) -> None:
        assert "vault.card" in relations
        assert "router.priority_list" in relations
        with psycopg.connect(postgres.role_urls[role], autocommit=True) as connection:
            for relation in relations:
                for statement in (
                    f"SELECT FROM {relation}",
                    f"INSERT INTO {relation} DEFAULT VALUES",
                    f"DELETE FROM {relation}",
                    f"TRUNCATE {relation}",
                    f"COPY {relation} TO STDOUT",
                ):
                    with pytest.raises(errors.InsufficientPrivilege):
                        connection.execute(statement.encode())

    def test_the_vaults_role_calls_its_procedures(self, postgres: PostgresServer) -> None:  # noqa: F811
        with psycopg.connect(postgres.role_urls["vault_svc"], autocommit=True) as connection:
            assert connection.execute("SELECT * FROM vault.describe_token('mer_1', 'tok_1')").fetchall() == []
            assert connection.execute("SELECT * FROM vault.active_data_key('mer_1')").fetchall() == []

    @pytest.mark.parametrize("role", ["router_svc", "gateway_svc", "gateway_worker", "gateway_relay"])
    def test_no_other_role_calls_a_procedure_of_the_vault(
        self,
        postgres: PostgresServer,  # noqa: F811
        administrator: Administrator,
        role: str,
    ) -> None:
        signatures = administrator.execute(
            "SELECT p.oid::regprocedure::text, has_function_privilege(%(role)s, p.oid, 'EXECUTE'),"
            " has_function_privilege('vault_svc', p.oid, 'EXECUTE'), prorettype = 'trigger'::regtype"
            " FROM pg_proc p WHERE pronamespace = 'vault'::regnamespace",
            {"role": role},
        ).fetchall()
        assert len(signatures) >= 7
        for signature, others, vaults, trigger in signatures:
            assert not others, signature
            assert vaults is not trigger, signature
        with (
            psycopg.connect(postgres.role_urls[role], autocommit=True) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT * FROM vault.take_card('mer_1', 'tok_1', 'authorization', 'p', 'c', 'r')")

    def test_the_procedures_belong_to_a_role_nobody_logs_in_as(self, administrator: Administrator) -> None:
        rows = administrator.execute(
            "SELECT DISTINCT rolname, rolcanlogin, rolsuper, prosecdef, proconfig FROM pg_proc p"
            " JOIN pg_roles r ON r.oid = p.proowner"
            " WHERE pronamespace = 'vault'::regnamespace AND prorettype <> 'trigger'::regtype"
        ).fetchall()
        assert rows == [("payera_owner", False, False, True, ["search_path=vault, pg_temp"])]
