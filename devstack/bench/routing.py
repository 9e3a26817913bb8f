"""`payera bench routing`: decisions with a hundred rules and learning, in the core alone and in the service."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import click
import grpc
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.router.v1 import router_service_pb2_grpc as router_grpc

from devstack.bench.calls import CALL_SECONDS, Load, play
from devstack.bench.grpc_load import GrpcLoadSpecification
from devstack.bench.lean_calls import HEAD, line, play_lean
from devstack.bench.own_router import OwnRouters, learning_on, own_routers
from devstack.bench.report import keep_result
from devstack.bench.routing_core import measure_core
from devstack.bench.routing_world import ACCOUNTS, OUTCOMES, RULES, going_on, payments, rules_json, taught
from devstack.configuration import Configuration, load_configuration
from devstack.errors import StackError
from devstack.rest import Rest, expect_ok
from devstack.seed import SeededMerchant, remembered_merchant, set_priorities
from mesh.channels import open_channel
from mesh.identifiers import new_id

GOAL_PER_SECOND: Final = 3_000.0
GOAL_P99_MS: Final = 5.0
IN_FLIGHT: Final = 16
#: So many outcomes a second are learnt from during the loads, too.
LEARNT_PER_SECOND: Final = 100
CAUGHT_UP_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.2
_PAYMENTS: Final = 1_000
_SERVICE: Final = "router_svc"
_CALLER: Final = "gateway_svc"
_EMPTY: Final = "/grpc.health.v1.Health/Check"
_ROUTE: Final = "/payera.router.v1.RouterService/Route"


@click.command("routing")
@click.option("--seconds", type=click.FloatRange(1, 300), default=5.0, show_default=True, help="Length of one load.")
@click.option(
    "--rate", type=click.FloatRange(1, 10_000), default=500.0, show_default=True, help="Calls a second, fixed."
)
@click.option(
    "--routers", type=click.IntRange(1, 16), default=2, show_default=True, help="Routers side by side, in the end."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON result goes.")
@click.pass_obj
def bench_routing(home: Path | None, seconds: float, rate: float, routers: int, output: Path | None) -> None:
    """Measure routing: the core in this process, then routers of its own beside the running stack.

    Those have a merchant with a hundred rules, and a topic with invented outcomes to learn from; the stack's own
    router and events are left alone. First one of them is called, by a caller that costs little and as the gateway
    calls it, then all side by side.
    """
    configuration = load_configuration(home, create=False)
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    click.echo(f"the core alone: {RULES} rules, {len(ACCOUNTS)} accounts, {OUTCOMES:,} outcomes learnt ...", err=True)
    core = measure_core(seconds)
    click.echo(f"core: {core.per_second:,.0f} decisions a second, p50 {core.p50_us:.0f} us, p99 {core.p99_us:.0f} us")
    loads = asyncio.run(_measure(configuration, merchant, seconds, rate, routers))
    click.echo(HEAD)
    for load in loads:
        click.echo(line(load))
    closed = {load.name: load for load in loads if not load.mode.endswith("a second")}
    share = closed["route"].per_second / closed["empty"].per_second
    click.echo(f"route: {share:.2f} of the empty call's rate, {IN_FLIGHT} in flight")
    best = max(closed.values(), key=lambda load: load.per_second * load.name.startswith("route"))
    click.echo(
        f"goal: {GOAL_PER_SECOND:,.0f} decisions a second: {_reached(best.per_second >= GOAL_PER_SECOND)}, "
        f"{best.per_second:,.0f} by {best.name}"
    )
    fixed = next(load for load in loads if load.name == "route" and load.mode.endswith("a second"))
    click.echo(f"goal: p99 of {GOAL_P99_MS:.0f} ms at {rate:.0f} a second: {_reached(fixed.p99_ms <= GOAL_P99_MS)}")
    result = {
        "seconds": seconds,
        "rate": rate,
        "core": asdict(core),
        "share_of_empty": round(share, 3),
        "loads": [asdict(load) for load in loads],
    }
    click.echo(f"kept as {keep_result(configuration, 'routing', result, output)}")


def _reached(reached: bool) -> str:
    return "reached" if reached else "not reached"


async def _measure(
    configuration: Configuration, merchant: SeededMerchant, seconds: float, rate: float, routers: int
) -> list[Load]:
    merchant_id = _merchant_with_rules(configuration, merchant)
    asked = list(itertools.islice(payments(merchant_id), _PAYMENTS))
    tls_directory = configuration.tls_directory(_CALLER)
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(own_routers(configuration, taught(merchant_id), routers))
        channels = [
            await stack.enter_async_context(
                open_channel(f"127.0.0.1:{port}", service=_SERVICE, tls_directory=tls_directory)
            )
            for port in own.ports
        ]
        for channel in channels:
            await _caught_up(router_grpc.RouterServiceStub(channel), merchant_id)
        await stack.enter_async_context(learning_on(own, going_on(merchant_id), LEARNT_PER_SECOND))
        base = GrpcLoadSpecification(
            own.ports[:1], _SERVICE, _EMPTY, str(tls_directory), [""], in_flight=IN_FLIGHT, seconds=seconds
        )
        route = replace(base, path=_ROUTE, messages=[each.SerializeToString().hex() for each in asked])
        loads = [
            *await _played("empty", base, own, rate),
            *await _played("route", route, own, rate),
            await _as_the_gateway_does(channels[0], asked, own.processes[0], seconds),
        ]
        if routers > 1:
            loads += await _played(f"route, {routers}", replace(route, ports=own.ports), own, rate)
        return loads


async def _played(name: str, specification: GrpcLoadSpecification, own: OwnRouters, rate: float) -> list[Load]:
    processes = own.processes[: len(specification.ports)]
    loads = []
    for fixed in (0.0, rate):
        click.echo(f"{name}, {specification.seconds:.0f} s ...", err=True)
        loads.append(await play_lean(name, replace(specification, rate=fixed), processes))
    return loads


async def _as_the_gateway_does(
    channel: grpc.aio.Channel, asked: Sequence[router_pb2.RouteRequest], process: int, seconds: float
) -> Load:
    """Load a router by the client that the gateway has, which takes as much of the machine as the router."""
    router = router_grpc.RouterServiceStub(channel)
    turn = itertools.cycle(asked)

    async def call() -> object:
        return await router.Route(next(turn), timeout=CALL_SECONDS, metadata=(("x-request-id", new_id("req")),))

    click.echo(f"by the gateway's client, {seconds:.0f} s ...", err=True)
    return await play("client's", call, process, connections=IN_FLIGHT, seconds=seconds)


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
