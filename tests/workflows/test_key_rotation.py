"""The workflow of a rotation goes on through pauses, failures, deaths and any number of batches, and tells how far."""

import asyncio
import re
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from mesh.keyring import Keyring, create_keyring
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.temporal_codec import EncryptionCodec, encrypting_converter
from tests.fakes.vault.rotations import ScriptedRotation
from tests.support.vault_rotation import NUMBERS, fake_lab
from tests.workflows.rig import events_of
from tests.workflows.vault_rig import DATA, VaultRig
from vault_svc.adapters.temporal.rotations import TemporalRotations
from vault_svc.application.ports.key_provider import KeyProviderDownError, KeyUnavailableError
from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder, RotationState
from vault_svc.application.rotate_keys import Pace, Position, Progress
from vault_svc.domain.token import MerchantId
from vault_svc.workflows import rotation_activities, rotation_workflow
from vault_svc.workflows.messages import (
    INCOMPLETE,
    PROGRESS_MEMO,
    PROGRESS_QUERY,
    BatchOrder,
    RotationProgress,
    workflow_id_of,
)

#: Names of fields, words of states, and ids.
HARMLESS = re.compile(r"[a-z_]{0,32}|(tok|fpr|fpk|key)_[0-9A-Z]{26}|mer_secret|key_1")
KEK, FINGERPRINT = RotationKind.KEY_ENCRYPTION_KEY, RotationKind.FINGERPRINT_KEY


@pytest.fixture
def rig(client: Client) -> VaultRig:
    return VaultRig(client)


async def test_a_kind_that_was_never_rotated_is_none(client: Client, tmp_path: Path) -> None:
    """Runs first: what follows rotates every kind."""
    create_keyring(tmp_path / "codec.json")
    there = TemporalRotations(client.service_client.config.target_host, "default", tmp_path / "codec.json")
    assert await there.find(KEK) is None


async def test_a_rotation_goes_from_position_to_position_and_adds_up(rig: VaultRig) -> None:
    rig.script.steps = 4
    order = RotationOrder(DATA, "mer_1", 1_700_000_000_000, "key_1")
    before = int(time.time() * 1000)
    async with rig.worker():
        _, progress = await rig.rotate(order)
    assert [position.round for position in rig.script.seen] == [0, 1, 2, 3]
    assert rig.script.seen[0] == Position()
    assert set(rig.script.orders) == {order}
    assert progress.counts == RotationCounts(cards_done=4)
    assert before - 10_000 < progress.started_ms < time.time() * 1000 + 10_000
    assert len(rig.observer.steps) == 4


async def test_batches_are_apart_as_the_steps_say(rig: VaultRig) -> None:
    rig.script.steps, rig.script.delay_seconds = 4, 0.5
    async with rig.worker():
        began = time.monotonic()
        await rig.rotate()
    # Three pauses, for after the last batch nothing is waited for.
    assert time.monotonic() - began > 1.4


async def test_a_long_rotation_goes_on_in_run_after_run_with_all_it_knows(rig: VaultRig) -> None:
    rig.batches_max, rig.script.steps = 3, 8
    async with rig.worker():
        handle, progress = await rig.rotate()
        assert progress.counts == RotationCounts(cards_done=8)
        assert [position.round for position in rig.script.seen] == list(range(8))
        last = await handle.describe()
        assert last.run_id != handle.first_execution_run_id
        memo = await last.memo_value(PROGRESS_MEMO, type_hint=RotationProgress)
        assert memo == progress
        assert (last.start_time.timestamp() * 1000) > progress.started_ms - 1_000


async def test_something_that_can_t_be_done_ends_the_rotation_as_failed(rig: VaultRig) -> None:
    rig.script.ending = Progress.INCOMPLETE
    async with rig.worker():
        handle = await rig.start()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INCOMPLETE
    assert len(rig.script.seen) == 3


