"""Procedures of the vault at the same time, on real connections: nobody waits in a circle, nothing is lost."""

import asyncio
import hashlib
import random
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from mesh.identifiers import new_id
from tests.sql.vault_world import VaultWorld, call, fingerprint, open_world
from tests.support.postgres import PostgresServer

ACCESSES = 64


@pytest.fixture
def world(postgres: PostgresServer) -> Iterator[VaultWorld]:
    with open_world(postgres) as opened:
        yield opened


def connected(world: VaultWorld) -> "psycopg.Connection[dict[str, Any]]":
    """Give a connection more; the administrator's, as there are more at once than the vault's role may have."""
    return psycopg.connect(world.server.admin_url, autocommit=True, row_factory=dict_row)


def deadlocks(world: VaultWorld) -> int:
    world.admin.execute("SELECT pg_stat_force_next_flush()")
    row = world.admin.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = 'payera'").fetchone()
    assert row is not None
    return int(row["deadlocks"])


def require_whole_chains(world: VaultWorld) -> None:
    """Require that every chain has all its records, each with the hash of itself and the one before, up to its head."""
    heads = {row["chain"]: row for row in world.rows("SELECT * FROM vault.audit_chain")}
    rows = world.rows(
        "SELECT chain, sequence, hash, (extract(EPOCH FROM recorded_at) * 1000000)::bigint::text AS at, action,"
        " outcome, actor, request_id, merchant_id, token_id, payment_id, detail FROM vault.audit_record"
        " ORDER BY chain, sequence"
    )
    last = {number: (0, hashlib.sha256(f"payera.vault.audit.v1/{number}".encode()).digest()) for number in heads}
    for row in rows:
        sequence, before = last[row["chain"]]
        assert row["sequence"] == sequence + 1
        fields = [str(row["chain"]), str(row["sequence"]), *list(row.values())[3:]]
        text = b"".join(len(each.encode()).to_bytes(4, "big") + each.encode() for each in fields)
        assert row["hash"] == hashlib.sha256(before + text).digest()
        last[row["chain"]] = (row["sequence"], row["hash"])
    assert last == {number: (head["sequence"], head["hash"]) for number, head in heads.items()}


async def test_accesses_at_once_leave_whole_chains_and_no_deadlock(world: VaultWorld) -> None:
    before = deadlocks(world)
    tokens = [world.keep(number=str(turn % 4)) for turn in range(16)]

    async def access(turn: int) -> str:
        async with await psycopg.AsyncConnection.connect(world.server.admin_url, autocommit=True) as connection:
            verdict = ""
            for token_id in random.Random(turn).sample(tokens, 8):
                cursor = await connection.execute(
                    "SELECT verdict FROM vault.take_cards(%s, %s, %s, %s, %s, %s)",
                    world.take_arguments(token_id, f"pay_{turn}"),
                )
                row = await cursor.fetchone()
                assert row is not None
                verdict = str(row[0])
            return verdict

    await asyncio.gather(*(access(turn) for turn in range(ACCESSES)))
    told = Counter(outcome for action, outcome in world.records() if action == "detokenize")
    # Each token has one payment, which asked for it once.
    assert told == {"taken": 16, "used": ACCESSES * 8 - 16}
    require_whole_chains(world)
    assert deadlocks(world) == before


async def test_cards_taken_together_in_any_order_wait_for_nobody_in_a_circle(world: VaultWorld) -> None:
    before = deadlocks(world)
    tokens = [world.keep() for _ in range(12)]

    async def access(turn: int) -> int:
        async with await psycopg.AsyncConnection.connect(world.server.admin_url, autocommit=True) as connection:
            together = random.Random(turn).sample(tokens, 9)
            cursor = await connection.execute(
                "SELECT verdict FROM vault.take_cards(%s, %s, %s, %s, %s, %s)",
                ([world.merchant_id] * 9, together, ["authorization"] * 9, [f"pay_{turn}"] * 9, ["c"] * 9, ["r"] * 9),
            )
            return [row[0] for row in await cursor.fetchall()].count("taken")

    assert sum(await asyncio.gather(*(access(turn) for turn in range(ACCESSES)))) == len(tokens)
    told = Counter(outcome for action, outcome in world.records() if action == "detokenize")
    assert told == {"taken": 12, "used": ACCESSES * 9 - 12}
    require_whole_chains(world)
    assert deadlocks(world) == before


