"""Many calls at once, from several processes of the vault, over the real PostgreSQL; and a server that crashes."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.support.postgres import PostgresServer, postgres, running_postgres
from tests.support.vault_database import ACTOR, DatabaseVault, keyring_in, open_vault
from vault_svc.application.detokenize import RevealedCard
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Token

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

NUMBER = "4000056655665556"
CODE = "9174"
UP_AGAIN_SECONDS = 30.0

Administrator = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keyring_in(tmp_path_factory.mktemp("keyring"))


@pytest.fixture
async def processes(postgres: PostgresServer, keyring: Path) -> AsyncIterator[list[DatabaseVault]]:
    """Give three processes of the vault with nothing in memory, for one merchant."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(open_vault(postgres.role_urls["vault_svc"], keyring)) for _ in range(3)
        ]
        for vault in opened:
            vault.merchant_id = opened[0].merchant_id
        yield opened


@pytest.fixture
def administrator(postgres: PostgresServer) -> Iterator[Administrator]:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        yield connection


async def outcomes(*calls: Awaitable[object]) -> Counter[str]:
    """Count what came of calls at once: `done` or the reason of the refusal."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    unexpected = [each for each in found if isinstance(each, BaseException) and not isinstance(each, Refusal)]
    assert unexpected == []
    return Counter(each.reason.value if isinstance(each, Refusal) else "done" for each in found)


async def test_processes_that_meet_a_new_merchant_at_once_use_one_data_key_and_one_fingerprint(
    processes: list[DatabaseVault], administrator: Administrator
) -> None:
    tokens = await asyncio.gather(*(processes[turn % 3].keep(NUMBER) for turn in range(12)))
    assert len({token.fingerprint for token in tokens}) == 1
    rows = administrator.execute(
        "SELECT key_version, state FROM vault.data_key WHERE merchant_id = %s", (processes[0].merchant_id,)
    ).fetchall()
    assert rows == [(1, "active")]
    for turn, token in enumerate(tokens):
        revealed = await processes[(turn + 1) % 3].reveal(token.token_id)
        assert revealed.details.number.reveal() == NUMBER


async def test_of_many_payments_on_one_token_exactly_one_gets_the_card_and_its_code(
    processes: list[DatabaseVault], administrator: Administrator
) -> None:
    token = await processes[0].keep(NUMBER, CODE[:3])
    payments = [f"pay_{turn}" for turn in range(32)]
    found = await outcomes(
        *(processes[turn % 3].reveal(token.token_id, payment) for turn, payment in enumerate(payments))
    )
    assert found == {"done": 1, Reason.TOKEN_USED.value: 31}
    [(winner,)] = administrator.execute(
        "SELECT payment_id FROM vault.card WHERE token_id = %s", (token.token_id,)
    ).fetchall()
    again = await processes[1].reveal(token.token_id, str(winner))
    assert again.details.number.reveal() == NUMBER
    assert again.code is None
    told = administrator.execute(
        "SELECT outcome, detail, count(*) FROM vault.audit_record WHERE token_id = %s AND action = 'detokenize'"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        (token.token_id,),
    ).fetchall()
    assert told == [
        ("taken", "authorization", 1),
        ("taken", "authorization with code", 1),
        ("used", "authorization", 31),
    ]


async def test_updates_at_once_all_count_or_are_told_to_come_back_and_show_what_is_sealed(
    processes: list[DatabaseVault], administrator: Administrator
) -> None:
    token = await processes[0].keep(NUMBER)
    merchant_id = processes[0].merchant_id
    found = await outcomes(
        *(processes[turn % 3].update(merchant_id, token.token_id, Expiry(1 + turn, 2033), ACTOR) for turn in range(12))
    )
    assert set(found) <= {"done", Reason.UNAVAILABLE.value}
    assert found["done"] >= 5
    [(revision, month)] = administrator.execute(
        "SELECT revision, exp_month FROM vault.card WHERE token_id = %s", (token.token_id,)
    ).fetchall()
    assert revision == 1 + found["done"]
    assert (await processes[1].reveal(token.token_id)).details.expiry == Expiry(month, 2033)


async def test_cards_kept_and_changed_while_keys_are_replaced_are_all_readable(
    processes: list[DatabaseVault], administrator: Administrator
) -> None:
    one, two, other = processes
    merchant_id = processes[0].merchant_id
    early = await one.keep(NUMBER, CODE[:3])
    done: asyncio.Queue[Token] = asyncio.Queue()

    async def replace_keys() -> None:
        for version in (1, 2, 3):
            await other.keys.replace_data_key(merchant_id, version)
            # A card is sealed anew for a new key so often and no more: keys replaced faster than that are refused.
            for _ in range(4):
                await done.get()

    async def keep(vault: DatabaseVault) -> list[Token]:
        kept = []
        for _ in range(10):
            kept.append(await vault.keep(NUMBER, CODE[:3]))
            done.put_nowait(kept[-1])
            await vault.update(merchant_id, kept[-1].token_id, Expiry(3, 2033), ACTOR)
        return kept

    _, ours, theirs = await asyncio.gather(replace_keys(), keep(one), keep(two))
    assert len({token.fingerprint for token in (early, *ours, *theirs)}) == 1
    for token in (early, *ours, *theirs):
        revealed = await other.reveal(token.token_id)
        assert revealed.details.number.reveal() == NUMBER
        assert revealed.code is not None
    versions = administrator.execute(
        "SELECT key_version, state FROM vault.data_key WHERE merchant_id = %s ORDER BY 1", (merchant_id,)
    ).fetchall()
    assert versions == [(1, "decrypt_only"), (2, "decrypt_only"), (3, "decrypt_only"), (4, "active")]


async def test_a_fingerprint_key_replaced_under_load_leaves_one_id_per_number(
    processes: list[DatabaseVault], administrator: Administrator
) -> None:
    one, two, other = processes
    numbers = (NUMBER, "5200828282828210", "371449635398431")
    before = {number: (await one.keep(number)).fingerprint for number in numbers}
    active = (await other.keys.fingerprint_keys())[0].key_id

    async def keep(vault: DatabaseVault) -> list[tuple[str, str]]:
        return [(number, (await vault.keep(number)).fingerprint) for _ in range(6) for number in numbers]

    _, *kept = await asyncio.gather(other.keys.replace_fingerprint_key(active), keep(one), keep(two))
    try:
        assert {pair for pairs in kept for pair in pairs} == set(before.items())
        keys = administrator.execute(
            "SELECT key_id, count(*) FROM vault.fingerprint WHERE merchant_id = %s GROUP BY key_id",
            (processes[0].merchant_id,),
        ).fetchall()
        new = (await other.keys.fingerprint_keys())[0].key_id
        assert sorted(keys) == sorted([(active, 3), (new, 3)])
    finally:
        # Only one key may be replaced at a time, and other tests of this server replace theirs.
        administrator.execute("DELETE FROM vault.fingerprint WHERE key_id = %s", (active,))
        administrator.execute(
            "UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL WHERE key_id = %s", (active,)
        )


async def test_codes_are_gone_after_a_crash_of_postgresql_and_cards_are_not(tmp_path: Path) -> None:
    with running_postgres() as server:
        server.migrate()
        async with open_vault(server.role_urls["vault_svc"], keyring_in(tmp_path)) as vault:
            token = await vault.keep(NUMBER, CODE[:3])
            with psycopg.connect(server.admin_url, autocommit=True) as connection:
                row = connection.execute("SELECT sealed_code FROM vault.card_code").fetchone()
                assert row is not None
                # A backend that is killed makes the server end all others and recover as after a crash.
                os.kill(connection.info.backend_pid, signal.SIGKILL)
            revealed = await revealed_again(vault, token)
            assert revealed.details.number.reveal() == NUMBER
            assert revealed.code is None
            with psycopg.connect(server.admin_url, autocommit=True) as connection:
                assert connection.execute("SELECT count(*) FROM vault.card_code").fetchone() == (0,)
                assert connection.execute("SELECT count(*) FROM vault.card").fetchone() == (1,)
                connection.execute("CHECKPOINT")
            data = server.directory / "cluster" / "data"
            files = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
            assert bytes(row[0]) not in files
            # The vault serves on.
            again = await vault.keep(NUMBER, CODE[:3])
            assert (await vault.reveal(again.token_id)).code is not None


async def revealed_again(vault: DatabaseVault, token: Token) -> RevealedCard:
    """Reveal as soon as the server is up again; until then every answer is that it is not."""
    refusals: list[Reason] = []
    async with asyncio.timeout(UP_AGAIN_SECONDS):
        while True:
            try:
                revealed = await vault.reveal(token.token_id)
            except Refusal as refusal:
                refusals.append(refusal.reason)
                await asyncio.sleep(0.1)
            else:
                break
    assert set(refusals) <= {Reason.UNAVAILABLE}
    return revealed