@pytest.mark.parametrize(
    "error",
    [
        Refusal(Reason.UNAVAILABLE),
        KeyProviderDownError("KMS is away"),
        KeyUnavailableError("KMS refuses"),
        psycopg.errors.CheckViolation("failing row contains \\xdeadbeef"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_failed_batch_is_tried_again_from_where_it_began(rig: VaultRig, error: Exception) -> None:
    rig.script.errors = [error]
    async with rig.worker():
        handle, progress = await rig.rotate()
    assert progress.counts == RotationCounts(cards_done=3)
    assert [position.round for position in rig.script.seen] == [0, 1, 2]
    assert len(rig.observer.failures) == 1
    raw = b"".join(event.SerializeToString() for event in await events_of(handle))
    assert b"deadbeef" not in raw


async def test_what_a_driver_s_error_quotes_stays_out_of_the_failure(rig: VaultRig) -> None:
    activities = rotation_activities.RotationActivities({DATA: rig.script}, rig.crashes, rig.observer, Quiet())
    rig.script.errors = [psycopg.errors.CheckViolation("failing row contains \\xdeadbeef")]
    failure = await _failure_of(activities)
    assert (failure.message, failure.type, failure.details) == ("CheckViolation", "CheckViolation", ())
    assert failure.__cause__ is None
    assert failure.__suppress_context__


class Quiet:
    """A log that fails when a text of an error gets in."""

    def error(self, event: str, **fields: object) -> None:
        assert "deadbeef" not in repr((event, fields))

    warning = error


async def _failure_of(activities: rotation_activities.RotationActivities) -> ApplicationError:
    order = BatchOrder(RotationOrder(DATA), Position())
    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(activities.rotate_batch, order)
    return raised.value


async def test_a_batch_that_takes_long_is_alive_for_all_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation_activities, "HEARTBEAT_SECONDS", 0.05)
    script = ScriptedRotation(hold=asyncio.Event())
    rig = VaultRig(client=None)  # type: ignore[arg-type]
    activities = rotation_activities.RotationActivities({DATA: script}, rig.crashes, rig.observer, Quiet())
    environment = ActivityEnvironment()
    beats: list[object] = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    running = asyncio.create_task(environment.run(activities.rotate_batch, BatchOrder(RotationOrder(DATA), Position())))
    await asyncio.sleep(0.5)
    assert script.hold is not None
    script.hold.set()
    await running
    seen = len(beats)
    assert seen >= 4
    # Ids and counts may be told; here not even those are.
    assert set(beats) == {()}
    await asyncio.sleep(0.2)
    assert len(beats) == seen


async def test_a_worker_that_died_with_a_batch_in_hand_is_replaced(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation_workflow, "HEARTBEAT_TIMEOUT", timedelta(seconds=1))
    rig = VaultRig(client)
    # The first batch is taken by a worker that says nothing any more, as a dead one does.
    rig.script.hold = asyncio.Event()
    real = rotation_activities._heartbeats

    monkeypatch.setattr(rotation_activities, "_heartbeats", silent)
    async with rig.worker():
        handle = await rig.start()
        await asyncio.wait_for(rig.script.begun.wait(), 10)
        monkeypatch.setattr(rotation_activities, "_heartbeats", real)
        rig.script.hold = None
        progress = await asyncio.wait_for(handle.result(), 30)
    assert progress.counts == RotationCounts(cards_done=3)


def silent() -> AbstractContextManager[None]:
    return nullcontext()


async def test_progress_can_be_asked_for_while_it_runs(rig: VaultRig) -> None:
    rig.script.steps, rig.script.delay_seconds = 3, 1.0
    async with rig.worker():
        handle = await rig.start()
        await until(lambda: len(rig.script.seen) >= 2)
        progress = await handle.query(PROGRESS_QUERY, result_type=RotationProgress)
        assert progress.counts.cards_done >= 1
        assert progress.started_ms > 0
        await handle.result()


async def test_history_shows_no_key_and_no_card(client: Client, keyring: Keyring) -> None:
    lab = fake_lab()
    lab.pace = Pace(batch=3, per_second=1_000_000.0, idle_seconds=0)
    owner = MerchantId("mer_secret")
    for number in NUMBERS:
        await lab.keep(owner, number)
    lab.provider.active_key_id = "kek_secret"
    rig = VaultRig(client, rotations={kind: lab.rotation(kind) for kind in RotationKind})
    async with rig.worker():
        handles = [(await rig.rotate(lab.order(kind)))[0] for kind in RotationKind]
    assert lab.held().key_encryption_keys == {"kek_secret"}
    assert {version for version, _ in lab.held().cards.values()} == {2}
    for handle in handles:
        events = await events_of(handle)
        raw = b"".join(event.SerializeToString() for event in events)
        for secret in (b"secret", b"mer_", b"tok_", b"fpr_", b"cards_done", b"position", b"settle", *_card_bytes()):
            assert secret not in raw, secret
        assert raw.count(b"binary/payera-aes256gcm") >= 4
        for text in await _texts_of(events, keyring):
            assert HARMLESS.fullmatch(text), text


def _card_bytes() -> list[bytes]:
    return [number.encode() for number in NUMBERS]


async def _texts_of(events: list[Any], keyring: Keyring) -> list[str]:
    """Give every text in what the history holds encrypted."""
    payloads = [
        payload
        for event in events
        for part in (
            event.workflow_execution_started_event_attributes.input,
            event.activity_task_scheduled_event_attributes.input,
            event.activity_task_completed_event_attributes.result,
            event.workflow_execution_completed_event_attributes.result,
        )
        for payload in part.payloads
    ]
    decoded = await EncryptionCodec(keyring).decode(payloads)
    assert len(decoded) >= 4
    return [text for payload in decoded for text in _texts(msgspec.json.decode(payload.data))]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in (name, *_texts(each))]
    assert not isinstance(value, list), "bytes come as lists of numbers"
    return [value] if isinstance(value, str) else []


# The client's side ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def rotations(
    client: Client, tmp_path: Path, keyring: Keyring
) -> AsyncIterator[tuple[TemporalRotations, VaultRig]]:
    path = tmp_path / "codec.json"
    keys = {key_id: b64encode(key).decode() for key_id, key in keyring.keys.items()}
    path.write_bytes(msgspec.json.encode({"active": keyring.active, "keys": keys}))
    path.chmod(0o600)
    rig = VaultRig(client)
    yield (
        TemporalRotations(client.service_client.config.target_host, "default", path, task_queue=rig.task_queue),
        rig,
    )
    for kind in RotationKind:
        await _end(client, kind)


