"""Runs the real Envoy with the project's own configuration, in front of two gRPC servers that stand for services."""

import asyncio
import datetime as dt
import ipaddress
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.api import httpbody_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from payera.gateway.v1 import payment_pb2, payment_service_pb2, payment_service_pb2_grpc, routing_pb2
from payera.psp.v1 import (
    psp_account_service_pb2,
    psp_account_service_pb2_grpc,
    psp_webhook_service_pb2,
    psp_webhook_service_pb2_grpc,
)
from payera.vault.v1 import key_service_pb2, key_service_pb2_grpc, token_service_pb2, token_service_pb2_grpc

from devstack.components.envoy import program
from mesh.channels import LARGEST_MESSAGE_BYTES
from tests.support.edge_rulesets import add_rulesets

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "envoy" / "envoy.template.yaml"
#: The stubs leave open what a context is of.
Context = grpc.aio.ServicerContext[Any, Any]
START_SECONDS: Final = 20
CALL_SECONDS: Final = 15
SERVICES: Final = ("gateway_svc", "vault_svc", "psp_connectors", "router_svc")


def write_certificates(directory: Path, names: Mapping[str, str]) -> None:
    """Write `ca.pem`, `certificate.pem` and `key.pem` for each folder name, issued to the identity it stands for."""
    now = dt.datetime.now(dt.UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    lifetime = (now - dt.timedelta(minutes=5), now + dt.timedelta(hours=2))

    def build(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(lifetime[0]).not_valid_after(lifetime[1])

    constraints = x509.BasicConstraints(ca=True, path_length=0)
    authority = build(issuer, authority_key).add_extension(constraints, critical=True)
    signed_authority = authority.sign(authority_key, hashes.SHA256())
    for folder, identity in names.items():
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [
            x509.DNSName(f"{identity}.payera.internal"),
            x509.UniformResourceIdentifier(f"spiffe://payera/dev/{identity}"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
        certificate = build(subject, key).add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        target = directory / folder
        target.mkdir(parents=True, exist_ok=True)
        pem = serialization.Encoding.PEM
        (target / "ca.pem").write_bytes(signed_authority.public_bytes(pem))
        (target / "certificate.pem").write_bytes(certificate.sign(authority_key, hashes.SHA256()).public_bytes(pem))
        (target / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a service saw it; `time_left_seconds` is 0 when it had no deadline."""

    method: str
    metadata: Mapping[str, str]
    request: Message
    time_left_seconds: float


@dataclass(slots=True)
class ServiceLog:
    """What reached the services, in order."""

    calls: list[Call] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def record(self, method: str, context: Context, request: Message) -> dict[str, str]:
        """Keep one call and give its metadata."""
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.calls.append(Call(method, metadata, request, context.time_remaining() or 0.0))
        self.called.set()
        return metadata


class FakePayments(payment_service_pb2_grpc.PaymentServiceServicer):
    """Answers by the request's texts: `description` names a behaviour, everything else is echoed."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log

    async def CreatePayment(  # noqa: N802
        self, request: payment_service_pb2.CreatePaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        metadata = self._log.record("CreatePayment", context, request)
        if request.description == "slow":
            # Ends when the edge gives up and the call is cancelled.
            await asyncio.sleep(CALL_SECONDS)
        if request.description == "overloaded":
            await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after_seconds=3)
        if request.description == "unauthenticated":
            await _abort(context, grpc.StatusCode.UNAUTHENTICATED, "API_KEY_MISSING")
        if request.description == "crash":
            message = "Traceback: secret"
            raise RuntimeError(message)
        if metadata.get("idempotency-key") == "replayed":
            await context.send_initial_metadata((("idempotent-replayed", "true"), ("x-internal", "secret")))
        context.set_trailing_metadata((("x-trailing", "secret"),))
        return payment_pb2.Payment(
            id="pay_1", amount=request.amount, status=payment_pb2.Payment.Status.SUCCEEDED, amount_captured=1050
        )

    async def CapturePayment(  # noqa: N802
        self, request: payment_service_pb2.CapturePaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        self._log.record("CapturePayment", context, request)
        return payment_pb2.Payment(id=request.payment_id, amount_captured=request.amount)

    async def VoidPayment(  # noqa: N802
        self, request: payment_service_pb2.VoidPaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        self._log.record("VoidPayment", context, request)
        return payment_pb2.Payment(id=request.payment_id, status=payment_pb2.Payment.Status.VOIDED)

    async def ListPayments(  # noqa: N802
        self, request: payment_service_pb2.ListPaymentsRequest, context: Context
    ) -> payment_service_pb2.ListPaymentsResponse:
        self._log.record("ListPayments", context, request)
        payments = [payment_pb2.Payment(id=f"pay_{index}", description="x" * 500) for index in range(request.page_size)]
        return payment_service_pb2.ListPaymentsResponse(payments=payments)

    async def CreateRefund(  # noqa: N802
        self, request: payment_service_pb2.CreateRefundRequest, context: Context
    ) -> payment_pb2.Refund:
        self._log.record("CreateRefund", context, request)
        return payment_pb2.Refund(payment_id=request.payment_id)

    async def GetRefund(  # noqa: N802
        self, request: payment_service_pb2.GetRefundRequest, context: Context
    ) -> payment_pb2.Refund:
        self._log.record("GetRefund", context, request)
        return payment_pb2.Refund(id=request.refund_id)

    async def ListRefunds(  # noqa: N802
        self, request: payment_service_pb2.ListRefundsRequest, context: Context
    ) -> payment_service_pb2.ListRefundsResponse:
        self._log.record("ListRefunds", context, request)
        return payment_service_pb2.ListRefundsResponse()

    async def ExplainRouting(  # noqa: N802
        self, request: payment_service_pb2.ExplainRoutingRequest, context: Context
    ) -> routing_pb2.PaymentRouting:
        self._log.record("ExplainRouting", context, request)
        return routing_pb2.PaymentRouting(payment_id=request.payment_id)

    async def GetPayment(  # noqa: N802
        self, request: payment_service_pb2.GetPaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        self._log.record("GetPayment", context, request)
        await _abort(context, grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND")
        raise AssertionError


class FakeTokens(token_service_pb2_grpc.TokenServiceServicer, token_service_pb2_grpc.CardServiceServicer):
    """Answers every token call, and would answer the vault's internal calls too if the edge let them through."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log

    async def CreateToken(  # noqa: N802
        self, request: token_service_pb2.CreateTokenRequest, context: Context
    ) -> token_service_pb2.Token:
        self._log.record("CreateToken", context, request)
        return token_service_pb2.Token(id="tok_1")

    async def GetToken(  # noqa: N802
        self, request: token_service_pb2.GetTokenRequest, context: Context
    ) -> token_service_pb2.Token:
        self._log.record("GetToken", context, request)
        return token_service_pb2.Token(id=request.token_id)

    async def Detokenize(  # noqa: N802
        self, request: token_service_pb2.DetokenizeRequest, context: Context
    ) -> token_service_pb2.DetokenizeResponse:
        self._log.record("Detokenize", context, request)
        return token_service_pb2.DetokenizeResponse(card=token_service_pb2.Card(number="4242424242424242"))

    async def ListTokens(  # noqa: N802
        self, request: token_service_pb2.ListTokensRequest, context: Context
    ) -> token_service_pb2.ListTokensResponse:
        self._log.record("ListTokens", context, request)
        return token_service_pb2.ListTokensResponse(
            tokens=[token_service_pb2.Token(id="tok_1", usage=token_service_pb2.Token.PERMANENT)]
        )

    async def UpdateToken(  # noqa: N802
        self, request: token_service_pb2.UpdateTokenRequest, context: Context
    ) -> token_service_pb2.Token:
        self._log.record("UpdateToken", context, request)
        card = {"exp_month": request.exp_month, "exp_year": request.exp_year}
        return token_service_pb2.Token(id=request.token_id, card=card)

    async def DeleteToken(  # noqa: N802
        self, request: token_service_pb2.DeleteTokenRequest, context: Context
    ) -> token_service_pb2.DeleteTokenResponse:
        self._log.record("DeleteToken", context, request)
        return token_service_pb2.DeleteTokenResponse(id=request.token_id)

    async def MakePermanent(  # noqa: N802
        self, request: token_service_pb2.MakePermanentRequest, context: Context
    ) -> token_service_pb2.MakePermanentResponse:
        self._log.record("MakePermanent", context, request)
        return token_service_pb2.MakePermanentResponse()

    async def DescribeToken(  # noqa: N802
        self, request: token_service_pb2.DescribeTokenRequest, context: Context
    ) -> token_service_pb2.DescribeTokenResponse:
        self._log.record("DescribeToken", context, request)
        return token_service_pb2.DescribeTokenResponse()


class FakeVaultKeys(
    key_service_pb2_grpc.KeyManagementServiceServicer,
    key_service_pb2_grpc.ControlledOperationServiceServicer,
    key_service_pb2_grpc.CardTransferServiceServicer,
):
    """Answers what operators ask of the vault; would also give cards out if the edge let that through."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log

    async def ListKeys(self, request: key_service_pb2.ListKeysRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("ListKeys", context, request)
        return key_service_pb2.ListKeysResponse(keys=[key_service_pb2.VaultKey(id="key-1", rows=7)])

    async def RotateKeys(self, request: key_service_pb2.RotateKeysRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("RotateKeys", context, request)
        return key_service_pb2.KeyRotation(kind=request.kind, state="running", cards_done=1)

    async def GetKeyRotation(self, request: key_service_pb2.GetKeyRotationRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("GetKeyRotation", context, request)
        return key_service_pb2.KeyRotation(kind=request.kind, state="finished")

    async def RequestOperation(self, request: key_service_pb2.RequestOperationRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("RequestOperation", context, request)
        return key_service_pb2.ControlledOperation(id="cop_1", kind=request.kind, key_version=request.key_version)

    async def ApproveOperation(self, request: key_service_pb2.ApproveOperationRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("ApproveOperation", context, request)
        return key_service_pb2.ControlledOperation(id=request.operation_id, state="approved")

    async def CancelOperation(self, request: key_service_pb2.CancelOperationRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("CancelOperation", context, request)
        return key_service_pb2.ControlledOperation(id=request.operation_id, state="cancelled")

    async def ListOperations(self, request: key_service_pb2.ListOperationsRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("ListOperations", context, request)
        return key_service_pb2.ListOperationsResponse()

    async def DestroyDataKey(self, request: key_service_pb2.DestroyDataKeyRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("DestroyDataKey", context, request)
        return key_service_pb2.DestroyDataKeyResponse(cards=3)

    async def ExportCards(self, request: key_service_pb2.ExportCardsRequest, context: Context) -> Any:  # noqa: N802
        self._log.record("ExportCards", context, request)
        return key_service_pb2.ExportCardsResponse(cards=["4242424242424242"])


class FakeWebhooks(psp_webhook_service_pb2_grpc.PspWebhookServiceServicer):
    """Takes every webhook, but refuses the body `forged`."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log

    async def ReceiveWebhook(  # noqa: N802
        self, request: psp_webhook_service_pb2.ReceiveWebhookRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        self._log.record("ReceiveWebhook", context, request)
        if request.body.data == b"forged":
            await _abort(context, grpc.StatusCode.UNAUTHENTICATED, "WEBHOOK_REFUSED")
        return httpbody_pb2.HttpBody(content_type="text/plain", data=b"[accepted]")

    async def GetPspWebhook(  # noqa: N802
        self, request: psp_webhook_service_pb2.GetPspWebhookRequest, context: Context
    ) -> psp_webhook_service_pb2.PspWebhook:
        self._log.record("GetPspWebhook", context, request)
        return psp_webhook_service_pb2.PspWebhook(id=request.webhook_id, body_base64=b"\0" * (1024 * 1024))


class FakeAccounts(psp_account_service_pb2_grpc.PspAccountServiceServicer):
    """Answers what is asked of one account."""

    def __init__(self, log: ServiceLog) -> None:
        self._log = log

    async def CreatePspAccount(  # noqa: N802
        self, request: psp_account_service_pb2.CreatePspAccountRequest, context: Context
    ) -> psp_account_service_pb2.PspAccount:
        self._log.record("CreatePspAccount", context, request)
        return psp_account_service_pb2.PspAccount(account=request.account, settings=request.settings)

    async def RetireWebhookSecret(  # noqa: N802
        self, request: psp_account_service_pb2.RetireWebhookSecretRequest, context: Context
    ) -> psp_account_service_pb2.WebhookSecret:
        self._log.record("RetireWebhookSecret", context, request)
        return psp_account_service_pb2.WebhookSecret(id=request.secret_id, account=request.account)


async def _abort(context: Context, code: grpc.StatusCode, reason: str, retry_after_seconds: int = 0) -> None:
    """End the call as the services do: with a google.rpc.Status in the trailing metadata."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain="payera.dev", metadata={"doc": "d"})]
    if retry_after_seconds:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=retry_after_seconds)))
    status = status_pb2.Status(code=code.value[0], message="as the service says it")
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()), ("x-trailing", "secret")))
    await context.abort(code, "as the service says it")


@dataclass(slots=True)
class Edge:
    """Envoy and the services behind it, as an asynchronous context manager."""

    directory: Path
    replacements: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    log: ServiceLog = field(default_factory=ServiceLog)
    url: str = ""
    _servers: list[grpc.aio.Server] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start everything; raise when Envoy is not ready in time."""
        names = {"envoy": "envoy"} | {name: self.identities.get(name, name) for name in SERVICES}
        write_certificates(self.directory, names)
        ports = {name: await self._serve(name) for name in SERVICES}
        configuration = self.directory / "envoy.yaml"
        configuration.write_text(self.render(ports), encoding="utf-8")
        try:
            await self._start(configuration)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End Envoy and the servers."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for server in self._servers:
            await server.stop(None)

    def render(self, ports: Mapping[str, int]) -> str:
        """Give Envoy's configuration for servers at `ports`, with the test's own replacements made."""
        html = ROOT / "envoy" / "docs.html"
        script = self.directory / "redoc.js"
        script.write_text("// stands for Redoc's script\n" + "/" * 1_000_000, encoding="utf-8")
        values = {
            "LISTEN_ADDRESS": "127.0.0.1",
            "REST_PORT": "0",
            "ADMIN_PORT": "0",
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(ports["gateway_svc"]),
            "VAULT_HOST": "127.0.0.1",
            "VAULT_PORT": str(ports["vault_svc"]),
            "CONNECTORS_HOST": "127.0.0.1",
            "CONNECTORS_PORT": str(ports["psp_connectors"]),
            "ROUTER_HOST": "127.0.0.1",
            "ROUTER_PORT": str(ports["router_svc"]),
            "TLS_DIRECTORY": str(self.directory / "envoy"),
            "DESCRIPTOR_PATH": str(ROOT / "gen" / "payera.binpb"),
            "OPENAPI_PATH": str(ROOT / "gen" / "openapi.json"),
            "DOCS_HTML_PATH": str(html),
            "REDOC_PATH": str(script),
            "LUA_PATH": str(ROOT / "envoy" / "edge.lua"),
            "REQUEST_LUA_PATH": str(ROOT / "envoy" / "request.lua"),
        }
        text = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)
        for old, new in self.replacements.items():
            if old not in text:
                message = f"{TEMPLATE.name} has no `{old}`"
                raise ValueError(message)
            text = text.replace(old, new)
        return text

    def access_log(self) -> list[dict[str, object]]:
        """Give what Envoy has written to its access log so far."""
        text = (self.directory / "stdout").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def output(self) -> str:
        """Give everything Envoy has written so far."""
        return "".join((self.directory / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))

    async def _serve(self, name: str) -> int:
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES)]
        server = grpc.aio.server(options=options)
        if name == "gateway_svc":
            payments = FakePayments(self.log)
            payment_service_pb2_grpc.add_PaymentServiceServicer_to_server(payments, server)
        elif name == "psp_connectors":
            webhooks = FakeWebhooks(self.log)  # type: ignore[abstract]  # the rest answers UNIMPLEMENTED
            psp_webhook_service_pb2_grpc.add_PspWebhookServiceServicer_to_server(webhooks, server)
            accounts = FakeAccounts(self.log)  # type: ignore[abstract]
            psp_account_service_pb2_grpc.add_PspAccountServiceServicer_to_server(accounts, server)
        elif name == "router_svc":
            add_rulesets(self.log, server)
        else:
            tokens = FakeTokens(self.log)
            token_service_pb2_grpc.add_TokenServiceServicer_to_server(tokens, server)
            token_service_pb2_grpc.add_CardServiceServicer_to_server(tokens, server)
            keys = FakeVaultKeys(self.log)  # type: ignore[abstract]  # the rest answers UNIMPLEMENTED
            key_service_pb2_grpc.add_KeyManagementServiceServicer_to_server(keys, server)
            key_service_pb2_grpc.add_ControlledOperationServiceServicer_to_server(keys, server)
            key_service_pb2_grpc.add_CardTransferServiceServicer_to_server(keys, server)
        folder = self.directory / name
        pair = ((folder / "key.pem").read_bytes(), (folder / "certificate.pem").read_bytes())
        authority = (folder / "ca.pem").read_bytes()
        credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
        if name in self.absent:
            await server.stop(None)
        else:
            await server.start()
            self._servers.append(server)
        return port

    async def _start(self, configuration: Path) -> None:
        address_file = self.directory / "admin.address"
        arguments = ["--config-path", str(configuration), "--concurrency", "1", "--log-level", "warning"]
        arguments += ["--disable-hot-restart", "--admin-address-path", str(address_file)]
        arguments += ["--file-flush-interval-msec", "50"]
        with (self.directory / "stdout").open("w") as out, (self.directory / "stderr").open("w") as errors:
            self._process = await asyncio.create_subprocess_exec(str(program()), *arguments, stdout=out, stderr=errors)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not self.url:
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(self.output())
            await asyncio.sleep(0.05)
            self.url = await _rest_url(address_file)


def _text_or_nothing(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


async def _rest_url(address_file: Path) -> str:
    """Give the address of the REST listener, or nothing while Envoy is not ready."""
    admin = _text_or_nothing(address_file)
    if not admin:
        return ""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as session:
            async with session.get(f"http://{admin}/ready") as answer:
                if answer.status != 200:
                    return ""
            async with session.get(f"http://{admin}/listeners?format=json") as answer:
                listeners = await answer.json(content_type=None)
    except (OSError, aiohttp.ClientError):
        return ""
    socket = listeners["listener_statuses"][0]["local_address"]["socket_address"]
    return f"http://{socket['address']}:{socket['port_value']}"