def test_everything_at_once_on_few_numbers_leaves_whole_chains_and_no_deadlock(world: VaultWorld) -> None:
    before = deadlocks(world)
    numbers = ["4242", "4111", "5555"]

    def work(turn: int) -> None:
        chance = random.Random(turn)
        with connected(world) as connection:
            for _ in range(12):
                token_id = new_id("tok")
                arguments = world.keep_arguments(token_id, chance.choice(numbers))
                assert call(connection, "keep_card", *arguments)[0]["verdict"] == "kept"
                call(connection, "take_cards", *world.take_arguments(token_id, f"pay_{turn}"))
                match chance.randrange(4):
                    case 0:
                        call(connection, "delete_token", world.merchant_id, token_id, "key_1", "req")
                    case 1:
                        connection.execute(
                            "UPDATE vault.card SET expires_at = now() - interval '1 day' WHERE token_id = %s",
                            (token_id,),
                        )
                        call(connection, "purge_expired_tokens", 10)
                    case 2:
                        call(connection, "make_permanent", world.merchant_id, token_id, f"pay_{turn}", "g", "r")
                    case _:
                        sealed = secrets.token_bytes(61), secrets.token_bytes(93)
                        call(connection, "reseal_card", world.merchant_id, token_id, 1, 1, *sealed, 1, 2033, "k", "r")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert deadlocks(world) == before
    require_whole_chains(world)
    # As many ids as numbers, each known, and none that no card has.
    known = world.rows("SELECT fingerprint_id FROM vault.fingerprint WHERE merchant_id = %s", world.merchant_id)
    used = world.rows("SELECT DISTINCT fingerprint_id FROM vault.card WHERE merchant_id = %s", world.merchant_id)
    assert sorted(row["fingerprint_id"] for row in known) == sorted(row["fingerprint_id"] for row in used)
    assert len(known) <= len(numbers)


def test_purges_at_once_share_the_work_and_do_not_wait_in_a_circle(world: VaultWorld) -> None:
    world.call("purge_expired_tokens", 1_000)
    before = deadlocks(world)
    numbers = [str(number) for number in range(20)]
    for _ in range(3):
        # Each number twice, expiring in one order and in the other: two purges meet the numbers from both ends.
        for number, seconds in (*zip(numbers, range(20), strict=True), *zip(numbers, range(40, 20, -1), strict=True)):
            token_id = world.keep(number)
            world.admin.execute(
                "UPDATE vault.card SET expires_at = now() - interval '1 day' + make_interval(secs => %s)"
                " WHERE token_id = %s",
                (seconds, token_id),
            )
        gate = threading.Barrier(2)

        def purge(_: int, gate: threading.Barrier = gate) -> int:
            with connected(world) as connection:
                gate.wait()
                return int(call(connection, "purge_expired_tokens", 20)[0]["deleted"])

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(purge, range(2))) == 40
    assert deadlocks(world) == before
    assert world.rows("SELECT 1 FROM vault.fingerprint WHERE merchant_id = %s", world.merchant_id) == []


def test_a_number_that_only_the_old_fingerprint_key_knows_keeps_its_id_when_it_comes_many_times_at_once(
    world: VaultWorld,
) -> None:
    [old] = world.fingerprint_keys()
    world.replace_fingerprint_key(old)
    new, _ = world.fingerprint_keys()
    connections = [connected(world) for _ in range(8)]
    try:
        for turn in range(40):
            number, known = f"number-{turn}", new_id("fpr")
            world.admin.execute(
                "INSERT INTO vault.fingerprint (merchant_id, key_id, fingerprint, fingerprint_id)"
                " VALUES (%s, %s, %s, %s)",
                (world.merchant_id, old, fingerprint(old, number), known),
            )
            gate = threading.Barrier(len(connections))

            def keep(connection: Any, number: str = number, gate: threading.Barrier = gate) -> str:
                arguments = world.keep_arguments(
                    new_id("tok"),
                    number,
                    fingerprint_key_ids=[new, old],
                    fingerprints=[fingerprint(new, number), fingerprint(old, number)],
                )
                gate.wait()
                return str(call(connection, "keep_card", *arguments)[0]["fingerprint_id"])

            with ThreadPoolExecutor(len(connections)) as pool:
                assert set(pool.map(keep, connections)) == {known}
    finally:
        for connection in connections:
            connection.close()
        world.admin.execute("DELETE FROM vault.fingerprint WHERE key_id = %s", (old,))
        world.admin.execute(
            "UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL WHERE key_id = %s", (old,)
        )


