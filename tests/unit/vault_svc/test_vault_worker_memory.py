"""The worker lets go of keys in memory as the vault does: after their time, also those that nobody asks for."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.identifiers import new_id
from tests.fakes.log import FakeLog
from tests.fakes.vault.clocks import FakeMonotonic
from tests.support.vault_rotation import NUMBERS, fake_lab
from vault_svc import worker_bootstrap
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.keyring.key_provider import create_keyring
from vault_svc.application.data_keys import KEY_LIFE_SECONDS, DataKeys
from vault_svc.application.purge import PurgeKeys
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import MerchantId
from vault_svc.settings import VaultWorkerSettings


async def test_keys_leave_the_memory_when_their_time_is_over_and_nothing_is_purged_in_the_database() -> None:
    ciphers: list[weakref.ref[AesGcmCardCipher]] = []

    class Watched(AesGcmCardCipher):
        def __init__(self, key: SecretKey) -> None:
            super().__init__(key)
            ciphers.append(weakref.ref(self))

    lab = fake_lab()
    monotonic = FakeMonotonic()
    lab.monotonic = monotonic
    owner = MerchantId(new_id("mer"))
    await lab.keep(owner, NUMBERS[0])
    keys = lab.keys_of()
    # What a process keeps in memory is seen from inside only.
    keys._cipher_of = Watched
    await keys.for_sealing(owner)
    # The step of the loop that woke this test has the answer still.
    await asyncio.sleep(0)
    purge = PurgeKeys(keys)
    monotonic.seconds += KEY_LIFE_SECONDS - 1
    assert await purge() == (0, 0)
    gc.collect()
    assert [cipher() is not None for cipher in ciphers] == [True]
    monotonic.seconds += 1
    await purge()
    gc.collect()
    assert [cipher() for cipher in ciphers] == [None]


class FakeDatabase:
    """Opens and closes."""

    def __init__(self, *_: object, **__: object) -> None:
        return

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return


async def test_the_worker_drops_the_keys_that_its_rotations_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dropped = asyncio.Event()
    made: list[DataKeys] = []

    class Watched(DataKeys):
        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            made.append(self)

        def drop_expired(self) -> None:
            super().drop_expired()
            dropped.set()

    class FakeWorker:
        def __init__(self, _settings: object, activities: list[Any], _connected: Callable[[float], None]) -> None:
            rotations = activities[0].__self__._rotations
            assert {rotation.keys for rotation in rotations.values() if hasattr(rotation, "keys")} == set(made)

        async def run(self, stop: asyncio.Event) -> None:
            await stop.wait()

    async def publish_nothing(*_: object) -> None:
        return

    create_keyring(tmp_path / "keyring.json")
    for name, stand_in in (
        ("DataKeys", Watched),
        ("Database", FakeDatabase),
        ("TemporalWorker", FakeWorker),
        ("_publish_heads", publish_nothing),
        ("serve_metrics", lambda *_: lambda: None),
        ("configure_logging", lambda *_: FakeLog().logger),
    ):
        monkeypatch.setattr(worker_bootstrap, name, stand_in)
    settings = VaultWorkerSettings(
        environment="dev",
        database_url="postgresql://nowhere",
        temporal_address="nowhere:1",
        kafka_bootstrap="nowhere:2",
        vault_keyring=tmp_path / "keyring.json",
        codec_keyring=tmp_path / "codec.json",
    )
    stop = asyncio.Event()
    worker = asyncio.create_task(worker_bootstrap.serve(settings, stop))
    async with asyncio.timeout(5):
        await dropped.wait()
        stop.set()
        await worker
    assert len(made) == 1
