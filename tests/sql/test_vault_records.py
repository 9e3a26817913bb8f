"""Each action of the vault leaves exactly one audit record in its own transaction, and a rolled back one none."""

import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest

from mesh.identifiers import new_id
from tests.sql.vault_world import VaultWorld, call, open_world
from tests.support.postgres import PostgresServer

Do = Callable[[VaultWorld, str], object]


@pytest.fixture
def world(postgres: PostgresServer) -> Iterator[VaultWorld]:
    with open_world(postgres) as opened:
        yield opened


def sealed() -> tuple[bytes, bytes]:
    return secrets.token_bytes(61), secrets.token_bytes(93)


def reseal(world: VaultWorld, token_id: str, revision: int = 1, key_version: int = 1) -> str:
    row = world.call(
        "reseal_card", world.merchant_id, token_id, revision, key_version, *sealed(), 3, 2033, "key_1", "req_1"
    )
    return str(row["verdict"])


def permanent(world: VaultWorld, token_id: str, payment_id: str = "pay_1") -> str:
    row = world.call("make_permanent", world.merchant_id, token_id, payment_id, "gateway_svc", "req_1")
    return str(row["verdict"])


def assign(world: VaultWorld, token_id: str) -> bool:
    row = world.call("assign_customer", world.merchant_id, token_id, "customer-1", "key_1", "req_1")
    return bool(row["assigned"])


def next_key(world: VaultWorld, version: int = 2) -> None:
    world.call("keep_data_key", world.merchant_id, version, "kek_1", secrets.token_bytes(60), "vault_worker")


#: What is done with a token that pay_1 has, and the records that it leaves, each in its transaction.
ACTIONS: list[tuple[str, Do, list[tuple[str, str]]]] = [
    ("keep", lambda world, _: world.keep(), [("create_token", "done")]),
    ("take", lambda world, token: world.take(token), [("detokenize", "taken")]),
    ("take-used", lambda world, token: world.take(token, "pay_2"), [("detokenize", "used")]),
    ("take-missing", lambda world, _: world.take(new_id("tok")), [("detokenize", "not_found")]),
    ("update", reseal, [("update_token", "done")]),
    ("update-too-late", lambda world, token: reseal(world, token, 7), []),
    ("update-under-no-key", lambda world, token: reseal(world, token, 1, 7), []),
    ("customer", assign, [("update_token", "done")]),
    ("customer-missing", lambda world, _: assign(world, new_id("tok")), []),
    ("permanent", permanent, [("make_permanent", "done")]),
    ("permanent-by-another", lambda world, token: permanent(world, token, "pay_2"), []),
    (
        "delete",
        lambda world, token: world.call("delete_token", world.merchant_id, token, "key_1", "req_1"),
        [("delete_token", "done")],
    ),
    (
        "delete-missing",
        lambda world, _: world.call("delete_token", world.merchant_id, new_id("tok"), "key_1", "req_1"),
        [],
    ),
    ("describe", lambda world, token: world.call("describe_token", world.merchant_id, token), []),
    ("new-key", lambda world, _: next_key(world), [("create_data_key", "done")]),
    ("new-key-of-a-wrong-version", lambda world, _: next_key(world, 5), []),
    ("codes-purged", lambda world, _: world.call("purge_card_codes", 10), []),
]


@pytest.mark.parametrize(("do", "left"), [action[1:] for action in ACTIONS], ids=[action[0] for action in ACTIONS])
def test_an_action_leaves_exactly_its_record(world: VaultWorld, do: Do, left: list[tuple[str, str]]) -> None:
    token_id = world.keep()
    assert world.take(token_id) == "taken"
    before = world.records()
    do(world, token_id)
    assert world.records() == before + left
    # A record belongs to the transaction of what it tells: both have the same number.
    if left and left[0][0] != "delete_token":
        rows = world.rows(
            "SELECT xmin::text, chain FROM vault.audit_record WHERE merchant_id = %s ORDER BY recorded_at DESC LIMIT 1",
            world.merchant_id,
        )
        assert rows[0]["chain"] == int(rows[0]["xmin"]) % 32


