"""Over the wire and PostgreSQL: the router's decision is recorded, sent along, explained to its merchant, or blocks."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from payera.connectors.v1 import connector_service_pb2 as connectors_pb2
from payera.gateway.v1 import payment_pb2, routing_pb2
from payera.gateway.v1 import payment_service_pb2 as payments_pb2
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.types.v1 import outcome_pb2

from mesh.identifiers import new_id
from tests.fakes.gateway.mesh import CALL_SECONDS, RunningMesh, reason_of, running_mesh
from tests.support.mesh_services import write_identities
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

Payment = payment_pb2.Payment


@pytest.fixture(scope="module")
async def mesh(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningMesh]:
    identities = write_identities(tmp_path_factory.mktemp("identities"))
    async with running_mesh(postgres, identities) as running:
        yield running


@pytest.fixture(autouse=True)
async def _clean(mesh: RunningMesh) -> None:
    mesh.connectors.__init__()  # type: ignore[misc]
    mesh.router.__init__()  # type: ignore[misc]
    mesh.vault.__init__({mesh.token})  # type: ignore[misc]
    mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()


async def explained(mesh: RunningMesh, payment_id: str) -> routing_pb2.PaymentRouting:
    request = payments_pb2.ExplainRoutingRequest(payment_id=payment_id)
    answer: routing_pb2.PaymentRouting = await mesh.payments.ExplainRouting(
        request, metadata=mesh.metadata(), timeout=CALL_SECONDS
    )
    return answer


async def test_a_decision_is_explained_with_what_came_of_it(mesh: RunningMesh) -> None:
    mesh.router.candidates = [("psp_a", True, "best"), ("psp_b", True, "next"), ("psp_x", False, "no yen")]
    mesh.router.more = {"ruleset_version": 7, "rule": "euro", "learning_current": True, "unheld_rules": ["gift"]}

    async def decline(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001 - whatever is asked
        return outcome_pb2.Outcome(kind=outcome_pb2.OUTCOME_KIND_DECLINED, code="stolen_card", psp_reference="p")

    mesh.connectors.answer = decline
    payment = await mesh.pay(metadata={"order": "17"})
    assert dict(mesh.router.requests[-1].metadata) == {"order": "17"}
    routing = await explained(mesh, payment.id)
    assert (routing.payment_id, routing.status, routing.complete) == (payment.id, Payment.DECLINED, True)
    assert (routing.ruleset_version, routing.rule, list(routing.unheld_rules)) == (7, "euro", ["gift"])
    assert [(each.psp_account, each.rank, each.outcome) for each in routing.candidates] == [
        ("psp_a", 1, "declined with stolen_card"),
        ("psp_b", 2, "not tried"),
        ("psp_x", 0, ""),
    ]
    [attempt] = routing.attempts
    assert (attempt.id, attempt.rank, attempt.decline.code) == (f"{payment.id}_1", 1, "stolen_card")
    assert routing.stopped == "stolen_card does not move on to another account"


async def test_another_merchants_payment_is_not_explained(mesh: RunningMesh) -> None:
    payment = await mesh.pay()
    mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()
    for payment_id in (payment.id, new_id("pay"), "nonsense"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await explained(mesh, payment_id)
        assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND")


async def test_what_the_rule_says_of_3d_secure_reaches_the_connectors(mesh: RunningMesh) -> None:
    mesh.router.more = {"step_up": router_pb2.STEP_UP_REQUIRE}
    payment = await mesh.pay(return_url="https://shop.example/")
    [request] = mesh.connectors.requests
    assert request.details.three_ds_preference == connectors_pb2.THREE_DS_PREFERENCE_CHALLENGE
    assert request.details.return_url == "https://shop.example/"
    assert (await explained(mesh, payment.id)).three_ds == routing_pb2.PaymentRouting.REQUIRED


async def test_a_payment_that_a_rule_blocks_is_refused_with_the_rules_words(mesh: RunningMesh) -> None:
    mesh.router.more = {"rule": "subscriptions", "blocked": "no prepaid cards"}
    key = new_id("key")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mesh.pay(key)
    assert (caught.value.code(), reason_of(caught.value)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "PAYMENT_BLOCKED",
    )
    assert caught.value.details() == "The routing rule `subscriptions` blocks this payment: no prepaid cards"
    assert mesh.connectors.requests == []
    mesh.router.more = {}
    assert (await mesh.pay(key)).status == Payment.SUCCEEDED
