"""The worker as a process, with the real Temporal and PostgreSQL: both may be away or die, and so may the worker."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devstack.configuration import TEMPORAL_NAMESPACE, load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from gateway_svc.adapters.temporal.driver import TemporalDurableDriver
from gateway_svc.application.ports import NewModification, NewPayment, Operation
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import AttemptVerdict, judge_attempt
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Candidate
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.durable.connector_server import UNKNOWN, ScriptedConnectors, running_connectors
from tests.fakes.gateway.servers import ScriptedVault, vault_server
from tests.support.mesh_services import free_port, write_identities

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp-1")
SOFT_DECLINE = Outcome(OutcomeKind.DECLINED, code="do_not_honor", raw_code="05")


@dataclass
class WorkerBench:
    """A stack with PostgreSQL and Temporal, scripted connectors, and worker processes that come and go."""

    stack: Stack
    folder: Path
    identities: Path
    connectors: ScriptedConnectors
    connectors_address: str
    vault: ScriptedVault
    vault_address: str
    store: PostgresPaymentStore
    driver: TemporalDurableDriver
    metrics_port: int

    @property
    def crash_directory(self) -> Path:
        return self.folder / "crash"

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker process; it must end with code 0 on SIGTERM unless the test has killed it."""
        configuration = self.stack.configuration
        settings = {
            "PAYERA_ENVIRONMENT": "dev",
            "PAYERA_DATABASE_URL": configuration.database_url("gateway_worker"),
            "PAYERA_CONNECTORS_ADDRESS": self.connectors_address,
            "PAYERA_VAULT_ADDRESS": self.vault_address,
            "PAYERA_TEMPORAL_ADDRESS": configuration.address(PortName.TEMPORAL),
            "PAYERA_TEMPORAL_NAMESPACE": TEMPORAL_NAMESPACE,
            "PAYERA_CODEC_KEYRING": str(self.folder / "codec.json"),
            "PAYERA_TLS_DIRECTORY": str(self.identities / "gateway_worker"),
            "PAYERA_CRASH_DIRECTORY": str(self.crash_directory),
            "PAYERA_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "PAYERA_SWEEP_INTERVAL_MS": "1000",
            "PAYERA_SWEEP_GRACE_MS": "1500",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "gen"), str(ROOT)]),
        }
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway_svc.entrypoints.worker"],
                env=os.environ | settings,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        except BaseException:
            process.kill()
            sys.stderr.write((self.folder / "worker.log").read_text(encoding="utf-8")[-6000:])
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
        assert process.returncode in {0, -signal.SIGKILL}

    async def begin_payment(self, *, store_card: bool = False) -> str:
        """Begin a payment as a request does, and leave its attempt SENDING as a crash does."""
        payment_id = new_id("pay")
        new = NewPayment(
            id=payment_id,
            amount=1050,
            currency="EUR",
            capture_method="AUTOMATIC",
            token=new_id("tok"),
            card={"brand": "visa", "last4": "4242", "bin": "424242", "exp_month": 12, "exp_year": 2030},
            merchant_reference="",
            description="",
            metadata={},
            statement_descriptor="",
            candidates=[Candidate("psp_a", "first"), Candidate("psp_b", "second")],
            store_card=store_card,
        )
        await self.store.begin_payment(_operation(), new)
        return payment_id

    async def record_first(self, payment_id: str, outcome: Outcome) -> None:
        """Record what came of the first attempt, as a request does."""
        payment = payment_of(await self.store.load_payment(payment_id))
        attempt = payment.attempts[0]
        verdict: AttemptVerdict = judge_attempt(payment, attempt, outcome, asked=False)
        await self.store.record_attempt(payment_id, attempt.id, verdict, asked=False)

    async def status_of(self, payment_id: str) -> str:
        """Give a payment's status."""
        return str((await self.store.load_payment(payment_id))["status"])

    async def until_settled(self, payment_id: str) -> dict[str, Any]:
        """Wait until a payment has left PROCESSING and give it."""
        await until(self._has_left_processing(payment_id))
        return dict(await self.store.load_payment(payment_id))

    def told_of(self, payment_id: str) -> int:
        """Tell how often the vault was told to keep a payment's token."""
        return [request.payment_id for request in self.vault.kept].count(payment_id)

    async def is_waiting(self, payment_id: str) -> bool:
        """Tell whether the vault is still to be told of a payment's token."""
        url = self.stack.configuration.administrator_url
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM gateway.token_to_keep WHERE payment_id = %s", (payment_id,)
            )
            [count] = await cursor.fetchone() or (0,)
        return bool(count)

    def _has_left_processing(self, payment_id: str) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return await self.status_of(payment_id) != "PROCESSING"

        return check

    def metrics(self) -> str:
        """Read the worker's metrics page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerBench]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "crash").mkdir()
    identities = write_identities(folder / "tls")
    stack = Stack(load_configuration(folder / "stack", 0, environ={}))
    configuration = stack.configuration
    database = Database(configuration.database_url("gateway_svc"), pool_size=2, name="tests")
    driver = TemporalDurableDriver(configuration.address(PortName.TEMPORAL), TEMPORAL_NAMESPACE, folder / "codec.json")
    connectors, vault = ScriptedConnectors(), ScriptedVault()
    try:
        async with (
            running_connectors(connectors, identities) as address,
            vault_server(identities, vault) as vault_address,
        ):
            yield WorkerBench(
                stack,
                folder,
                identities,
                connectors,
                address,
                vault,
                vault_address,
                PostgresPaymentStore(database, CryptogramSeal(folder / "codec.json")),
                driver,
                free_port(),
            )
    finally:
        await driver.close()
        await database.close()
        await asyncio.to_thread(stack.down, wipe=True)


async def test_worker_waits_for_temporal_and_postgresql_and_sweeps_what_a_crash_left(bench: WorkerBench) -> None:
    with bench.worker() as worker:
        await until(lambda: _answers(bench))
        assert "payera_temporal_connected 0.0" in bench.metrics()
        await asyncio.to_thread(bench.stack.start, ComponentName.TEMPORAL)
        await _start_database(bench)
        payment_id = await bench.begin_payment()
        payment = await bench.until_settled(payment_id)
        assert worker.poll() is None
        assert "payera_temporal_connected 1.0" in bench.metrics()
        assert 'payera_durable_steps_total{kind="payment",step="ask"}' in bench.metrics()
    assert payment["status"] == "SUCCEEDED"
    assert f"{payment_id}_1" in bench.connectors.asked
    assert f"{payment_id}_1" not in bench.connectors.sent


async def test_worker_killed_after_the_send_never_sends_again(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment()
    await bench.record_first(payment_id, SOFT_DECLINE)
    (bench.crash_directory / "worker.after_send").write_text("kill", encoding="utf-8")
    with bench.worker() as first:
        await until(lambda: _ended(first))
    assert first.returncode == -signal.SIGKILL
    assert await bench.status_of(payment_id) == "PROCESSING"
    with bench.worker():
        payment = await bench.until_settled(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert bench.connectors.sent.count(f"{payment_id}_2") == 1
    assert f"{payment_id}_2" in bench.connectors.asked


async def test_worker_killed_before_the_send_leaves_nothing_hanging(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment()
    await bench.record_first(payment_id, SOFT_DECLINE)
    (bench.crash_directory / "worker.before_send").write_text("kill", encoding="utf-8")
    with bench.worker() as first:
        await until(lambda: _ended(first))
    with bench.worker():
        payment = await bench.until_settled(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert f"{payment_id}_2" not in bench.connectors.sent


async def test_temporal_and_postgresql_killed_under_way_are_survived(bench: WorkerBench) -> None:
    await _start_all(bench)
    with bench.worker():
        payment_id = await bench.begin_payment()
        bench.connectors.kinds[f"{payment_id}_1"].extend([UNKNOWN, UNKNOWN])
        await bench.record_first(payment_id, Outcome(OutcomeKind.UNKNOWN, code="timeout"))
        await bench.driver.settle_payment(payment_id, wait_ms=300)
        await asyncio.to_thread(bench.stack.kill, ComponentName.TEMPORAL)
        await asyncio.to_thread(bench.stack.kill, ComponentName.POSTGRES)
        # Away is no error for a request.
        await bench.driver.settle_payment(payment_id, wait_ms=300)
        await _start_all(bench)
        payment = await bench.until_settled(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert len(payment["attempts"]) == 1


async def test_waiting_caller_gets_the_cascade_answered(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment()
    await bench.record_first(payment_id, SOFT_DECLINE)
    with bench.worker():
        await until(lambda: _connected(bench))
        await bench.driver.settle_payment(payment_id, wait_ms=30_000)
        assert await bench.status_of(payment_id) == "SUCCEEDED"


async def test_refund_left_sending_is_settled(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment()
    await bench.record_first(payment_id, Outcome(OutcomeKind.APPROVED, psp_reference="psp-1"))
    refund_id = new_id("ref")
    refund = NewModification(refund_id, "REFUND", payment_id, 500, final=None, reason="")
    await bench.store.begin_modification(_operation(), refund)

    async def settled() -> bool:
        modification, _ = await bench.store.load_modification(refund_id)
        return bool(modification["status"] == "SUCCEEDED")

    with bench.worker():
        await until(settled)
    assert bench.connectors.sent.count(refund_id) == 0


async def test_a_stored_card_that_a_killed_gateway_left_is_told_by_the_sweep(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment(store_card=True)
    await bench.record_first(payment_id, APPROVED)
    assert await bench.is_waiting(payment_id)
    away = Refusal(Reason.UNAVAILABLE)

    async def be_away_once() -> None:
        bench.vault.keep = None
        raise away

    bench.vault.keep = be_away_once
    with bench.worker():
        await until(lambda: _is_told(bench, payment_id))
        assert 'payera_stored_cards_total{result="kept"} 1.0' in bench.metrics()
        assert 'payera_stored_cards_total{result="left"} 1.0' in bench.metrics()
    assert bench.told_of(payment_id) == 2


async def test_a_stored_card_of_a_cascade_is_told_although_the_worker_dies_in_between(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment(store_card=True)
    await bench.record_first(payment_id, SOFT_DECLINE)
    (bench.crash_directory / "worker.after_keep").write_text("kill", encoding="utf-8")
    with bench.worker() as first:
        await until(lambda: _ended(first))
    assert await bench.status_of(payment_id) == "SUCCEEDED"
    assert bench.told_of(payment_id) == 1
    assert await bench.is_waiting(payment_id)
    with bench.worker():
        await until(lambda: _is_told(bench, payment_id))
    assert bench.told_of(payment_id) == 2
    assert bench.connectors.sent.count(f"{payment_id}_2") == 1


async def test_the_vaults_last_word_on_a_stored_card_is_written_down(bench: WorkerBench) -> None:
    await _start_all(bench)
    payment_id = await bench.begin_payment(store_card=True)
    await bench.record_first(payment_id, APPROVED)

    async def refuse_to_keep() -> None:
        raise Refusal(Reason.TOKEN_NOT_FOUND)

    bench.vault.keep = refuse_to_keep
    with bench.worker():
        await until(lambda: _is_told(bench, payment_id))
    bench.vault.keep = None
    assert bench.told_of(payment_id) == 1
    log = (bench.folder / "worker.log").read_text(encoding="utf-8")
    lines = [line for line in log.splitlines() if "the vault does not keep a stored card" in line]
    assert [(payment_id in line, "TOKEN_NOT_FOUND" in line) for line in lines] == [(True, True)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; an answer from something that is not up yet counts as not yet."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(OSError, Refusal):
                if await condition():
                    return
            await asyncio.sleep(0.1)


async def _is_told(bench: WorkerBench, payment_id: str) -> bool:
    return not await bench.is_waiting(payment_id)


async def _answers(bench: WorkerBench) -> bool:
    return bool(await asyncio.to_thread(bench.metrics))


async def _connected(bench: WorkerBench) -> bool:
    return "payera_temporal_connected 1.0" in await asyncio.to_thread(bench.metrics)


async def _ended(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is not None


async def _start_database(bench: WorkerBench) -> None:
    await asyncio.to_thread(bench.stack.start, ComponentName.POSTGRES)
    await asyncio.to_thread(bench.stack.migrate, lambda _: None)
    with psycopg.connect(bench.stack.configuration.administrator_url, autocommit=True) as connection:
        connection.execute(
            b"SELECT gateway.create_merchant('mer_1', 'A shop') WHERE NOT EXISTS "
            b"(SELECT FROM gateway.merchant WHERE id = 'mer_1')"
        )


async def _start_all(bench: WorkerBench) -> None:
    await asyncio.to_thread(bench.stack.start, ComponentName.TEMPORAL)
    await _start_database(bench)


def _operation() -> Operation:
    return Operation("mer_1", new_id("key"), os.urandom(32), lease_ms=1000)
