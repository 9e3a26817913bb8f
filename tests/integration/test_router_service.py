"""The router as a process: mutual TLS, PostgreSQL, and the contract as its callers see it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psycopg
import pytest
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.router.v1 import router_service_pb2_grpc as router_grpc
from payera.types.v1 import card_pb2, money_pb2
from psycopg import errors

from mesh.channels import refusal_of
from mesh.identifiers import new_id
from mesh.reasons import Reason
from tests.support.mesh_services import CALL_SECONDS, ServiceProcess, free_port, running_service, write_identities
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

pytestmark = pytest.mark.integration

LIST = [
    router_pb2.Priority(account="sandbox_b", currencies=["EUR"], brands=["visa"]),
    router_pb2.Priority(account="sandbox_c", disabled=True),
    router_pb2.Priority(account="sandbox_a"),
]


@dataclass(slots=True)
class Router:
    """A running router and stubs for it as its callers."""

    process: ServiceProcess
    as_gateway: "router_grpc.RouterServiceAsyncStub"
    as_operator: "router_grpc.RouterServiceAsyncStub"

    async def route(self, merchant_id: str, currency: str = "EUR", brand: str = "visa") -> router_pb2.RouteResponse:
        request = router_pb2.RouteRequest(
            merchant_id=merchant_id,
            payment_id="pay_1",
            amount=money_pb2.Money(value=1050, currency=currency),
            card=card_pb2.CardSummary(brand=brand),
        )
        return await self.as_gateway.Route(request, timeout=CALL_SECONDS)

    async def set(self, merchant_id: str, priorities: list[router_pb2.Priority]) -> int:
        request = router_pb2.SetPrioritiesRequest(merchant_id=merchant_id, priorities=priorities)
        return (await self.as_operator.SetPriorities(request, timeout=CALL_SECONDS)).list_version


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="module")
async def router(
    identities: Path,
    postgres: PostgresServer,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Router]:
    settings = {
        "PAYERA_DATABASE_URL": postgres.role_urls["router_svc"],
        "PAYERA_DEFAULT_PRIORITIES": "sandbox_a,sandbox_b",
        "PAYERA_GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_CONNECTORS_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
    }
    directory = tmp_path_factory.mktemp("router")
    async with (
        running_service("router_svc", identities, directory, settings) as process,
        process.channel("gateway_svc") as gateway,
        process.channel("operator") as operator,
    ):
        yield Router(process, router_grpc.RouterServiceStub(gateway), router_grpc.RouterServiceStub(operator))


async def test_a_merchant_without_a_list_gets_the_default_one_and_is_told_so(router: Router) -> None:
    route = await router.route(new_id("mer"))
    assert route.list_version == 0
    assert [(candidate.account, candidate.eligible) for candidate in route.candidates] == [
        ("sandbox_a", True),
        ("sandbox_b", True),
    ]
    assert route.candidates[0].reason == "priority 1 of 2 of the default list, as the merchant has none"


async def test_a_list_is_set_read_and_decides(router: Router) -> None:
    merchant_id = new_id("mer")
    request = router_pb2.GetPrioritiesRequest(merchant_id=merchant_id)
    empty = await router.as_operator.GetPriorities(request, timeout=CALL_SECONDS)
    assert empty == router_pb2.GetPrioritiesResponse()
    await router.route(merchant_id)
    assert await router.set(merchant_id, LIST) == 1
    stored = await router.as_operator.GetPriorities(request, timeout=CALL_SECONDS)
    assert stored == router_pb2.GetPrioritiesResponse(priorities=LIST, list_version=1)
    route = await router.route(merchant_id)
    assert route.list_version == 1
    assert [(candidate.account, candidate.eligible, candidate.reason) for candidate in route.candidates] == [
        ("sandbox_b", True, "priority 1 of 3"),
        ("sandbox_a", True, "priority 3 of 3"),
        ("sandbox_c", False, "not used: disabled on the merchant's list"),
    ]
    yen = await router.route(merchant_id, currency="JPY")
    assert [candidate.account for candidate in yen.candidates if candidate.eligible] == ["sandbox_a"]
    assert await router.set(merchant_id, LIST[2:]) == 2
    assert [candidate.account for candidate in (await router.route(merchant_id)).candidates] == ["sandbox_a"]


async def test_every_version_is_kept_with_who_set_it_and_when_and_never_changed(
    router: Router,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    merchant_id = new_id("mer")
    await router.set(merchant_id, LIST)
    await router.set(merchant_id, LIST[:1])
    async with await psycopg.AsyncConnection.connect(postgres.admin_url, autocommit=True) as connection:
        rows = await connection.execute(
            "SELECT list_version, set_by, length(request_id) > 0, set_at > now() - interval '1 minute',"
            " jsonb_array_length(priorities) FROM router.priority_list WHERE merchant_id = %s ORDER BY list_version",
            (merchant_id,),
        )
        assert await rows.fetchall() == [(1, "operator", True, True, 3), (2, "operator", True, True, 1)]
        for statement in (
            "UPDATE router.priority_list SET set_by = 'nobody'",
            "DELETE FROM router.priority_list",
            "TRUNCATE router.priority_list CASCADE",
        ):
            with pytest.raises(errors.RaiseException, match="never changed"):
                await connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("priorities", "reason"),
    [
        ([LIST[0], LIST[0]], Reason.INVALID_FIELD),
        ([router_pb2.Priority(account="a", brands=["switch"])], Reason.INVALID_FIELD),
        ([router_pb2.Priority(account="a", currencies=["XXX"])], Reason.UNKNOWN_CURRENCY),
        ([router_pb2.Priority(account="Not An Account")], Reason.INVALID_FIELD),
        ([], Reason.INVALID_FIELD),
    ],
    ids=["double", "brand", "currency", "account", "empty"],
)
async def test_a_list_that_makes_no_sense_is_refused_and_sets_nothing(
    router: Router, priorities: list[router_pb2.Priority], reason: Reason
) -> None:
    merchant_id = new_id("mer")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.set(merchant_id, priorities)
    refusal = refusal_of(caught.value)
    assert refusal is not None
    assert refusal.reason is reason
    assert (await router.route(merchant_id)).list_version == 0


async def test_only_operators_set_lists_and_only_the_gateway_routes(router: Router) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.as_gateway.SetPriorities(
            router_pb2.SetPrioritiesRequest(merchant_id="mer_1", priorities=LIST), timeout=CALL_SECONDS
        )
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await router.as_operator.Route(router_pb2.RouteRequest(merchant_id="mer_1"), timeout=CALL_SECONDS)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_it_starts_without_postgresql_refuses_meanwhile_and_stops_cleanly(
    identities: Path, tmp_path: Path
) -> None:
    settings = {
        "PAYERA_DATABASE_URL": f"postgresql://router_svc@127.0.0.1:{free_port()}/payera",
        "PAYERA_GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_CONNECTORS_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
    }
    async with running_service("router_svc", identities, tmp_path, settings) as process:
        async with process.channel("gateway_svc") as channel:
            router = Router(process, router_grpc.RouterServiceStub(channel), router_grpc.RouterServiceStub(channel))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await router.route("mer_1")
            refusal = refusal_of(caught.value)
            assert refusal is not None
            assert refusal.reason is Reason.UNAVAILABLE
        assert await process.stop() == 0


def test_the_routers_role_calls_its_own_procedures_only(postgres: PostgresServer) -> None:  # noqa: F811
    with psycopg.connect(postgres.role_urls["router_svc"], autocommit=True) as connection:
        assert connection.execute("SELECT * FROM router.get_priorities('mer_1')").fetchall() == []
        for statement in (
            "SELECT FROM router.priority_list",
            "UPDATE router.current_priority_list SET list_version = 1",
            "SELECT * FROM vault.describe_token('mer_1', 'tok_1')",
            "SELECT * FROM vault.take_cards('{mer_1}', '{tok_1}', '{authorization}', '{p}', '{c}', '{r}')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    with (
        psycopg.connect(postgres.role_urls["vault_svc"], autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM router.get_priorities('mer_1')")
