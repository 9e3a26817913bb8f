"""Keys are rotated while payments run, and a worker that is killed on the way leaves nothing half done."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.names import ComponentName
from devstack.rest import Rest, expect_ok
from devstack.seed import merchant_at
from tests.e2e.support import VISA, Mesh, until
from vault_svc.adapters.keyring.key_provider import create_keyring

NUMBERS = (VISA, "5555555555554444", "378282246310005")
TOKENS = 30
SECONDS = 180.0
DATA_KEY, FINGERPRINT_KEY, KEY_ENCRYPTION_KEY = "DATA_KEY", "FINGERPRINT_KEY", "KEY_ENCRYPTION_KEY"


@pytest.fixture(scope="module")
def operator(mesh: Mesh) -> Rest:
    return Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)


@pytest.fixture
def shop(mesh: Mesh) -> Mesh:
    """Give a merchant of this test's own, whose cards have no codes that keep a key for a quarter of an hour."""
    key = merchant_at(mesh.stack.configuration, mesh.merchant.operator_key, "Rotated", ("sandbox_a", "sandbox_b"))
    made = Mesh(mesh.stack, mesh.merchant)
    made.rest = Rest(mesh.stack.configuration.rest_url, key)
    return made


def token(shop: Mesh, number: str) -> dict[str, Any]:
    card = {"number": number, "exp_month": 12, "exp_year": 2040}
    return expect_ok(shop.rest.post("/v1/tokens", {"card": card}, money=False), "a token")


def tokens(shop: Mesh, count: int = TOKENS) -> dict[str, dict[str, Any]]:
    made = [token(shop, NUMBERS[place % len(NUMBERS)]) for place in range(count)]
    return {each["id"]: each for each in made}


def owner_of(mesh: Mesh, token_id: str) -> str:
    return str(mesh.rows("SELECT merchant_id FROM vault.card WHERE token_id = %s", token_id)[0]["merchant_id"])


def rotate(operator: Rest, kind: str, merchant_id: str = "") -> dict[str, Any]:
    body = {"kind": kind, "merchant_id": merchant_id}
    return expect_ok(operator.post("/v1/vault_keys:rotate", body, money=False), "a rotation")


def ended(operator: Rest, kind: str) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        return expect_ok(operator.get(f"/v1/vault_key_rotations/{kind}"), "how far it is")

    return until(read, lambda found: found["state"] != "running", SECONDS)


def versions(mesh: Mesh, merchant_id: str) -> dict[int, tuple[str, int]]:
    rows = mesh.rows(
        "SELECT k.key_version, k.state, count(c.token_id) AS cards FROM vault.data_key k LEFT JOIN vault.card c"
        " ON c.merchant_id = k.merchant_id AND c.key_version = k.key_version"
        " WHERE k.merchant_id = %s GROUP BY k.key_version, k.state",
        merchant_id,
    )
    return {row["key_version"]: (row["state"], row["cards"]) for row in rows}


def arm(mesh: Mesh, point: str) -> Path:
    folder = mesh.stack.configuration.crash_directory
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    (folder / f"{point}.new").write_text("kill")
    (folder / f"{point}.new").rename(folder / point)
    return folder / f"{point}.hit"


@contextmanager
def paying(shop: Mesh) -> Iterator[list[dict[str, Any]]]:
    """Make payments with new tokens all the while; give what became of them."""
    done: list[dict[str, Any]] = []
    stop = threading.Event()

    def pay() -> None:
        while not stop.is_set():
            made = token(shop, NUMBERS[len(done) % len(NUMBERS)])
            done.append({"token": made, "payment": shop.pay(1_000, token=made["id"])})

    thread = threading.Thread(target=pay)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(60)


@pytest.mark.parametrize("point", ["vault_worker.after_item", "vault_worker.after_batch"])
def test_a_data_key_is_replaced_although_the_worker_is_killed_on_the_way(
    mesh: Mesh, shop: Mesh, operator: Rest, point: str
) -> None:
    kept = tokens(shop)
    merchant_id = owner_of(mesh, next(iter(kept)))
    hit = arm(mesh, point)
    with paying(shop) as paid:
        assert rotate(operator, DATA_KEY, merchant_id)["state"] == "running"
        until(hit.exists, bool, 60)
        until(lambda: mesh.stack.processes.running(ComponentName.VAULT_WORKER) is None, bool, 10)
        # Nobody runs it, and still it is known to run.
        assert rotate(operator, DATA_KEY, merchant_id)["state"] == "running"
        mesh.stack.start(ComponentName.VAULT_WORKER)
        report = ended(operator, DATA_KEY)
    assert report["state"] == "finished", report
    assert {version: state for version, (state, _) in versions(mesh, merchant_id).items()} == {
        1: "destroyed",
        2: "active",
    }
    assert versions(mesh, merchant_id)[1][1] == 0
    assert versions(mesh, merchant_id)[2][1] == len(kept) + len(paid)
    assert {each["payment"]["status"] for each in paid} == {"SUCCEEDED"}
    for token_id in [*list(kept)[:5], *list(kept)[-5:]]:
        assert shop.pay(1_000, token=token_id)["status"] == "SUCCEEDED"
    actions = mesh.rows(
        "SELECT action, actor FROM vault.audit_record WHERE merchant_id = %s AND action LIKE '%%_data_key'", merchant_id
    )
    # The worker did it, and it is known which operator's key asked for it.
    assert sorted((row["action"], row["actor"].partition(" for key_")[0]) for row in actions) == [
        ("create_data_key", "vault_svc"),
        ("create_data_key", "vault_worker"),
        ("destroy_data_key", "vault_worker"),
    ]
    assert len({row["actor"] for row in actions}) == 2


