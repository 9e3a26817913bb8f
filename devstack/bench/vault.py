"""`payera bench vault`: tokenize and detokenize, at full speed and at a fixed rate, beside an empty call."""

import asyncio
import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import grpc
from google.protobuf.json_format import ParseDict
from grpc_health.v1 import health_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from devstack.bench.calls import CALL_SECONDS, HEAD, Call, Load, line, play
from devstack.bench.loads import processes_of
from devstack.bench.report import keep_result
from devstack.configuration import Configuration, load_configuration
from devstack.errors import StackError
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from devstack.seed import TEST_CARD, SeededMerchant, remembered_merchant
from mesh.channels import open_channel
from mesh.identifiers import new_id

GOAL_P99_MS: Final = 5.0
RATE: Final = 500.0
IN_FLIGHT: Final = 16
TOKENS: Final = 256


@click.command("vault")
@click.option("--seconds", type=click.FloatRange(1, 300), default=5.0, show_default=True, help="Length of one load.")
@click.option("--rate", type=click.FloatRange(1, 5000), default=RATE, show_default=True, help="Calls a second, fixed.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON result goes.")
@click.pass_obj
def bench_vault(home: Path | None, seconds: float, rate: float, output: Path | None) -> None:
    """Measure the vault of the running stack: as many calls as it can take, and a fixed rate."""
    configuration = load_configuration(home, create=False)
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    vault = processes_of(Stack(configuration))[ComponentName.VAULT.value]
    loads = asyncio.run(_measure(configuration, merchant, vault, seconds, rate))
    click.echo(HEAD)
    for load in loads:
        click.echo(line(load))
    closed = {load.name: load for load in loads if not load.mode.endswith("a second")}
    shares = {name: round(load.per_second / closed["empty"].per_second, 3) for name, load in closed.items()}
    for name in ("tokenize", "detokenize"):
        click.echo(f"{name}: {shares[name]:.2f} of the empty call's rate, {IN_FLIGHT} in flight")
    fixed = next(load for load in loads if load.name == "detokenize" and load.mode.endswith("a second"))
    reached = fixed.p99_ms <= GOAL_P99_MS
    click.echo(f"goal: p99 of {GOAL_P99_MS:.0f} ms for detokenize at {rate:.0f}/s: {'' if reached else 'not '}reached")
    result = {"seconds": seconds, "rate": rate, "shares": shares, "loads": [asdict(load) for load in loads]}
    click.echo(f"kept as {keep_result(configuration, 'vault', result, output)}")


async def _measure(
    configuration: Configuration, merchant: SeededMerchant, vault: int, seconds: float, rate: float
) -> list[Load]:
    address = configuration.address(PortName.VAULT)
    edge = open_channel(address, service="vault_svc", tls_directory=configuration.tls_directory("envoy"))
    connectors = open_channel(address, service="vault_svc", tls_directory=configuration.tls_directory("psp_connectors"))
    async with edge, connectors:
        calls = await _calls(merchant, edge, connectors)
        loads = []
        for name, call in calls.items():
            for connections, fixed in ((IN_FLIGHT, 0.0), (0, rate)):
                click.echo(f"{name}, {seconds:.0f} s ...", err=True)
                loads.append(await play(name, call, vault, connections=connections, rate=fixed, seconds=seconds))
    return loads


async def _calls(merchant: SeededMerchant, edge: grpc.aio.Channel, connectors: grpc.aio.Channel) -> dict[str, Call]:
    """Give the three calls: an empty one, a card in, and a card out, of TOKENS tokens each with its own payment."""
    check = connectors.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    tokens, cards = vault_grpc.TokenServiceStub(edge), vault_grpc.CardServiceStub(connectors)
    # What the edge would add: the names of the body's fields.
    fields = ",".join(["card", *(f"card.{name}" for name in TEST_CARD)])
    metadata = (("authorization", f"Bearer {merchant.publishable_key}"), ("x-payera-body-fields", fields))

    def request_id() -> tuple[tuple[str, str]]:
        # Callers of the mesh name their requests; who does not costs a frame more, with the name that it got.
        return (("x-request-id", new_id("req")),)

    create = vault_pb2.CreateTokenRequest(card=ParseDict(TEST_CARD, vault_pb2.Card()))

    async def tokenize() -> vault_pb2.Token:
        return await tokens.CreateToken(create, timeout=CALL_SECONDS, metadata=(*metadata, *request_id()))

    made = [(await tokenize()).id for _ in range(TOKENS)]
    turn = itertools.cycle([(token, new_id("pay")) for token in made])

    async def detokenize() -> object:
        token, payment = next(turn)
        request = vault_pb2.DetokenizeRequest(
            merchant_id=merchant.merchant_id, token_id=token, payment_id=payment, purpose="authorization"
        )
        return await cards.Detokenize(request, timeout=CALL_SECONDS, metadata=request_id())

    async def empty() -> object:
        return await check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)

    return {"empty": empty, "tokenize": tokenize, "detokenize": detokenize}
