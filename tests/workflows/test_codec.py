"""Nothing of a payment is readable in what Temporal stores, and only the right keys decrypt it."""

import json
import secrets
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import DataConverter

from mesh.keyring import Keyring, KeyringError, create_keyring, load_keyring
from tests.fakes.durable.connectors import APPROVED, UNKNOWN
from tests.workflows.rig import Rig, events_of, new_reference

OLD = secrets.token_bytes(32)


def test_keyring_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keyrings" / "codec.json"
    create_keyring(path)
    first = load_keyring(path)
    create_keyring(path)
    assert load_keyring(path) == first
    assert path.stat().st_mode & 0o077 == 0
    assert [file.name for file in path.parent.iterdir()] == ["codec.json"]


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        json.dumps({"active": "k2", "keys": {"k1": "AAAA"}}),
        json.dumps({"active": "k1", "keys": {"k1": "c2hvcnQtc2VjcmV0"}}),
        json.dumps({"active": "k1", "keys": {"k1": "%%%"}}),
    ],
)
def test_wrong_keyring_is_refused_without_telling_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "codec.json"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(KeyringError, match=r"wrong|not of the form") as raised:
        load_keyring(path)
    assert str(path) in str(raised.value)
    assert "c2hvcnQ" not in str(raised.value)


def test_missing_keyring_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="can't be read"):
        load_keyring(tmp_path / "none.json")


def test_keys_are_not_shown() -> None:
    assert repr(OLD) not in repr(Keyring("old", {"old": OLD}))


async def test_history_of_a_payment_shows_nothing_but_its_id(client: Client) -> None:
    rig = Rig(client)
    payment_id = new_reference("pay")
    rig.store.add_payment(payment_id, "psp_secret", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", UNKNOWN, APPROVED)
    rig.store.away = 1
    async with rig.worker():
        handle = await rig.settle_payment(payment_id)
    raw = b"".join(event.SerializeToString() for event in await events_of(handle))
    readable = raw.replace(payment_id.encode(), b"")
    for secret in (b"secret", b"SECRET", b"mer_", b"tok_", b"psp_", b"EUR", b"delay_ms", b"UNAVAILABLE", b"waited_for"):
        assert secret not in readable, secret
    assert raw.count(b"binary/payera-aes256gcm") >= 3


async def test_history_of_a_failure_shows_no_text_and_no_stack(client: Client) -> None:
    rig = Rig(client)
    payment_id = new_reference("pay")
    async with rig.worker():
        handle = await rig.start("PaymentWorkflow", payment_id)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    raw = b"".join(event.SerializeToString() for event in await events_of(handle))
    assert b"Traceback" not in raw
    assert b".py" not in raw
    assert b"Encoded failure" in raw


async def test_client_without_the_key_reads_no_argument(client: Client) -> None:
    rig = Rig(client)
    payment_id = new_reference("pay")
    rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    async with rig.worker():
        handle = await rig.settle_payment(payment_id)
    started = (await events_of(handle))[0].workflow_execution_started_event_attributes
    assert started.input.payloads[0].metadata["encoding"] == b"binary/payera-aes256gcm"
    with pytest.raises(KeyError):
        await DataConverter.default.decode(started.input.payloads, [str])
