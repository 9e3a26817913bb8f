"""The router's client against a real server over mutual TLS: all facts go out, the whole decision comes back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from payera.router.v1 import router_service_pb2 as router_pb2

from gateway_svc.adapters.router.router import GrpcRouter, decision_of
from gateway_svc.application.ports import ToRoute
from gateway_svc.domain.routing import RoutedAccount, RouteDecision, StepUp
from gateway_svc.domain.stored_credentials import Initiator
from gateway_svc.domain.three_ds import ThreeDsState
from mesh.channels import open_channel
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import CARD
from tests.fakes.gateway.servers import ScriptedRouter, router_server
from tests.support.mesh_services import free_port, write_identities

PAYMENT = ToRoute("mer_1", "pay_1", 1050, "EUR", CARD, {"order": "17"})


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@asynccontextmanager
async def client_of(identities: Path, address: str) -> AsyncIterator[GrpcRouter]:
    async with open_channel(address, service="router_svc", tls_directory=identities / "gateway_svc") as channel:
        yield GrpcRouter(channel)


async def test_the_router_is_told_all_that_is_known_and_gives_its_whole_decision(identities: Path) -> None:
    router = ScriptedRouter([("psp_a", True, "first"), ("psp_b", True, "second"), ("psp_x", False, "no yen")])
    router.more = {"list_version": 3, "ruleset_version": 7, "rule": "euro", "learning_current": True}
    async with router_server(identities, router) as address, client_of(identities, address) as client:
        decision = await client.route(PAYMENT)
    assert decision == RouteDecision(
        (
            RoutedAccount("psp_a", eligible=True, reason="first"),
            RoutedAccount("psp_b", eligible=True, reason="second"),
            RoutedAccount("psp_x", eligible=False, reason="no yen"),
        ),
        list_version=3,
        ruleset_version=7,
        rule="euro",
        learning_current=True,
    )
    [request] = router.requests
    assert (request.merchant_id, request.payment_id, request.method) == ("mer_1", "pay_1", "card")
    assert (request.amount.value, request.amount.currency, request.card.brand) == (1050, "EUR", "visa")
    assert dict(request.metadata) == {"order": "17"}
    assert request.initiator == router_pb2.INITIATOR_CUSTOMER
    assert request.three_ds == router_pb2.THREE_DS_STATE_UNSPECIFIED


async def test_the_router_is_told_who_starts_a_payment_and_that_the_shopper_was_authenticated(
    identities: Path,
) -> None:
    router = ScriptedRouter([("psp_a", True, "first")])
    payment = replace(PAYMENT, initiator=Initiator.MERCHANT, three_ds=ThreeDsState.EXTERNAL)
    async with router_server(identities, router) as address, client_of(identities, address) as client:
        await client.route(payment)
    [request] = router.requests
    assert request.initiator == router_pb2.INITIATOR_MERCHANT
    assert request.three_ds == router_pb2.THREE_DS_STATE_EXTERNAL


def test_scores_are_read_and_what_was_not_looked_at_is_not_zero() -> None:
    answer = router_pb2.RouteResponse(
        candidates=[
            {"account": "psp_x", "eligible": False, "reason": "no yen"},
            {"account": "psp_a", "eligible": True, "reason": "r", "approval_ppm": 0, "fee": 0, "explored": True},
            {"account": "psp_b", "eligible": True, "reason": "r", "approval_ppm": 912_000, "fee": 31},
        ],
        step_up=router_pb2.STEP_UP_REQUIRE,
        blocked="too young",
        unheld_rules=["gift"],
    )
    assert decision_of(answer) == RouteDecision(
        (
            RoutedAccount("psp_a", eligible=True, reason="r", approval_ppm=0, fee=0, explored=True),
            RoutedAccount("psp_b", eligible=True, reason="r", approval_ppm=912_000, fee=31),
            RoutedAccount("psp_x", eligible=False, reason="no yen"),
        ),
        step_up=StepUp.REQUIRE,
        blocked="too young",
        unheld_rules=("gift",),
    )


@pytest.mark.parametrize(
    ("word", "read"),
    [
        (router_pb2.STEP_UP_UNSPECIFIED, StepUp.UNSET),
        (router_pb2.STEP_UP_SKIP, StepUp.SKIP),
        (99, StepUp.UNSET),
    ],
)
def test_a_word_on_3d_secure_that_nobody_knows_yet_is_none(word: int, read: StepUp) -> None:
    answer = router_pb2.RouteResponse(step_up=word)  # type: ignore[arg-type]
    assert decision_of(answer).step_up is read


@pytest.mark.parametrize(
    ("refusal", "reason", "detail"),
    [
        (Refusal(Reason.NO_ELIGIBLE_ACCOUNT, detail="none at all"), Reason.NO_ELIGIBLE_ACCOUNT, "none at all"),
        (Refusal(Reason.INTERNAL), Reason.UNAVAILABLE, ""),
    ],
)
async def test_a_router_that_decides_nothing_tells_why(
    identities: Path, refusal: Refusal, reason: Reason, detail: str
) -> None:
    router = ScriptedRouter(refusal=refusal)
    async with router_server(identities, router) as address, client_of(identities, address) as client:
        with pytest.raises(Refusal) as caught:
            await client.route(PAYMENT)
    assert caught.value.reason is reason
    assert detail in caught.value.metadata.get("detail", "")


async def test_a_router_that_is_away_is_unavailable(identities: Path) -> None:
    async with client_of(identities, f"127.0.0.1:{free_port()}") as client:
        with pytest.raises(Refusal) as caught:
            await client.route(PAYMENT)
    assert caught.value.reason is Reason.UNAVAILABLE
