"""Keys that are wrapped anew: each with its record in the same transaction, and a broken one in nobody's way."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest

from devstack.audit.database import open_audit
from devstack.audit.verification import verify
from mesh.identifiers import new_id
from tests.sql.vault_world import Row, VaultWorld, call, open_world
from tests.support.postgres import PostgresServer

ACTOR = "vault_worker for key_1"


@pytest.fixture
def world(postgres: PostgresServer) -> Iterator[VaultWorld]:
    with open_world(postgres) as opened:
        yield opened


def import_with_key(world: VaultWorld, **changes: str) -> str:
    """Open an import whose private key is under kek_1, with changes made by hand; give its id."""
    operation_id = new_id("cop")
    world.call("request_operation", operation_id, "import_cards", world.merchant_id, {}, "key_1", "req_1")
    for approver in ("key_2", "key_3"):
        world.call("approve_operation", operation_id, approver, "req_1")
    # 48 bytes, which is 64 letters.
    private = {"key_encryption_key_id": "kek_1", "wrapped_key": "QUFB" * 16, "sealed_key": "QUFB"} | changes
    kept = world.call("keep_import_key", operation_id, "key_1", "req_1", {"kty": "EC"}, "ab" * 32, private)
    assert kept["verdict"] == "begun"
    return operation_id


def to_rewrap(world: VaultWorld, kek: str = "kek_2") -> dict[str, Row]:
    """List what is not under a key, all pages, by merchant, operation or fingerprint key; this world's alone."""
    found: dict[str, Row] = {}
    place: tuple[str, int] = ("", 0)
    while rows := call(world.roles["vault_worker"], "keys_to_rewrap", kek, *place, 100):
        for row in rows:
            name = row["fingerprint_key_id"] or row["operation_id"] or row["merchant_id"]
            if row["merchant_id"] in ("", world.merchant_id):
                found[name] = row
        last = [row for row in rows if not row["fingerprint_key_id"]]
        if not last:
            break
        place = (last[-1]["operation_id"] or last[-1]["merchant_id"], last[-1]["key_version"])
    return found


def rewrap(world: VaultWorld, row: Row, kek: str = "kek_2") -> bool:
    return bool(
        world.call(
            "rewrap_key", row["merchant_id"], row["key_version"], row["fingerprint_key_id"], row["operation_id"],
            row["wrapped_key"], kek, secrets.token_bytes(184), ACTOR, role="vault_worker",
        )["rewrapped"]
    )  # fmt: skip


def details(world: VaultWorld) -> list[tuple[str, str, str, str, str]]:
    rows = world.rows(
        "SELECT action, outcome, actor, merchant_id, detail FROM vault.audit_record"
        " WHERE action LIKE 'rewrap%%' AND merchant_id IN ('', %s) ORDER BY recorded_at",
        world.merchant_id,
    )
    return [(row["action"], row["outcome"], row["actor"], row["merchant_id"], row["detail"]) for row in rows]


def test_every_rewrap_leaves_one_record_and_the_audit_is_intact(world: VaultWorld) -> None:
    operation_id = import_with_key(world)
    [fingerprint_key] = world.fingerprint_keys()
    before = details(world)
    listed = to_rewrap(world)
    for name in (world.merchant_id, fingerprint_key, operation_id):
        assert rewrap(world, listed[name])
        # What is not there as it was listed is not replaced, and leaves no record.
        assert not rewrap(world, listed[name])
    assert details(world)[len(before) :] == [
        ("rewrap_data_key", "done", ACTOR, world.merchant_id, "version 1 from kek_1 to kek_2"),
        ("rewrap_fingerprint_key", "done", ACTOR, "", f"{fingerprint_key} from kek_1 to kek_2"),
        ("rewrap_import_key", "done", ACTOR, world.merchant_id, f"{operation_id} from kek_1 to kek_2"),
    ]
    assert not {world.merchant_id, fingerprint_key, operation_id} & set(to_rewrap(world))
    with open_audit(world.server.role_urls["vault_auditor"]) as audit:
        outcome = verify(audit, (), lambda _done, _total: None)
    assert (outcome.findings, outcome.unverified) == ([], [])


def test_a_rewrap_that_is_rolled_back_leaves_neither_key_nor_record(world: VaultWorld) -> None:
    operation_id = import_with_key(world)
    listed = to_rewrap(world)
    before = details(world)
    for name in (world.merchant_id, operation_id):
        with world.roles["vault_worker"].transaction() as transaction:
            assert rewrap(world, listed[name])
            raise psycopg.Rollback(transaction)
    assert details(world) == before
    assert to_rewrap(world) == listed


def test_the_names_of_two_keys_of_kms_fit_into_a_record(world: VaultWorld) -> None:
    first, second = (f"arn:aws:kms:eu-central-1:123456789012:key/{letter * 64}" for letter in "ab")
    before = details(world)
    row = to_rewrap(world)[world.merchant_id]
    assert rewrap(world, row, first)
    assert rewrap(world, to_rewrap(world)[world.merchant_id], second)
    assert details(world)[-1][4] == f"version 1 from {first} to {second}"
    assert len(details(world)) == len(before) + 2


@pytest.mark.parametrize("text", ["", "no base64!", "QUF", "QUFB\nQUFB", "=QUF", "QUFB="])
def test_a_key_that_was_changed_by_hand_stops_no_other(world: VaultWorld, text: str) -> None:
    broken, good = import_with_key(world, wrapped_key=text), import_with_key(world)
    listed = to_rewrap(world)
    assert listed[broken]["wrapped_key"] == b""
    assert listed[good]["wrapped_key"] == b"A" * 3 * 16
    assert rewrap(world, listed[good])


def test_a_private_key_that_names_no_key_encryption_key_is_still_listed(world: VaultWorld) -> None:
    operation_id = import_with_key(world)
    world.admin.execute(
        "UPDATE vault.controlled_operation SET parameters = parameters #- '{private_key,key_encryption_key_id}'"
        " WHERE operation_id = %s",
        (operation_id,),
    )
    assert to_rewrap(world)[operation_id]["key_encryption_key_id"] == ""
    counted = {
        row["key_encryption_key_id"]: row["keys_under"] for row in call(world.roles["vault_svc"], "key_encryption_keys")
    }
    assert counted[""] >= 1
    world.admin.execute(
        "UPDATE vault.controlled_operation SET parameters = parameters - 'private_key' WHERE operation_id = %s",
        (operation_id,),
    )
