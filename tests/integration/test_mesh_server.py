"""The mesh server over real mutual TLS: who may call, and what a call must bring."""

import base64
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2
from payera.gateway.v1 import payment_service_pb2, payment_service_pb2_grpc
from payera.keys.v1 import key_service_pb2, key_service_pb2_grpc

from mesh.context import KeyScope
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.log import FakeLog
from tests.support.certificates import CertificateAuthority
from tests.support.mesh_server import (
    CREATE,
    KEYS,
    PAYMENTS,
    SECRET_KEY,
    Payments,
    Running,
    create,
    detail_of,
    mesh,
    refused,
    register,
    status_of,
)

__all__ = ["mesh"]

pytestmark = pytest.mark.integration


async def test_a_good_call_is_served_logged_and_counted(mesh: Running) -> None:
    async with mesh.channel() as channel:
        answer = await create(channel)

    assert answer.id == "pay_1"
    (seen,) = mesh.payments.seen
    assert seen.caller == "envoy"
    assert seen.idempotency_key == "key-1"
    assert seen.principal is not None
    assert seen.principal.merchant_id == "mer_1"
    (line,) = mesh.log.calls()
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "call",
        "method": CREATE,
        "code": "OK",
        "request_id": "request-1",
        "caller": "envoy",
        "merchant_id": "mer_1",
    }
    labels = {"method": CREATE, "code": "OK"}
    assert mesh.metrics.registry.get_sample_value("payera_rpc_calls_total", labels) == 1
    assert mesh.metrics.registry.get_sample_value("payera_rpc_seconds_count", labels) == 1
    assert mesh.metrics.registry.get_sample_value("payera_rpc_in_flight") == 0


async def test_a_certificate_of_another_authority_is_refused(mesh: Running, tmp_path: Path) -> None:
    foreign = CertificateAuthority().write(tmp_path / "foreign", "envoy")
    # The stranger trusts our authority, so that only its own certificate is at fault.
    (foreign / "ca.pem").write_bytes((mesh.settings.tls_directory / "ca.pem").read_bytes())

    async with mesh.channel(tls=foreign) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(channel)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert mesh.log.calls() == []


async def test_a_server_of_another_authority_is_refused_by_the_caller(mesh: Running, tmp_path: Path) -> None:
    foreign = CertificateAuthority().write(tmp_path / "foreign", "envoy")

    async with mesh.channel(tls=foreign) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(channel)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert mesh.log.calls() == []


async def test_a_caller_refuses_a_server_of_another_name(mesh: Running) -> None:
    async with mesh.channel(service="vault_svc") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(channel)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_caller_that_the_contract_does_not_name_is_refused(mesh: Running) -> None:
    async with mesh.channel("psp_connectors") as channel:
        error, refusal = await refused(create(channel))

    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.reason is Reason.CALLER_NOT_ALLOWED
    assert mesh.payments.seen == []
    assert mesh.log.calls()[0]["caller"] == "psp_connectors"


