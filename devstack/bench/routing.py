"""`payera bench routing`: decisions with a hundred rules and learning, in the core alone and in the service."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import grpc
from grpc_health.v1 import health_pb2
from payera.router.v1 import router_service_pb2_grpc as router_grpc

from devstack.bench.calls import CALL_SECONDS, HEAD, Load, line, play
from devstack.bench.own_router import own_router
from devstack.bench.report import keep_result
from devstack.bench.routing_core import measure_core
from devstack.bench.routing_world import ACCOUNTS, OUTCOMES, RULES, payments, rules_json, taught
from devstack.configuration import Configuration, load_configuration
from devstack.errors import StackError
from devstack.rest import Rest, expect_ok
from devstack.seed import SeededMerchant, remembered_merchant, set_priorities
from mesh.channels import open_channel
from mesh.identifiers import new_id

GOAL_PER_SECOND: Final = 3_000.0
GOAL_P99_MS: Final = 5.0
IN_FLIGHT: Final = 16
CAUGHT_UP_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.2


@click.command("routing")
@click.option("--seconds", type=click.FloatRange(1, 300), default=5.0, show_default=True, help="Length of one load.")
@click.option(
    "--rate", type=click.FloatRange(1, 10_000), default=500.0, show_default=True, help="Calls a second, fixed."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON result goes.")
@click.pass_obj
def bench_routing(home: Path | None, seconds: float, rate: float, output: Path | None) -> None:
    """Measure routing: the core in this process, then a router of its own beside the running stack.

    That router has a merchant with a hundred rules, and a topic with invented outcomes to learn from; the stack's own
    router and events are left alone.
    """
    configuration = load_configuration(home, create=False)
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    click.echo(f"the core alone: {RULES} rules, {len(ACCOUNTS)} accounts, {OUTCOMES:,} outcomes learnt ...", err=True)
    core = measure_core(seconds)
    click.echo(f"core: {core.per_second:,.0f} decisions a second, p50 {core.p50_us:.0f} us, p99 {core.p99_us:.0f} us")
    loads = asyncio.run(_measure(configuration, merchant, seconds, rate))
    click.echo(HEAD)
    for load in loads:
        click.echo(line(load))
    empty, route = (next(load for load in loads if load.name == name) for name in ("empty", "route"))
    fixed = loads[-1]
    click.echo(f"route: {route.per_second / empty.per_second:.2f} of the empty call's rate, {IN_FLIGHT} in flight")
    reached = route.per_second >= GOAL_PER_SECOND
    click.echo(f"goal: {GOAL_PER_SECOND:,.0f} decisions a second: {'' if reached else 'not '}reached")
    quick = fixed.p99_ms <= GOAL_P99_MS
    click.echo(f"goal: p99 of {GOAL_P99_MS:.0f} ms at {rate:.0f} a second: {'' if quick else 'not '}reached")
    result = {
        "seconds": seconds,
        "rate": rate,
        "core": asdict(core),
        "share_of_empty": round(route.per_second / empty.per_second, 3),
        "loads": [asdict(load) for load in loads],
    }
    click.echo(f"kept as {keep_result(configuration, 'routing', result, output)}")


async def _measure(configuration: Configuration, merchant: SeededMerchant, seconds: float, rate: float) -> list[Load]:
    merchant_id = _merchant_with_rules(configuration, merchant)
    loads = []
    async with AsyncExitStack() as stack:
        address, process = await stack.enter_async_context(own_router(configuration, taught(merchant_id)))
        gateway = await stack.enter_async_context(
            open_channel(address, service="router_svc", tls_directory=configuration.tls_directory("gateway_svc"))
        )
        calls = _calls(merchant_id, gateway)
        await _caught_up(router_grpc.RouterServiceStub(gateway), merchant_id)
        for name, call in calls.items():
            for connections, fixed in ((IN_FLIGHT, 0.0), (0, rate)):
                click.echo(f"{name}, {seconds:.0f} s ...", err=True)
                loads.append(await play(name, call, process, connections=connections, rate=fixed, seconds=seconds))
    return loads


def _merchant_with_rules(configuration: Configuration, seeded: SeededMerchant) -> str:
    """Create a merchant and activate a ruleset of RULES rules for it."""
    operator = Rest(configuration.rest_url, seeded.operator_key)
    created = expect_ok(operator.post("/v1/merchants", {"name": "Bench"}, money=False), "creating a merchant")
    path = f"/v1/merchants/{created['id']}/api_keys"
    key = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating a key")["key"]
    set_priorities(configuration, created["id"], ACCOUNTS)
    own = Rest(configuration.rest_url, key)
    saved = expect_ok(own.post("/v1/routing/rulesets", {"ruleset": rules_json()}, money=False), "saving the rules")
    body = {"expected_active_version": 0}
    expect_ok(own.post(f"/v1/routing/rulesets/{saved['version']}:activate", body, money=False), "activating the rules")
    return str(created["id"])


async def _caught_up(router: "router_grpc.RouterServiceAsyncStub", merchant_id: str) -> None:
    """Wait until the router has learnt from its topic and compiled the rules."""
    async with asyncio.timeout(CAUGHT_UP_SECONDS):
        while True:
            answer = await router.Route(next(payments(merchant_id)), timeout=CALL_SECONDS)
            if answer.learning_current and answer.ruleset_version:
                return
            await asyncio.sleep(_PAUSE_SECONDS)


def _calls(merchant_id: str, gateway: grpc.aio.Channel) -> dict[str, Callable[[], Awaitable[object]]]:
    check = gateway.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    router = router_grpc.RouterServiceStub(gateway)
    turn = itertools.cycle(list(itertools.islice(payments(merchant_id), 1_000)))

    async def empty() -> object:
        return await check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)

    async def route() -> object:
        return await router.Route(next(turn), timeout=CALL_SECONDS, metadata=(("x-request-id", new_id("req")),))

    return {"empty": empty, "route": route}
