"""Operations of two approvers in SQL: what of them is recorded, and an import while fingerprint keys are replaced."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.rows import dict_row

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


class TestDestruction:
    """A data key that is destroyed while a card is on its way to it."""

    def test_a_card_that_is_being_kept_while_its_key_is_replaced_is_not_destroyed_with_it(
        self, world: VaultWorld
    ) -> None:
        operation_id, token_id = requested(world, "destroy_data_key", 2), new_id("tok")
        with psycopg.connect(world.server.role_urls["vault_svc"], row_factory=dict_row) as keeping:
            (kept,) = call(keeping, "keep_card", *world.keep_arguments(token_id))
            assert kept["verdict"] == "kept"
            retire_data_key(world)
            with ThreadPoolExecutor(1) as other:
                # It waits for the card, whose row refers to the key, and comes to it as soon as that is kept.
                destroyed = other.submit(destroy, world, operation_id)
                time.sleep(0.3)
                keeping.commit()
                assert destroyed.result(10) == ("just_retired", 1)
        assert world.take(token_id) == "taken"
        assert ("destroy_data_key", "just_retired") in world.records()

    def test_it_is_destroyed_a_minute_later_and_says_with_how_many_cards(self, world: VaultWorld) -> None:
        operation_id, token_id = requested(world, "destroy_data_key", 2), world.keep()
        assert destroy(world, operation_id) == ("active", 1)
        retire_data_key(world)
        for seconds, expected in ((59, "just_retired"), (60, "destroyed")):
            age_data_key(world, seconds)
            assert destroy(world, operation_id) == (expected, 1)
        assert world.take(token_id) == "key_destroyed"
        assert destroy(world, operation_id)[0] == "finished"


class TestEnd:
    """What was begun ends seven days later, whoever approved it."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_was_begun_goes_on_for_seven_days(self, world: VaultWorld, kind: str) -> None:
        operation_id = requested(world, kind, 2)
        assert begin(world, operation_id, kind) == "begun"
        let_pass(world, operation_id, "6 days 23 hours")
        assert begin(world, operation_id, kind) == "begun"
        let_pass(world, operation_id, "1 hour")
        assert begin(world, operation_id, kind) == "lapsed"
        assert begin(world, operation_id, kind, "key_thief") == "begun_by_another"
        assert begins(world, operation_id)[1] == (kind, "lapsed", "key_worker")

    def test_nothing_is_given_taken_destroyed_or_finished_after_that(self, world: VaultWorld) -> None:
        world.keep(life_seconds=None)
        exported, taken, destroyed = (requested(world, kind, 2) for kind in KINDS)
        key = ({"kty": "EC"}, "ab" * 32, {"sealed_key": "secret"})
        assert world.call("keep_import_key", taken, "key_worker", "req_2", *key)["verdict"] == "begun"
        for operation_id, kind in ((exported, "export_cards"), (destroyed, "destroy_data_key")):
            begin(world, operation_id, kind)
        for operation_id in (exported, taken, destroyed):
            let_pass(world, operation_id, "7 days")
        (page,) = call(world.roles["vault_svc"], "cards_to_export", exported, "key_worker", "req_3", "", 10)
        assert (page["verdict"], page["sealed_card"]) == ("lapsed", None)
        assert imported(world, taken, "number", world.fingerprint_keys())[0] == "not_begun"
        assert world.call("keep_import_key", taken, "key_worker", "req_3", *key)["verdict"] == "lapsed"
        assert destroy(world, destroyed)[0] == "lapsed"
        for operation_id in (exported, taken, destroyed):
            assert not world.call("finish_operation", operation_id, "key_worker", "req_3", "")["finished"]

    def test_it_is_closed_and_the_private_key_goes(self, world: VaultWorld) -> None:
        world.call("end_operations", 1000)
        taken, open_one, never_begun = (requested(world, "import_cards", 2) for _ in range(3))
        for operation_id in (taken, open_one):
            key = ({"kty": "EC"}, "ab" * 32, {"sealed_key": "secret"})
            world.call("keep_import_key", operation_id, "key_worker", "req_2", *key)
        for operation_id in (taken, never_begun):
            let_pass(world, operation_id, "7 days")
        assert world.call("end_operations", 1000)["ended"] == 1
        assert world.call("end_operations", 1000)["ended"] == 0
        rows = world.rows(
            "SELECT operation_id, finished_at IS NULL AS open, parameters ? 'private_key' AS opens"
            " FROM vault.controlled_operation WHERE merchant_id = %s",
            world.merchant_id,
        )
        assert {row["operation_id"]: (row["open"], row["opens"]) for row in rows} == {
            taken: (False, False),
            open_one: (True, True),
            never_begun: (True, False),
        }
        assert world.records().count(("import_cards", "lapsed")) == 1
        assert begin(world, taken, "import_cards") == "lapsed"