def test_a_number_kept_while_its_last_card_is_shredded_is_not_forgotten(world: VaultWorld) -> None:
    last = world.keep("4242")
    with connected(world) as keeping, connected(world) as shredding, ThreadPoolExecutor(1) as pool:
        token_id = new_id("tok")
        with keeping.transaction():
            call(keeping, "keep_card", *world.keep_arguments(token_id, "4242"))
            # The other waits for the row of the number, and looks again when it has it.
            deleting = pool.submit(call, shredding, "delete_token", world.merchant_id, last, "key_1", "req")
            wait_until_blocked(world, shredding.info.backend_pid)
        assert deleting.result(10) == [{"deleted": True}]
    rows = world.rows(
        "SELECT card.fingerprint_id = known.fingerprint_id AS same FROM vault.card JOIN vault.fingerprint AS known"
        " USING (merchant_id) WHERE token_id = %s",
        token_id,
    )
    assert rows == [{"same": True}]


def test_a_number_kept_after_its_last_card_was_shredded_but_before_that_is_over_gets_a_new_id(
    world: VaultWorld,
) -> None:
    last = world.keep("4242")
    old = world.rows("SELECT fingerprint_id FROM vault.card WHERE token_id = %s", last)[0]["fingerprint_id"]
    with connected(world) as keeping, connected(world) as shredding, ThreadPoolExecutor(1) as pool:
        token_id = new_id("tok")
        arguments = world.keep_arguments(token_id, "4242")
        with shredding.transaction():
            call(shredding, "delete_token", world.merchant_id, last, "key_1", "req")
            kept = pool.submit(call, keeping, "keep_card", *arguments)
            wait_until_blocked(world, keeping.info.backend_pid)
        [row] = kept.result(10)
    assert row["verdict"] == "kept"
    rows = world.rows("SELECT fingerprint_id FROM vault.fingerprint WHERE merchant_id = %s", world.merchant_id)
    assert [each["fingerprint_id"] for each in rows] == [row["fingerprint_id"]]
    # The row was gone when it was looked for again, so it was made anew: with the id that the card has.
    assert row["fingerprint_id"] in {old, arguments[16]}


def test_whoever_comes_while_a_key_is_being_made_waits_and_gets_that_one(world: VaultWorld) -> None:
    merchant_id = new_id("mer")
    [active] = world.fingerprint_keys()
    makings: dict[str, list[object]] = {
        "keep_data_key": [merchant_id, 1, "kek_1"],
        "keep_fingerprint_key": [new_id("fpk"), active, "kek_1"],
    }
    with connected(world) as making, connected(world) as waiting, ThreadPoolExecutor(1) as pool:
        for procedure, arguments in makings.items():
            with making.transaction():
                made = call(making, procedure, *arguments, secrets.token_bytes(60), "vault_svc")
                if procedure == "keep_fingerprint_key":
                    arguments[0] = new_id("fpk")
                late = pool.submit(call, waiting, procedure, *arguments, secrets.token_bytes(60), "vault_svc")
                wait_until_blocked(world, waiting.info.backend_pid)
            assert late.result(10) == made
    world.admin.execute(
        "UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL WHERE key_id = %s", (active,)
    )


def test_no_card_is_kept_between_the_look_at_the_fingerprint_keys_and_their_replacement(world: VaultWorld) -> None:
    [active] = world.fingerprint_keys()
    with connected(world) as keeping, connected(world) as replacing, ThreadPoolExecutor(1) as pool:
        arguments = world.keep_arguments(new_id("tok"), "4242")
        late = world.keep_arguments(new_id("tok"), "4242")
        with keeping.transaction():
            call(keeping, "keep_card", *arguments)
            new = [new_id("fpk"), active, "kek_1", secrets.token_bytes(60), "vault_worker"]
            made = pool.submit(call, replacing, "keep_fingerprint_key", *new)
            wait_until_blocked(world, replacing.info.backend_pid)
        assert [row["key_id"] for row in made.result(10)] == [new[0], active]
        assert call(keeping, "keep_card", *late)[0]["verdict"] == "key_retired"
    world.admin.execute("DELETE FROM vault.fingerprint WHERE key_id = %s", (active,))
    world.admin.execute(
        "UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL WHERE key_id = %s", (active,)
    )


def wait_until_blocked(world: VaultWorld, backend: int) -> None:
    for _ in range(500):
        row = world.admin.execute("SELECT cardinality(pg_blocking_pids(%s)) AS blockers", (backend,)).fetchone()
        if row is not None and row["blockers"]:
            return
        threading.Event().wait(0.01)
    pytest.fail("the other transaction does not wait")
