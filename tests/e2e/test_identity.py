"""Who may call what, on the running mesh: certificates, callers, roles, and keys that are revoked."""

import time
import uuid
from pathlib import Path

import grpc
import psycopg
import pytest
from payera.connectors.v1 import connector_service_pb2, connector_service_pb2_grpc
from payera.keys.v1 import key_service_pb2, key_service_pb2_grpc
from payera.psp.v1 import (
    psp_account_service_pb2,
    psp_account_service_pb2_grpc,
    psp_webhook_service_pb2,
    psp_webhook_service_pb2_grpc,
)
from payera.router.v1 import router_service_pb2, router_service_pb2_grpc
from payera.routing.v1 import ruleset_service_pb2, ruleset_service_pb2_grpc
from payera.vault.v1 import token_service_pb2, token_service_pb2_grpc

from devstack.names import DATABASE_ROLES, PortName
from devstack.rest import Rest, expect_ok
from mesh.channels import open_channel
from tests.e2e.support import Mesh, until

IDENTITIES = (
    "envoy",
    "gateway_svc",
    "gateway_worker",
    "gateway_relay",
    "router_svc",
    "vault_svc",
    "psp_connectors",
    "operator",
)
CALLS = [
    (
        PortName.VAULT,
        "vault_svc",
        token_service_pb2_grpc.CardServiceStub,
        "Detokenize",
        token_service_pb2.DetokenizeRequest(merchant_id="m", token_id="t", payment_id="p", purpose="authorization"),
        {"psp_connectors"},
    ),
    (
        PortName.VAULT,
        "vault_svc",
        token_service_pb2_grpc.CardServiceStub,
        "DescribeToken",
        token_service_pb2.DescribeTokenRequest(merchant_id="m", token_id="t"),
        {"gateway_svc", "gateway_worker"},
    ),
    (
        PortName.VAULT,
        "vault_svc",
        token_service_pb2_grpc.CardServiceStub,
        "MakePermanent",
        token_service_pb2.MakePermanentRequest(merchant_id="m", token_id="t", payment_id="p"),
        {"gateway_svc", "gateway_worker"},
    ),
    (
        PortName.ROUTER,
        "router_svc",
        router_service_pb2_grpc.RouterServiceStub,
        "SetPriorities",
        router_service_pb2.SetPrioritiesRequest(merchant_id="m"),
        {"operator"},
    ),
    (
        PortName.CONNECTORS,
        "psp_connectors",
        connector_service_pb2_grpc.ConnectorServiceStub,
        "Refund",
        connector_service_pb2.RefundRequest(),
        {"gateway_svc", "gateway_worker"},
    ),
    (
        PortName.GATEWAY,
        "gateway_svc",
        key_service_pb2_grpc.KeyServiceStub,
        "LookUpKey",
        key_service_pb2.LookUpKeyRequest(key_sha256=b"0" * 32),
        {"vault_svc", "psp_connectors", "router_svc"},
    ),
    (
        PortName.ROUTER,
        "router_svc",
        ruleset_service_pb2_grpc.RulesetServiceStub,
        "GetActiveRuleset",
        ruleset_service_pb2.GetActiveRulesetRequest(),
        {"envoy", "operator"},
    ),
    (
        PortName.CONNECTORS,
        "psp_connectors",
        psp_webhook_service_pb2_grpc.PspWebhookServiceStub,
        "ReceiveWebhook",
        psp_webhook_service_pb2.ReceiveWebhookRequest(account="nobody"),
        {"envoy"},
    ),
    (
        PortName.CONNECTORS,
        "psp_connectors",
        psp_account_service_pb2_grpc.PspAccountServiceStub,
        "GetPspAccount",
        psp_account_service_pb2.GetPspAccountRequest(account="sandbox_a"),
        {"envoy", "operator"},
    ),
]