@pytest.mark.parametrize("do", [action[1] for action in ACTIONS], ids=[action[0] for action in ACTIONS])
def test_an_action_that_is_rolled_back_leaves_neither_its_change_nor_a_record(world: VaultWorld, do: Do) -> None:
    token_id = world.keep(number="4242")
    assert world.take(token_id) == "taken"
    state = (
        "SELECT (SELECT count(*) FROM vault.audit_record) AS records,"
        " (SELECT sum(sequence) FROM vault.audit_chain) AS heads, (SELECT array_agg(card ORDER BY token_id)::text"
        " FROM vault.card) AS cards, (SELECT array_agg(known)::text FROM vault.data_key AS known) AS keys,"
        " (SELECT count(*) FROM vault.fingerprint) AS fingerprints, (SELECT count(*) FROM vault.card_code) AS codes"
    )
    before = world.rows(state)
    with world.roles["vault_svc"].transaction() as transaction:
        do(world, token_id)
        raise psycopg.Rollback(transaction)
    assert world.rows(state) == before


def test_the_purge_leaves_one_record_for_each_card(world: VaultWorld) -> None:
    tokens = [world.keep() for _ in range(3)]
    assert world.take(tokens[0]) == "taken"
    world.admin.execute("UPDATE vault.card SET expires_at = now() WHERE merchant_id = %s", (world.merchant_id,))
    before = world.records()
    assert world.call("purge_expired_tokens", 1_000)["deleted"] >= 2
    assert world.records() == [*before, ("delete_token", "expired"), ("delete_token", "expired")]
    assert world.take(tokens[0]) == "taken"


def test_cards_taken_together_have_each_a_record_in_the_order_they_were_asked_for(world: VaultWorld) -> None:
    tokens = sorted((world.keep() for _ in range(5)), reverse=True)
    assert world.take(tokens[1], "pay_other") == "taken"
    asked = [*tokens, new_id("tok"), tokens[2]]
    count = len(asked)
    rows = call(
        world.roles["vault_svc"], "take_cards", [world.merchant_id] * count, asked,
        ["authorization"] * 3 + ["verification"] * (count - 3), [f"pay_{place}" for place in range(count)],
        [f"caller_{place}" for place in range(count)], ["req_2"] * count,
    )  # fmt: skip
    verdicts = ["taken", "used", "taken", "taken", "taken", "not_found", "used"]
    assert [row["verdict"] for row in sorted(rows, key=lambda row: row["place"])] == verdicts
    for row in rows:
        given = row["verdict"] == "taken"
        assert (row["sealed_card"] is not None, row["wrapped_key"] is not None) == (given, given)
        assert (row["sealed_code"] is not None) == (given and row["place"] <= 3)
    records = world.rows(
        "SELECT outcome, actor, payment_id, token_id, detail FROM vault.audit_record"
        " WHERE merchant_id = %s AND request_id = 'req_2' AND actor <> 'psp_connectors' ORDER BY chain, sequence",
        world.merchant_id,
    )
    assert [row["outcome"] for row in records] == verdicts
    assert [row["token_id"] for row in records] == asked
    assert [row["actor"] for row in records] == [f"caller_{place}" for place in range(count)]
    assert [row["detail"] for row in records] == [
        "authorization with code", "authorization", "authorization with code", *["verification"] * 4,
    ]  # fmt: skip


def test_what_is_too_long_for_the_audit_is_cut_and_kept(world: VaultWorld) -> None:
    token_id = world.keep()
    arguments = [[world.merchant_id], [token_id], ["authorization"], ["p" * 200], ["c" * 200], ["r" * 200]]
    assert call(world.roles["vault_svc"], "take_cards", *arguments)[0]["verdict"] == "taken"
    [row] = world.rows(
        "SELECT payment_id, actor, request_id FROM vault.audit_record WHERE token_id = %s AND action = 'detokenize'",
        token_id,
    )
    assert row == {"payment_id": "p" * 64, "actor": "c" * 128, "request_id": "r" * 128}
    # The payment is still the one that has the token.
    assert call(world.roles["vault_svc"], "take_cards", *arguments)[0]["verdict"] == "taken"
