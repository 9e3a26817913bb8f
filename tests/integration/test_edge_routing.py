"""The edge for rulesets: the service and no other of the router, larger bodies, and the merchant that is named."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from payera.routing.v1 import ruleset_service_pb2 as contract

from tests.integration.test_edge import assert_refused, send
from tests.support.edge import Edge

pytestmark = pytest.mark.integration

LIMIT: Final = 262_144
MERCHANT: Final = "mer_01JD3V5H2A9D4EJ6M8QPSRTVWX"


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_calls(edge: Edge) -> None:
    edge.log.calls.clear()


def ruleset(rules: int, length: int) -> dict[str, Any]:
    """Make a ruleset whose rules have everything that a rule can have, and conditions of a length."""
    strategy = {"ranking": "WEIGHTED", "success_weight": 70, "explore_ppm": 20_000}
    return {
        "rules": [
            {
                "name": f"rule {number}",
                "condition": "x" * length,
                "route": {"accounts": ["a", "b", "c"], "strategy": strategy},
                "step_up": "REQUIRE",
            }
            for number in range(rules)
        ]
    }


async def test_a_ruleset_of_two_hundred_rules_passes_whole(edge: Edge) -> None:
    body = {"ruleset": ruleset(200, 1_000), "note": "all of them"}
    answer = await send(edge, "POST", "/v1/routing/rulesets", body)
    assert answer.status == 200
    [call] = edge.log.calls
    assert isinstance(call.request, contract.CreateRulesetRequest)
    assert len(call.request.ruleset.rules) == 200
    assert call.request.ruleset.rules[199].route.strategy.ranking == contract.Strategy.WEIGHTED
    shown = answer.json
    assert shown["ruleset"]["rules"][7]["name"] == "rule 7"
    assert shown["ruleset"]["rules"][7]["step_up"] == "REQUIRE"


async def test_a_larger_body_is_refused_with_the_limit_that_holds_here(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/routing/rulesets", b" " * (LIMIT + 1))
    assert_refused(answer, "BODY_TOO_LARGE", limit=str(LIMIT))
    assert not edge.log.calls


async def test_the_merchant_is_named_in_the_query_of_what_is_read(edge: Edge) -> None:
    answer = await send(edge, "GET", f"/v1/routing/rulesets/7?merchant_id={MERCHANT}", None)
    assert answer.status == 200
    [call] = edge.log.calls
    assert call.request == contract.GetRulesetRequest(version=7, merchant_id=MERCHANT)
    answer = await send(edge, "GET", "/v1/routing/rulesets/7?version=8", None)
    assert_refused(answer, "UNKNOWN_PARAMETER", detail="`version`.")
    answer = await send(edge, "POST", f"/v1/routing/rulesets/7:activate?merchant_id={MERCHANT}", {})
    assert_refused(answer, "UNKNOWN_PARAMETER", detail="`merchant_id`.")


async def test_a_version_is_activated_by_its_path(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/routing/rulesets/7:activate", {"expected_active_version": 6})
    assert answer.status == 200
    [call] = edge.log.calls
    assert call.request == contract.ActivateRulesetRequest(version=7, expected_active_version=6)


@pytest.mark.parametrize("path", ["/v1/routing/rulesets/seven", "/v1/routing", "/v1/routing/anything"])
async def test_what_is_no_path_of_a_ruleset_reaches_nobody(edge: Edge, path: str) -> None:
    answer = await send(edge, "GET", path, None)
    assert answer.status in (400, 404)
    assert not edge.log.calls


async def test_the_routers_own_calls_are_not_reachable(edge: Edge) -> None:
    for path in ("/payera.router.v1.RouterService/SetPriorities", "/payera.routing.v1.RulesetService/CreateRuleset"):
        assert (await send(edge, "POST", path, {})).status == 404
    assert not edge.log.calls