async def code_of(mesh: Mesh, call: tuple, folder: Path) -> grpc.StatusCode:  # type: ignore[type-arg]
    port, service, stub, method, request, _ = call
    channel = open_channel(mesh.stack.configuration.address(port), service=service, tls_directory=folder)
    try:
        await getattr(stub(channel), method)(request, timeout=5)
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        await channel.close()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[3])
async def test_only_the_callers_of_the_contract_are_let_in(mesh: Mesh, call: tuple) -> None:  # type: ignore[type-arg]
    for identity in IDENTITIES:
        code = await code_of(mesh, call, mesh.stack.configuration.tls_directory(identity))
        if identity in call[5]:
            assert code is not grpc.StatusCode.PERMISSION_DENIED, identity
        else:
            assert code is grpc.StatusCode.PERMISSION_DENIED, identity


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[3])
async def test_a_certificate_of_another_authority_is_refused(
    mesh: Mesh,
    call: tuple,  # type: ignore[type-arg]
    tmp_path: Path,
) -> None:
    from devstack.certificates import ensure_certificates
    from devstack.configuration import load_configuration

    forged = load_configuration(tmp_path / "forged", 0, {})
    ensure_certificates(forged)
    folder = tmp_path / "mixed"
    folder.mkdir()
    own = forged.tls_directory("psp_connectors")
    for name in ("certificate.pem", "key.pem"):
        (folder / name).write_bytes((own / name).read_bytes())
    right = mesh.stack.configuration.tls_directory("operator")
    (folder / "ca.pem").write_bytes((right / "ca.pem").read_bytes())
    assert await code_of(mesh, call, folder) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[3])
async def test_a_caller_without_a_certificate_is_refused(mesh: Mesh, call: tuple) -> None:  # type: ignore[type-arg]
    port, service, stub, method, request, _ = call
    authority = (mesh.stack.configuration.tls_directory("operator") / "ca.pem").read_bytes()
    options = [("grpc.ssl_target_name_override", f"{service}.payera.internal")]
    credentials = grpc.ssl_channel_credentials(authority)
    async with grpc.aio.secure_channel(mesh.stack.configuration.address(port), credentials, options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(stub(channel), method)(request, timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("role", sorted(DATABASE_ROLES.values()))
def test_a_role_reads_no_table_of_its_own_or_anothers(mesh: Mesh, role: str) -> None:
    tables = mesh.rows(
        "SELECT format('%%I.%%I', schemaname, relname) AS name FROM pg_stat_user_tables"
        " WHERE schemaname IN ('gateway', 'router', 'vault', 'connectors')"
    )
    assert len(tables) >= 8
    with psycopg.connect(mesh.stack.configuration.database_url(role), autocommit=True) as connection:
        for table in tables:
            for statement in ("SELECT 1 FROM {} LIMIT 1", "DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.format(table["name"]))


def test_a_revoked_key_stops_working_everywhere_within_10_seconds(mesh: Mesh) -> None:
    url = mesh.stack.configuration.rest_url
    operator = Rest(url, mesh.merchant.operator_key)
    path = f"/v1/merchants/{mesh.merchant.merchant_id}/api_keys"
    made = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "a key")
    listed = expect_ok(operator.get(path), "the keys")["api_keys"]
    assert all(key["key"] == "" for key in listed)
    rest = Rest(url, made["key"])
    card = {"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040}}
    assert rest.get("/v1/payments").status == 200
    assert rest.post("/v1/tokens", card, money=False).status == 200
    assert operator.post(f"/v1/api_keys/{made['id']}:revoke", {}, money=False).status == 200
    revoked = time.monotonic()
    for probe in (lambda: rest.get("/v1/payments"), lambda: rest.post("/v1/tokens", card, money=False)):
        answer = until(probe, lambda found: found.status == 401, 10 - (time.monotonic() - revoked))
        assert answer.reason == "API_KEY_REVOKED"
    body = {"amount": {"value": 1, "currency": "EUR"}, "token": mesh.token()}
    assert rest.post("/v1/payments", body, idempotency_key=str(uuid.uuid4())).status == 401


def test_internal_services_are_out_of_reach_from_the_edge(mesh: Mesh) -> None:
    for service in ("payera.vault.v1.CardService/Detokenize", "payera.keys.v1.KeyService/LookUpKey"):
        assert mesh.rest.send("POST", f"/{service}", b"{}").status == 404
