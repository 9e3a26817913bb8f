"""The vault's worker as a process, with the real Temporal and PostgreSQL: each may die during a rotation."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devstack.configuration import TEMPORAL_NAMESPACE, environment_of, load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.keyring import create_keyring as create_codec_keyring
from mesh.refusal import Refusal
from tests.support.postgres import PostgresServer
from tests.support.vault_rotation import NUMBERS, RotationLab, age_in, held_in
from vault_svc.adapters.keyring.key_provider import create_keyring, load_keyring
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.key_inventory import PostgresKeyInventory
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.rotation_store import PostgresRotationStore
from vault_svc.adapters.temporal.rotations import TemporalRotations
from vault_svc.application.ports.rotations import RotationKind, RotationOrder, RotationReport, RotationState
from vault_svc.domain.token import MerchantId, TokenId

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
CARDS = 40


@dataclass
class WorkerBench:
    """A stack with PostgreSQL and Temporal, a vault's cards in it, and worker processes that come and go."""

    stack: Stack
    lab: RotationLab
    rotations: TemporalRotations
    kept: dict[TokenId, tuple[MerchantId, str, str]] = field(default_factory=dict)

    @property
    def crash_directory(self) -> Path:
        return self.stack.configuration.crash_directory

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker process; it must end with code 0 on SIGTERM unless the test has killed it."""
        settings = environment_of(ComponentName.VAULT_WORKER, self.stack.configuration)
        settings |= {"PAYERA_ROTATION_IDLE_SECONDS": "10", "PAYERA_CRASH_DIRECTORY": str(self.crash_directory)}
        settings |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "gen"), str(ROOT)])}
        log_path = self.stack.configuration.home / "vault_worker.log"
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vault_svc.entrypoints.worker"],
                env=os.environ | settings,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        except BaseException:
            process.kill()
            sys.stderr.write(log_path.read_text(encoding="utf-8")[-6000:])
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
        assert process.returncode in {0, -signal.SIGKILL}

    def arm(self, point: str) -> None:
        """Let the worker die at a point of its next rotation."""
        self.crash_directory.mkdir(parents=True, exist_ok=True)
        for path in self.crash_directory.iterdir():
            path.unlink()
        (self.crash_directory / point).write_text("kill", encoding="utf-8")

    def order(self, kind: RotationKind) -> RotationOrder:
        return RotationOrder(kind, created_before_ms=int(self.lab.now() * 1000), requested_by="key_1")

    async def ended(self, kind: RotationKind) -> RotationReport:
        """Wait until a rotation is over."""
        found: list[RotationReport] = []

        async def check() -> bool:
            report = await self.rotations.find(kind)
            if report is not None and report.state is not RotationState.RUNNING:
                found.append(report)
            return bool(found)

        await until(check)
        return found[0]

    def metrics(self) -> str:
        """Read the worker's metrics page."""
        address = self.stack.configuration.address(PortName.VAULT_WORKER_METRICS)
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    async def assert_whole(self) -> None:
        """Every card is there, opens, and has the id it had."""
        held = self.lab.held()
        assert held.cards.keys() == self.kept.keys()
        for token_id, (owner, number, fingerprint) in self.kept.items():
            assert await self.lab.number_of(owner, token_id) == number
            assert held.cards[token_id][1] == fingerprint
        assert not {"decrypt_only", "retiring"} & {*held.data_keys.values(), *held.fingerprint_keys.values()}


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerBench]:
    home = tmp_path_factory.mktemp("vault_worker") / "stack"
    stack = Stack(load_configuration(home, 0, environ={}))
    configuration = stack.configuration
    configuration.vault_keyring.parent.mkdir(parents=True, exist_ok=True)
    create_keyring(configuration.vault_keyring)
    create_codec_keyring(configuration.vault_codec_keyring)
    vault = Database(configuration.database_url("vault_svc"), pool_size=2, name="tests")
    server = PostgresServer(
        configuration.ports[PortName.POSTGRES], home, configuration.secrets["database/postgres"], {}
    )
    lab = RotationLab(
        store=PostgresRotationStore(vault),
        key_store=PostgresKeyStore(vault),
        cards=PostgresCardStore(vault),
        inventory=PostgresKeyInventory(vault),
        age=age_in(server),
        held=held_in(server),
        provider=load_keyring(configuration.vault_keyring, environment="dev"),  # type: ignore[arg-type]
    )
    rotations = TemporalRotations(
        configuration.address(PortName.TEMPORAL), TEMPORAL_NAMESPACE, configuration.vault_codec_keyring
    )
    try:
        await asyncio.to_thread(start_all, stack)
        made = WorkerBench(stack, lab, rotations)
        for owner in [MerchantId(new_id("mer")) for _ in range(2)]:
            for place in range(CARDS // 2):
                number = NUMBERS[place % len(NUMBERS)]
                token = await lab.keep(owner, number)
                made.kept[token.token_id] = (owner, number, token.fingerprint)
        yield made
    finally:
        await vault.close()
        await asyncio.to_thread(stack.down, wipe=True)


@pytest.mark.parametrize(
    ("kind", "point"),
    [(RotationKind.DATA_KEY, "vault_worker.after_item"), (RotationKind.FINGERPRINT_KEY, "vault_worker.after_batch")],
)
async def test_a_killed_worker_s_rotation_goes_on_with_the_next_worker(
    bench: WorkerBench, kind: RotationKind, point: str
) -> None:
    before = bench.lab.held()
    bench.arm(point)
    with bench.worker() as first:
        started = await bench.rotations.start(bench.order(kind))
        assert started.state is RotationState.RUNNING
        await until(lambda: _ended(first))
    assert first.returncode == -signal.SIGKILL
    waiting = await bench.rotations.find(kind)
    assert waiting is not None
    assert waiting.state is RotationState.RUNNING
    with bench.worker():
        report = await bench.ended(kind)
        assert "payera_temporal_connected 1.0" in bench.metrics()
        assert f'payera_destroyed_keys_total{{kind="{kind.value}"}}' in bench.metrics()
    assert report.state is RotationState.FINISHED
    await bench.assert_whole()
    held = bench.lab.held()
    if kind is RotationKind.DATA_KEY:
        assert len(held.data_keys) == len(before.data_keys) + 2
        assert {version for version, _ in held.cards.values()} == {max(version for _, version in held.data_keys)}
    else:
        assert len(held.fingerprint_keys) == len(before.fingerprint_keys) + 1


async def test_temporal_and_postgresql_killed_during_a_rotation_are_waited_for(bench: WorkerBench) -> None:
    kind = RotationKind.DATA_KEY
    with bench.worker() as worker:
        await bench.rotations.start(bench.order(kind))
        await asyncio.to_thread(bench.stack.kill, ComponentName.POSTGRES)
        await asyncio.to_thread(bench.stack.kill, ComponentName.TEMPORAL)
        with pytest.raises(Refusal):
            await bench.rotations.find(kind)
        await asyncio.to_thread(start_all, bench.stack)
        report = await bench.ended(kind)
        assert worker.poll() is None
    assert report.state is RotationState.FINISHED
    await bench.assert_whole()


async def test_a_worker_bears_that_nothing_is_there_and_ends_when_it_is_told(bench: WorkerBench) -> None:
    await asyncio.to_thread(bench.stack.kill, ComponentName.TEMPORAL)
    with bench.worker() as worker:
        await until(lambda: _answers(bench))
        assert "payera_temporal_connected 0.0" in bench.metrics()
        assert worker.poll() is None
    assert worker.returncode == 0
    await asyncio.to_thread(start_all, bench.stack)


def start_all(stack: Stack) -> None:
    stack.start(ComponentName.TEMPORAL)
    stack.start(ComponentName.POSTGRES)
    stack.migrate(lambda _: None)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; an answer from something that is not up yet counts as not yet."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(OSError, Refusal):
                if await condition():
                    return
            await asyncio.sleep(0.1)


async def _answers(bench: WorkerBench) -> bool:
    return bool(await asyncio.to_thread(bench.metrics))


async def _ended(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is not None
