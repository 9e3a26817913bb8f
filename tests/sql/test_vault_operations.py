"""Operations of two approvers in SQL: what of them is recorded, and an import while fingerprint keys are replaced."""

import secrets
from collections.abc import Iterator

import pytest

from mesh.identifiers import new_id
from tests.sql.vault_world import VaultWorld, call, fingerprint, open_world
from tests.support.postgres import PostgresServer

KINDS = ("export_cards", "import_cards", "destroy_data_key")


@pytest.fixture
def world(postgres: PostgresServer) -> Iterator[VaultWorld]:
    with open_world(postgres) as opened:
        yield opened


def requested(world: VaultWorld, kind: str, approvers: int) -> str:
    operation_id = new_id("cop")
    parameters = {"key_version": 1}
    world.call("request_operation", operation_id, kind, world.merchant_id, parameters, "key_asker", "req_1")
    for approver in range(approvers):
        world.call("approve_operation", operation_id, f"key_{approver}", "req_1")
    return operation_id


def begin(world: VaultWorld, operation_id: str, kind: str, actor: str = "key_worker") -> str:
    return str(world.call("begin_operation", operation_id, kind, actor, "req_2")["verdict"])


def begins(world: VaultWorld, operation_id: str) -> list[tuple[str, str, str]]:
    """Give what is recorded of the request that begins: action, outcome and who."""
    rows = world.rows(
        "SELECT action, outcome, actor FROM vault.audit_record WHERE detail = %s AND request_id = 'req_2'"
        " ORDER BY recorded_at",
        operation_id,
    )
    return [(row["action"], row["outcome"], row["actor"]) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_that_an_operation_was_begun_is_recorded_once_and_each_refusal_too(world: VaultWorld, kind: str) -> None:
    operation_id = requested(world, kind, 1)
    assert begin(world, operation_id, kind) == "not_approved"
    world.call("approve_operation", operation_id, "key_other", "req_1")
    assert [begin(world, operation_id, kind) for _ in range(3)] == ["begun"] * 3
    assert begin(world, operation_id, kind, "key_thief") == "begun_by_another"
    assert begins(world, operation_id) == [
        (kind, "not_approved", "key_worker"),
        (kind, "begun", "key_worker"),
        (kind, "begun_by_another", "key_thief"),
    ]


def test_who_begins_what_is_not_there_is_recorded(world: VaultWorld) -> None:
    missing, exported = new_id("cop"), requested(world, "export_cards", 2)
    for operation_id in (missing, exported):
        assert begin(world, operation_id, "import_cards") == "not_found"
        assert begins(world, operation_id) == [("import_cards", "not_found", "key_worker")]


def test_the_key_of_an_import_leaves_a_record_when_it_is_refused(world: VaultWorld) -> None:
    operation_id = requested(world, "import_cards", 1)
    given = (operation_id, "key_thief", "req_2", {"kty": "EC"}, "ab" * 32, {"sealed_key": ""})
    assert world.call("keep_import_key", *given)["verdict"] == "not_approved"
    assert begins(world, operation_id) == [("import_cards", "not_approved", "key_thief")]


def test_a_line_that_comes_again_under_a_fingerprint_key_that_is_gone_is_looked_at_again(world: VaultWorld) -> None:
    worker = world.roles["vault_worker"]
    # Other tests may have left a key that is being replaced, and cards that only that one knows.
    world.admin.execute("TRUNCATE vault.card CASCADE")
    call(worker, "finish_fingerprint_rotation", world.fingerprint_keys()[0], 0, "vault_worker")
    operation_id, number = requested(world, "import_cards", 2), secrets.token_hex(8)
    begin(world, operation_id, "import_cards")
    (old,) = world.fingerprint_keys()
    first = imported(world, operation_id, number, [old])
    assert first[0] == "kept"

    world.replace_fingerprint_key(old)
    keys = world.fingerprint_keys()
    assert len(keys) == 2
    assert imported(world, operation_id, number, [old])[0] == "key_retired"
    hmacs = [fingerprint(key, number) for key in keys]
    assert call(worker, "add_fingerprint", first[1], keys, hmacs, new_id("fpr"))[0]["verdict"] == "added"
    assert call(worker, "finish_fingerprint_rotation", keys[0], 0, "vault_worker")[0]["is_destroyed"]
    call(worker, "forget_fingerprints", 1000)

    assert imported(world, operation_id, number, [old])[0] == "key_retired"
    assert imported(world, operation_id, number, keys[:1]) == ("known", first[1])
    assert imported(world, operation_id, secrets.token_hex(8), keys[:1])[0] == "reused"


def imported(world: VaultWorld, operation_id: str, number: str, keys: list[str]) -> tuple[str, str]:
    """Import a number as the one line of a file, by a process that knows these fingerprint keys."""
    row = world.call(
        "keep_imported_card", operation_id, "line-1", world.merchant_id, new_id("tok"), 1, secrets.token_bytes(61),
        secrets.token_bytes(93), "visa", "4242", "424242", 12, 2030, ["visa"], "credit", "FR", "", new_id("fpr"), keys,
        [fingerprint(key, number) for key in keys], "key_worker", "req_3",
    )  # fmt: skip
    return row["verdict"], row["token_id"]