async def _end(client: Client, kind: RotationKind) -> None:
    try:
        await client.get_workflow_handle(workflow_id_of(kind)).terminate()
    except RPCError:
        return


async def test_a_rotation_is_started_once_and_found(rotations: tuple[TemporalRotations, VaultRig]) -> None:
    there, rig = rotations
    rig.script.hold = asyncio.Event()
    started = await there.start(RotationOrder(DATA, "mer_1", 5, "key_1"))
    assert (started.kind, started.state, started.ended_at) == (DATA, RotationState.RUNNING, None)
    assert started.counts == RotationCounts()
    again = await there.start(RotationOrder(DATA, "mer_2", 6, "key_2"))
    assert again.started_at == started.started_at
    async with rig.worker():
        rig.script.hold.set()
        report = await _until_ended(there, DATA)
    assert report.state is RotationState.FINISHED
    assert report.counts == RotationCounts(cards_done=3)
    assert report.ended_at is not None
    assert report.ended_at >= report.started_at
    # What runs once more is another rotation; its order is its own.
    assert {order.merchant_id for order in rig.script.orders} == {"mer_1"}
    rig.script.orders.clear()
    rig.script.seen.clear()
    async with rig.worker():
        fresh = await there.start(RotationOrder(DATA, "mer_2", 6, "key_2"))
        assert fresh.counts.cards_done <= 3
        await _until_ended(there, DATA)
    assert {order.merchant_id for order in rig.script.orders} == {"mer_2"}


async def test_rotations_of_different_kinds_run_beside_each_other(
    rotations: tuple[TemporalRotations, VaultRig],
) -> None:
    there, rig = rotations
    rig.script.hold = asyncio.Event()
    async with rig.worker():
        for kind in (KEK, FINGERPRINT):
            await there.start(RotationOrder(kind))
        await until(lambda: len(rig.script.orders) >= 2)
        rig.script.hold.set()
        for kind in (KEK, FINGERPRINT):
            assert (await _until_ended(there, kind)).state is RotationState.FINISHED


async def test_a_rotation_that_ended_with_something_left_is_failed(
    rotations: tuple[TemporalRotations, VaultRig],
) -> None:
    there, rig = rotations
    rig.script.ending = Progress.INCOMPLETE
    async with rig.worker():
        await there.start(RotationOrder(DATA))
        report = await _until_ended(there, DATA)
    assert report.state is RotationState.FAILED
    assert report.counts.cards_done == 3


async def test_temporal_away_or_not_set_up_is_unavailable_and_costs_next_to_nothing(tmp_path: Path) -> None:
    create_keyring(tmp_path / "codec.json")
    for there in (
        TemporalRotations("127.0.0.1:1", "default", tmp_path / "codec.json"),
        TemporalRotations("", "default", tmp_path / "codec.json"),
        TemporalRotations("127.0.0.1:1", "default", None),
        TemporalRotations("127.0.0.1:1", "default", tmp_path / "none.json"),
    ):
        for _ in range(3):
            with pytest.raises(Refusal) as refused:
                await there.find(DATA)
            assert refused.value.reason is Reason.UNAVAILABLE
            with pytest.raises(Refusal):
                await there.start(RotationOrder(DATA))


async def test_a_memo_that_another_keyring_wrote_is_not_believed(client: Client, tmp_path: Path) -> None:
    create_keyring(tmp_path / "codec.json")
    there = TemporalRotations(client.service_client.config.target_host, "default", tmp_path / "codec.json")
    config = client.config()
    config["data_converter"] = encrypting_converter(Keyring("k9", {"k9": secrets.token_bytes(32)}))
    stranger = Client(**config)
    try:
        await stranger.start_workflow(
            "Nothing",
            id=workflow_id_of(FINGERPRINT),
            task_queue="nobody",
            memo={PROGRESS_MEMO: RotationProgress(RotationCounts(cards_done=10**9))},
        )
        with pytest.raises(Refusal):
            await there.find(FINGERPRINT)
    finally:
        await _end(client, FINGERPRINT)


async def _until_ended(there: TemporalRotations, kind: RotationKind) -> Any:
    async with asyncio.timeout(30):
        while True:
            report = await there.find(kind)
            if report is not None and report.state is not RotationState.RUNNING:
                return report
            await asyncio.sleep(0.1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it is about what a worker does elsewhere
            await asyncio.sleep(0.05)
