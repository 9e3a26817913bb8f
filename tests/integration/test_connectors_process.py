"""The connectors process over mutual TLS, with a vault that answers over gRPC and the real sandbox PSP."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
import structlog
from payera.connectors.v1 import connector_service_pb2 as contract
from payera.connectors.v1 import connector_service_pb2_grpc as stubs
from payera.types.v1 import card_pb2, money_pb2, outcome_pb2
from payera.vault.v1 import token_service_pb2 as vault_contract
from payera.vault.v1 import token_service_pb2_grpc as vault_stubs

from mesh.channels import open_channel
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.connectors.laboratory import KEYS, Laboratory, laboratory
from tests.fakes.connectors.ports import CARD_CODE, CARD_NUMBER, KEY
from tests.support.certificates import CertificateAuthority

SECONDS = 60.0
pytestmark = pytest.mark.integration


class FakeVaultService(vault_stubs.CardServiceServicer):
    """Knows one token."""

    asked = 0

    async def DescribeToken(  # noqa: N802
        self, request: vault_contract.DescribeTokenRequest, context: object
    ) -> vault_contract.DescribeTokenResponse:
        raise AssertionError((request, context))

    async def MakePermanent(  # noqa: N802
        self, request: vault_contract.MakePermanentRequest, context: object
    ) -> vault_contract.MakePermanentResponse:
        raise AssertionError((request, context))

    async def Detokenize(  # noqa: N802
        self, request: vault_contract.DetokenizeRequest, context: object
    ) -> vault_contract.DetokenizeResponse:
        assert context is not None
        self.asked += 1
        if request.token_id == "tok_used":
            raise Refusal(Reason.TOKEN_USED, token_id=request.token_id)
        if request.token_id != "tok_1":
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=request.token_id)
        # As the real vault does, it gives the code once.
        code = CARD_CODE if self.asked == 1 else ""
        return vault_contract.DetokenizeResponse(
            card=vault_contract.Card(number=CARD_NUMBER, exp_month=12, exp_year=2099, cvc=code),
            summary=card_pb2.CardSummary(brand="visa", last4="4242", bin="424242", exp_month=12, exp_year=2099),
        )


@dataclass
class Rig:
    lab: Laboratory
    vault_server: MeshServer
    stub: "stubs.ConnectorServiceAsyncStub"
    process: asyncio.subprocess.Process
    crash_directory: Path
    log: Path
    authority: CertificateAuthority
    address: str
    folder: Path

    def authorize(
        self,
        *,
        token: str = "tok_1",
        value: int = 1050,
        account: str = "sandbox_a",
        reference: str = "pay_1_1",
        code_required: bool = False,
    ) -> contract.AuthorizeRequest:
        return contract.AuthorizeRequest(
            account=account,
            reference=reference,
            code_required=code_required,
            idempotency_key=f"{KEY}{reference}",
            merchant_id="mer_1",
            token=token,
            amount=money_pb2.Money(value=value, currency="EUR"),
            payment_id="pay_1",
        )

    async def call(self, request: contract.AuthorizeRequest, seconds: float = SECONDS) -> outcome_pb2.Outcome:
        response = await self.stub.Authorize(request, timeout=seconds)
        return response.outcome


def free_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def vault(folder: Path, port: int) -> AsyncIterator[MeshServer]:
    settings = BaseSettings(environment="dev", listen=f"127.0.0.1:{port}", tls_directory=folder)
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics("vault_svc"))
    server.add(
        "payera.vault.v1.CardService",
        lambda target: vault_stubs.add_CardServiceServicer_to_server(FakeVaultService(), target),
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def connectors(environment: dict[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "psp_connectors.entrypoints.server",
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    authority = CertificateAuthority()
    tls = {name: authority.write(tmp_path / name, name) for name in ("vault_svc", "psp_connectors", "gateway_svc")}
    vault_port, port = free_port(), free_port()
    crash_directory = tmp_path / "crash"
    crash_directory.mkdir()
    async with laboratory() as lab:
        accounts = [
            {
                "account": name,
                "connector": "sandbox",
                "base_url": f"http://127.0.0.1:{account_port}",
                "api_key": KEYS[name],
            }
            for name, account_port in lab.sandbox.ports.items()
        ]
        (tmp_path / "accounts.json").write_text(json.dumps(accounts))
        environment = {
            "PAYERA_ENVIRONMENT": "dev",
            "PAYERA_LISTEN": f"127.0.0.1:{port}",
            "PAYERA_TLS_DIRECTORY": str(tls["psp_connectors"]),
            "PAYERA_VAULT_ADDRESS": f"127.0.0.1:{vault_port}",
            "PAYERA_PSP_ACCOUNTS": str(tmp_path / "accounts.json"),
            "PAYERA_CRASH_DIRECTORY": str(crash_directory),
        }
        log = tmp_path / "log"
        async with vault(tls["vault_svc"], vault_port) as vault_server, connectors(environment, log) as process:
            channel = open_channel(f"127.0.0.1:{port}", service="psp_connectors", tls_directory=tls["gateway_svc"])
            async with asyncio.timeout(SECONDS):
                await channel.channel_ready()
            yield Rig(
                lab,
                vault_server,
                stubs.ConnectorServiceStub(channel),
                process,
                crash_directory,
                log,
                authority,
                f"127.0.0.1:{port}",
                tmp_path,
            )
            await channel.close()


async def test_whole_life_over_grpc(rig: Rig) -> None:
    outcome = await rig.call(rig.authorize())
    assert outcome.kind == outcome_pb2.OUTCOME_KIND_APPROVED
    assert (outcome.amount, outcome.card.last4, outcome.code) == (1050, "4242", "")
    amount = money_pb2.Money(value=1050, currency="EUR")
    charge = outcome.psp_reference
    capture = await rig.stub.Capture(
        contract.CaptureRequest(
            account="sandbox_a",
            reference="cap_1",
            idempotency_key=KEY + "1",
            psp_reference=charge,
            amount=amount,
            final=True,
        ),
        timeout=SECONDS,
    )
    refund = await rig.stub.Refund(
        contract.RefundRequest(
            account="sandbox_a", reference="ref_1", idempotency_key=KEY + "2", psp_reference=charge, amount=amount
        ),
        timeout=SECONDS,
    )
    void = await rig.stub.Void(
        contract.VoidRequest(account="sandbox_a", reference="void_1", idempotency_key=KEY + "3", psp_reference=charge),
        timeout=SECONDS,
    )
    assert capture.outcome.kind == refund.outcome.kind == outcome_pb2.OUTCOME_KIND_APPROVED
    assert (void.outcome.kind, void.outcome.code) == (outcome_pb2.OUTCOME_KIND_DECLINED, "invalid_transaction")
    sync = await rig.stub.Sync(
        contract.SyncRequest(
            account="sandbox_a", operation=contract.OPERATION_AUTHORIZE, reference="pay_1_1", amount=amount
        ),
        timeout=SECONDS,
    )
    assert (sync.outcome.kind, sync.outcome.captured_amount) == (outcome_pb2.OUTCOME_KIND_APPROVED, 1050)
    void_sync = await rig.stub.Sync(
        contract.SyncRequest(account="sandbox_a", operation=contract.OPERATION_VOID, reference="void_9"),
        timeout=SECONDS,
    )
    assert void_sync.outcome.kind == outcome_pb2.OUTCOME_KIND_NOT_FOUND
    capabilities = await rig.stub.ListCapabilities(contract.ListCapabilitiesRequest(), timeout=SECONDS)
    assert [entry.account for entry in capabilities.accounts] == ["sandbox_a", "sandbox_b"]
    assert capabilities.accounts[0].connector == "sandbox"
    assert len(capabilities.accounts[0].operations) == 4
    assert capabilities.accounts[0].sync_by_reference
    rig.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(SECONDS):
        assert await rig.process.wait() == 0
    log = rig.log.read_text()
    calls = [line for line in map(json.loads, log.splitlines()) if line["event"] == "psp_call"]
    assert [call["operation"] for call in calls] == ["authorize", "capture", "refund", "void", "sync", "sync"]
    assert calls[0]["account"] == "sandbox_a"
    assert calls[0]["outcome"] == "approved"
    assert calls[0]["duration_ms"] > 0
    assert not any(secret in log for secret in (CARD_NUMBER, f'"{CARD_CODE}"', KEYS["sandbox_a"]))


async def test_unknown_token_and_lost_vault_are_not_sent(rig: Rig) -> None:
    outcome = await rig.call(rig.authorize(token="tok_other"))
    assert (outcome.kind, outcome.code) == (outcome_pb2.OUTCOME_KIND_NOT_SENT, "token_unusable")
    outcome = await rig.call(rig.authorize(token="tok_used"))
    assert (outcome.kind, outcome.code) == (outcome_pb2.OUTCOME_KIND_NOT_SENT, "token_used")
    outcome = await rig.call(rig.authorize(account="nobody"))
    assert (outcome.kind, outcome.code) == (outcome_pb2.OUTCOME_KIND_NOT_SENT, "account_not_configured")
    await rig.vault_server.stop(0)
    outcome = await rig.call(rig.authorize())
    assert (outcome.kind, outcome.code) == (outcome_pb2.OUTCOME_KIND_NOT_SENT, "vault_unavailable")
    assert (await rig.lab.truth())["charges"] == []


async def test_without_its_code_a_card_is_declined_where_the_merchant_wants_it(rig: Rig) -> None:
    first = await rig.call(rig.authorize(code_required=True))
    assert first.kind == outcome_pb2.OUTCOME_KIND_APPROVED
    second = await rig.call(rig.authorize(reference="pay_1_2", code_required=True))
    assert (second.kind, second.code) == (outcome_pb2.OUTCOME_KIND_DECLINED, "cvc_required")
    assert second.psp_reference == ""
    third = await rig.call(rig.authorize(reference="pay_1_3"))
    assert third.kind == outcome_pb2.OUTCOME_KIND_APPROVED
    references = [charge["reference"] for charge in (await rig.lab.truth())["charges"]]
    assert references == ["pay_1_1", "pay_1_3"]


async def test_an_outcome_comes_back_before_the_callers_deadline(rig: Rig) -> None:
    await rig.lab.set_fault(mode="timeout_then_success", operation="authorize")
    outcome = await rig.call(rig.authorize(), seconds=2.0)
    assert (outcome.kind, outcome.code) == (outcome_pb2.OUTCOME_KIND_UNKNOWN, "psp_timeout")
    charge = await rig.lab.charge("pay_1_1")
    assert charge is not None
    assert charge["money_moves"] == 1


async def test_others_may_not_call(rig: Rig) -> None:
    tls = rig.authority.write(rig.folder / "router_svc", "router_svc")
    channel = open_channel(rig.address, service="psp_connectors", tls_directory=tls)
    stub = stubs.ConnectorServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Authorize(rig.authorize(), timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    await stub.ListCapabilities(contract.ListCapabilitiesRequest(), timeout=SECONDS)
    await channel.close()


@pytest.mark.parametrize(("point", "moves"), [("connectors.before_send", 0), ("connectors.after_send", 1)])
async def test_crash_around_the_sending(rig: Rig, point: str, moves: int) -> None:
    (rig.crash_directory / point).write_text("kill")
    with pytest.raises(grpc.aio.AioRpcError):
        await rig.call(rig.authorize())
    async with asyncio.timeout(SECONDS):
        assert await rig.process.wait() == -signal.SIGKILL
    assert (rig.crash_directory / f"{point}.hit").exists()
    charge = await rig.lab.charge("pay_1_1")
    assert (charge["money_moves"] if charge is not None else 0) == moves


async def test_wrong_accounts_file_is_one_clear_line(tmp_path: Path) -> None:
    tls = CertificateAuthority().write(tmp_path / "tls", "psp_connectors")
    accounts = tmp_path / "accounts.json"
    accounts.write_text('[{"account": "a", "connector": "none", "base_url": "http://x", "api_key": "secret_key"}]')
    environment = {
        "PAYERA_ENVIRONMENT": "dev",
        "PAYERA_LISTEN": "127.0.0.1:0",
        "PAYERA_TLS_DIRECTORY": str(tls),
        "PAYERA_VAULT_ADDRESS": "127.0.0.1:1",
        "PAYERA_PSP_ACCOUNTS": str(accounts),
    }
    async with connectors(environment, tmp_path / "log") as process:
        async with asyncio.timeout(SECONDS):
            assert await process.wait() == 1
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert "there is no connector 'none'" in line
    assert "secret_key" not in line