class TestCancel:
    """Whoever requested an operation, approved it or began it takes it back."""

    @pytest.mark.parametrize("actor", ["key_asker", "key_0", "key_1", "key_worker"])
    def test_nobody_goes_on_with_what_was_cancelled(self, world: VaultWorld, actor: str) -> None:
        operation_id = requested(world, "import_cards", 2)
        key = ({"kty": "EC"}, "ab" * 32, {"sealed_key": "secret"})
        world.call("keep_import_key", operation_id, "key_worker", "req_2", *key)
        assert cancel(world, operation_id, actor) == "cancelled"
        assert cancel(world, operation_id, actor) == "cancelled"
        assert begin(world, operation_id, "import_cards") == "cancelled"
        assert imported(world, operation_id, "number", world.fingerprint_keys())[0] == "not_begun"
        assert world.call("approve_operation", operation_id, "key_other", "req_3")["verdict"] == "cancelled"
        assert not world.call("finish_operation", operation_id, "key_worker", "req_3", "")["finished"]
        (row,) = world.rows(
            "SELECT cancelled_by, parameters ? 'private_key' AS opens FROM vault.controlled_operation"
            " WHERE operation_id = %s",
            operation_id,
        )
        assert (row["cancelled_by"], row["opens"]) == (actor, False)
        assert world.records().count(("cancel_operation", "cancelled")) == 1

    def test_what_was_only_requested_is_cancelled_and_approved_no_more(self, world: VaultWorld) -> None:
        operation_id = requested(world, "export_cards", 0)
        assert cancel(world, operation_id, "key_asker") == "cancelled"
        assert world.call("approve_operation", operation_id, "key_0", "req_3")["verdict"] == "cancelled"

    def test_who_has_no_part_in_it_cancels_nothing_and_is_recorded(self, world: VaultWorld) -> None:
        operation_id = requested(world, "export_cards", 2)
        assert cancel(world, operation_id, "key_thief") == "not_involved"
        assert cancel(world, new_id("cop"), "key_thief") == "not_found"
        assert begin(world, operation_id, "export_cards") == "begun"
        assert ("cancel_operation", "not_involved") in world.records()

    def test_what_is_over_stays_what_it_was(self, world: VaultWorld) -> None:
        finished, lapsed, expired = (requested(world, "export_cards", 2) for _ in range(3))
        for operation_id in (finished, lapsed):
            begin(world, operation_id, "export_cards")
        world.call("finish_operation", finished, "key_worker", "req_3", "")
        for operation_id in (lapsed, expired):
            let_pass(world, operation_id, "7 days")
        operations = ((finished, "finished"), (lapsed, "lapsed"), (expired, "expired"))
        for operation_id, verdict in operations:
            assert cancel(world, operation_id, "key_0") == verdict


def cancel(world: VaultWorld, operation_id: str, actor: str) -> str:
    return str(world.call("cancel_operation", operation_id, actor, "req_2")["verdict"])


def retire_data_key(world: VaultWorld) -> None:
    """Replace the merchant's first data key, as a rotation does."""
    new = (world.merchant_id, 2, "kek_1", secrets.token_bytes(60), "vault_worker")
    assert world.call("keep_data_key", *new, role="vault_worker")["key_version"] == 2


def age_data_key(world: VaultWorld, seconds: int) -> None:
    world.admin.execute(
        "UPDATE vault.data_key SET state_changed_at = now() - make_interval(secs => %s)"
        " WHERE merchant_id = %s AND key_version = 1",
        (seconds, world.merchant_id),
    )


def destroy(world: VaultWorld, operation_id: str) -> tuple[str, int]:
    row = world.call("destroy_data_key", operation_id, "key_worker", "req_2")
    return row["verdict"], row["cards"]


def let_pass(world: VaultWorld, operation_id: str, interval: str) -> None:
    """Let a time pass for an operation."""
    world.admin.execute(
        "UPDATE vault.controlled_operation SET requested_at = requested_at - %(time)s::interval,"
        " begun_at = begun_at - %(time)s::interval, expires_at = expires_at - %(time)s::interval"
        " WHERE operation_id = %(id)s",
        {"time": interval, "id": operation_id},
    )


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