@pytest.mark.parametrize(
    "uris",
    [
        (),
        ("spiffe://payera/prod/envoy",),
        ("spiffe://elsewhere/dev/envoy",),
        ("spiffe://payera/dev/envoy/more",),
        ("spiffe://payera/dev/envoy", "spiffe://payera/dev/operator"),
        ("https://payera/dev/envoy",),
    ],
)
async def test_a_certificate_without_one_good_identity_may_call_nothing(
    mesh: Running, tmp_path: Path, uris: tuple[str, ...]
) -> None:
    own = mesh.authority.write(tmp_path / "own", "envoy")
    odd = mesh.authority.write(tmp_path / "odd", "envoy", uris=uris)
    credentials = grpc.ssl_channel_credentials(
        *[
            (folder / name).read_bytes()
            for folder, name in ((own, "ca.pem"), (odd, "key.pem"), (odd, "certificate.pem"))
        ]
    )
    options = (("grpc.ssl_target_name_override", "gateway_svc.payera.internal"),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{mesh.server.port}", credentials, options=options) as channel:
        _, refusal = await refused(create(channel))

    assert refusal.reason is Reason.CALLER_NOT_ALLOWED
    assert mesh.log.calls()[0]["caller"] == ""


async def test_internal_rpcs_need_no_key_and_only_their_callers(mesh: Running) -> None:
    question = key_service_pb2.LookUpKeyRequest(key_sha256=b"x" * 32)
    async with mesh.channel("vault_svc") as channel:
        stub: Any = key_service_pb2_grpc.KeyServiceStub(channel)
        assert (await stub.LookUpKey(question, timeout=20)).merchant_id == "vault_svc"
    async with mesh.channel("envoy") as channel:
        stub = key_service_pb2_grpc.KeyServiceStub(channel)
        _, refusal = await refused(stub.LookUpKey(question, timeout=20))
    assert refusal.reason is Reason.CALLER_NOT_ALLOWED


def probe_contract(name: str, *, streaming: bool = False) -> str:
    """Add a contract whose rpc has no access option, and give its service's name."""
    package = f"payera.test.{name}"
    file = descriptor_pb2.FileDescriptorProto(name=f"payera/test/{name}.proto", package=package, syntax="proto3")
    file.message_type.add(name="Nothing")
    service = file.service.add(name="ProbeService")
    method = service.method.add(name="Probe", input_type=f".{package}.Nothing", output_type=f".{package}.Nothing")
    method.server_streaming = streaming
    try:
        descriptor_pool.Default().Add(file)
    except AttributeError:
        descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return f"{package}.ProbeService"


async def test_an_rpc_without_access_may_be_called_by_no_one(tmp_path: Path) -> None:
    name = probe_contract("unary")
    server = Running(tmp_path)

    async def probe(_request: Any, _context: Any) -> Any:
        raise AssertionError

    handlers: dict[str, Any] = {"Probe": grpc.unary_unary_rpc_method_handler(probe)}
    server.server.add(name, lambda target: target.add_registered_method_handlers(name, handlers))
    await server.server.start()
    try:
        for caller in ("envoy", "operator", "gateway_svc"):
            async with server.channel(caller) as channel:
                _, refusal = await refused(channel.unary_unary(f"/{name}/Probe")(b"", timeout=20))
            assert refusal.reason is Reason.CALLER_NOT_ALLOWED
    finally:
        await server.server.stop(0)


def test_a_service_that_could_not_be_guarded_is_not_added(tmp_path: Path) -> None:
    name = probe_contract("streaming", streaming=True)
    server = Running(tmp_path).server
    handlers: dict[str, Any] = {"Probe": grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(()))}

    with pytest.raises(ValueError, match="streaming"):
        server.add(name, lambda target: target.add_registered_method_handlers(name, handlers))
    with pytest.raises(ValueError, match="no contract"):
        server.add("payera.X", lambda target: target.add_registered_method_handlers("payera.X", handlers))
    with pytest.raises(ValueError, match="not registered"):
        server.add("payera.Y", lambda _target: None)
    with pytest.raises(ValueError, match="twice"):
        server.add(KEYS, lambda _target: None)


def test_keys_need_an_authenticator(tmp_path: Path) -> None:
    settings = BaseSettings(
        environment="dev",
        listen="127.0.0.1:0",
        tls_directory=CertificateAuthority().write(tmp_path, "gateway_svc"),
    )
    server = MeshServer(settings, logger=FakeLog().logger, metrics=Metrics("gateway_svc"))

    with pytest.raises(ValueError, match="Authenticator"):
        server.add(
            PAYMENTS,
            register(Payments()),
        )


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(key.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, Reason.API_KEY_MISSING),
        ("", Reason.API_KEY_MISSING),
        ("Bearer ", Reason.API_KEY_MISSING),
        (basic(":x"), Reason.API_KEY_MISSING),
        ("Bearer sk_test_unknown", Reason.API_KEY_INVALID),
        (f"Digest {SECRET_KEY}", Reason.API_KEY_INVALID),
        ("Basic ???", Reason.API_KEY_INVALID),
        (f"Bearer {'x' * 1000}", Reason.API_KEY_INVALID),
        ("Bearer sk_test_revoked", Reason.API_KEY_REVOKED),
        ("Bearer pk_test_page", Reason.API_KEY_SCOPE),
        ("Bearer op_test_operator", Reason.API_KEY_SCOPE),
    ],
)
async def test_calls_without_a_good_key_are_refused(mesh: Running, authorization: str | None, reason: Reason) -> None:
    mesh.keys.give("sk_test_revoked", KeyScope.SECRET, revoked=True)
    mesh.keys.give("pk_test_page", KeyScope.PUBLISHABLE)
    mesh.keys.give("op_test_operator", KeyScope.OPERATOR, merchant_id="")

    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel, authorization=authorization))

    expected = "PERMISSION_DENIED" if reason is Reason.API_KEY_SCOPE else "UNAUTHENTICATED"
    assert error.code().name == expected
    assert refusal.reason is reason
    assert mesh.payments.seen == []