def test_the_fingerprint_key_is_replaced_and_cards_are_recognised_all_the_while(
    mesh: Mesh, shop: Mesh, operator: Rest
) -> None:
    known = {number: token(shop, number)["fingerprint"] for number in NUMBERS}
    before = {row["key_id"] for row in mesh.rows("SELECT key_id FROM vault.fingerprint_key WHERE state = 'active'")}
    hit = arm(mesh, "vault_worker.after_item")
    with paying(shop) as paid:
        rotate(operator, FINGERPRINT_KEY)
        until(hit.exists, bool, 60)
        until(lambda: mesh.stack.processes.running(ComponentName.VAULT_WORKER) is None, bool, 10)
        mesh.stack.start(ComponentName.VAULT_WORKER)
        assert ended(operator, FINGERPRINT_KEY)["state"] == "finished"
    places = [NUMBERS[place % len(NUMBERS)] for place in range(len(paid))]
    assert [each["token"]["fingerprint"] for each in paid] == [known[number] for number in places]
    assert {number: token(shop, number)["fingerprint"] for number in NUMBERS} == known
    states = {row["key_id"]: row["state"] for row in mesh.rows("SELECT key_id, state FROM vault.fingerprint_key")}
    assert {states[key] for key in before} == {"destroyed"}
    under = mesh.rows("SELECT DISTINCT key_id FROM vault.fingerprint")
    assert [states[row["key_id"]] for row in under] == ["active"]


def test_the_key_encryption_key_is_replaced_and_nothing_is_under_the_old_one(
    mesh: Mesh, shop: Mesh, operator: Rest, tmp_path: Path
) -> None:
    kept = tokens(shop, 3)
    old = add_key_encryption_key(mesh, tmp_path)
    for name in (ComponentName.VAULT, ComponentName.VAULT_WORKER):
        mesh.stack.restart(name)
    rotate(operator, KEY_ENCRYPTION_KEY)
    report = ended(operator, KEY_ENCRYPTION_KEY)
    assert report["state"] == "finished", report
    assert int(report["keys_done"]) > 1
    for table in ("data_key", "fingerprint_key"):
        left = mesh.rows(
            f"SELECT count(*) AS n FROM vault.{table} WHERE state <> 'destroyed' AND key_encryption_key_id = %s", old
        )
        assert left[0]["n"] == 0
    for token_id in kept:
        assert shop.pay(1_000, token=token_id)["status"] == "SUCCEEDED"


def add_key_encryption_key(mesh: Mesh, folder: Path) -> str:
    """Put another key into the development keyring and make it the active one; give the id of the one before."""
    create_keyring(folder / "another.json")
    another = json.loads((folder / "another.json").read_text())
    path = mesh.stack.configuration.vault_keyring
    keyring = json.loads(path.read_text())
    old = str(keyring["active_key_encryption_key"])
    keyring["key_encryption_keys"] |= another["key_encryption_keys"]
    keyring["active_key_encryption_key"] = another["active_key_encryption_key"]
    path.write_text(json.dumps(keyring))
    return old


def test_the_command_lists_keys_and_rotations(mesh: Mesh, shop: Mesh) -> None:
    merchant_id = owner_of(mesh, token(shop, VISA)["id"])

    def call(*arguments: str) -> tuple[int, str]:
        outcome = CliRunner().invoke(cli.main, ["--home", str(mesh.stack.configuration.home), "keys", *arguments])
        return outcome.exit_code, outcome.output

    code, listed = call("list")
    assert code == 0
    assert f"{merchant_id}/1" in listed
    assert "fingerprint-key" in listed
    assert "HMAC-SHA-256" in listed
    code, done = call("rotate", "data-key", "--merchant", merchant_id, "--wait")
    assert code == 0, done
    assert done.splitlines()[-1].startswith("data-key           finished")
    code, told = call("status", "data-key")
    assert (code, told) == (0, done.splitlines()[-1] + "\n")
    keys = json.loads(call("list", "--all", "--json")[1])
    states = {key["id"]: key["state"] for key in keys if key["owner"] == merchant_id}
    assert states == {f"{merchant_id}/1": "destroyed", f"{merchant_id}/2": "active"}


@pytest.mark.parametrize("kind", ["KIND_UNSPECIFIED", "NOTHING"])
def test_a_kind_that_is_none_is_refused(operator: Rest, kind: str) -> None:
    assert operator.post("/v1/vault_keys:rotate", {"kind": kind}, money=False).status == 400


def test_merchants_neither_see_nor_rotate_keys(mesh: Mesh) -> None:
    assert mesh.rest.get("/v1/vault_keys").status == 403
    assert mesh.rest.post("/v1/vault_keys:rotate", {"kind": DATA_KEY}, money=False).status == 403
    assert mesh.rest.get("/v1/vault_key_rotations/DATA_KEY").status == 403