@pytest.mark.parametrize("authorization", [f"bearer {SECRET_KEY}", basic(f"{SECRET_KEY}:"), basic(SECRET_KEY)])
async def test_keys_may_come_in_both_schemes(mesh: Running, authorization: str) -> None:
    async with mesh.channel() as channel:
        assert (await create(channel, authorization=authorization)).id == "pay_1"


async def test_a_key_store_that_is_away_is_no_wrong_key(mesh: Running) -> None:
    mesh.keys.failure = Refusal(Reason.UNAVAILABLE)

    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel))

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert refusal.reason is Reason.UNAVAILABLE
    assert detail_of(error, error_details_pb2.RetryInfo)[0].retry_delay.seconds == 1


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, Reason.IDEMPOTENCY_KEY_MISSING),
        ("", Reason.IDEMPOTENCY_KEY_MISSING),
        ("x" * 256, Reason.IDEMPOTENCY_KEY_INVALID),
        ("two words", Reason.IDEMPOTENCY_KEY_INVALID),
    ],
)
async def test_a_money_call_needs_a_well_formed_idempotency_key(mesh: Running, key: str | None, reason: Reason) -> None:
    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel, idempotency_key=key))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason is reason
    assert mesh.payments.seen == []


async def test_reading_needs_no_idempotency_key(mesh: Running) -> None:
    async with mesh.channel() as channel:
        stub: Any = payment_service_pb2_grpc.PaymentServiceStub(channel)
        question = payment_service_pb2.GetPaymentRequest(payment_id="pay_7")
        answer = await stub.GetPayment(question, timeout=20, metadata=(("authorization", f"Bearer {SECRET_KEY}"),))
    assert answer.id == "pay_7"


@pytest.mark.parametrize(
    "unknown", ["captur_method", "amount.valu", "token.x", "amount.value.x", "?", "Amount", "x.y", "captureMethod"]
)
async def test_an_unknown_body_field_is_refused(mesh: Running, unknown: str) -> None:
    fields = f"amount,amount.value,amount.currency,token,{unknown}"

    async with mesh.channel() as channel:
        for _ in range(2):
            _, refusal = await refused(create(channel, x_payera_body_fields=fields))
            assert refusal.reason is Reason.UNKNOWN_FIELD
            assert refusal.metadata == {"field": unknown}
    assert mesh.payments.seen == []


async def test_known_fields_and_anything_in_a_map_are_taken(mesh: Running) -> None:
    fields = "amount,amount.value,merchant_reference,capture_method,metadata,metadata.a,metadata.b.c"

    async with mesh.channel() as channel:
        for _ in range(2):
            assert (await create(channel, x_payera_body_fields=fields)).id == "pay_1"


async def test_a_body_that_the_edge_did_not_check_is_refused(mesh: Running) -> None:
    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel, x_payera_body_fields=None))

    assert error.code() is grpc.StatusCode.INTERNAL
    assert refusal.reason is Reason.INTERNAL
    assert mesh.payments.seen == []


async def test_a_card_number_as_a_field_name_is_not_repeated(mesh: Running) -> None:
    async with mesh.channel() as channel:
        error, _ = await refused(create(channel, x_payera_body_fields="4242424242424242"))

    assert "4242424242424242" not in str(status_of(error))
