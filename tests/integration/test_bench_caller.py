"""The lean caller of the benchmarks speaks HTTP/2 well enough for a server of the mesh, and tells what went wrong."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.bench import grpc_load
from devstack.bench.grpc_load import GrpcLoadSpecification
from devstack.bench.lean_calls import play_lean
from devstack.errors import StackError
from tests.support.mesh_server import CREATE, Running, running

HEALTH = "/grpc.health.v1.Health/Check"
#: A field that the server does not know, and passes over.
LONG = (b"\x7a\xa0\x1f" + bytes(4_000)).hex()


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as server:
        yield server


@pytest.fixture
def specification(mesh: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GrpcLoadSpecification:
    monkeypatch.setattr(grpc_load, "WARM_UP_SECONDS", 0.0)
    tls_directory = mesh.authority.write(tmp_path / "caller", "envoy")
    return GrpcLoadSpecification([mesh.server.port], "gateway_svc", HEALTH, str(tls_directory), [""], 4, seconds=0.1)


async def called(specification: GrpcLoadSpecification) -> grpc_load.GrpcLoadResult:
    return await asyncio.to_thread(grpc_load._Load(specification).run)


async def test_a_closed_loop_is_answered(specification: GrpcLoadSpecification) -> None:
    result = await called(specification)
    assert result.answers == result.calls >= 4
    assert (result.errors, result.sample) == (0, "")
    assert 0 < result.percentiles["p50"] <= result.percentiles["p99"] <= result.percentiles["max"]
    assert result.cpu_ms > 0


async def test_a_fixed_rate_makes_as_many_calls_as_are_due(specification: GrpcLoadSpecification) -> None:
    result = await called(replace(specification, rate=200.0))
    assert (result.calls, result.errors) == (20, 0)


async def test_more_than_fits_the_servers_window_waits_for_room(specification: GrpcLoadSpecification) -> None:
    result = await called(replace(specification, messages=[LONG], in_flight=60))
    assert result.calls >= 60
    assert result.errors == 0


async def test_several_servers_share_the_calls(
    specification: GrpcLoadSpecification, mesh: Running, tmp_path: Path
) -> None:
    async with running(tmp_path / "other", authority=mesh.authority) as other:
        await called(replace(specification, ports=[mesh.server.port, other.server.port], path=CREATE))
        for server in (mesh, other):
            assert server.log.calls()


async def test_refused_calls_are_errors_and_one_is_shown(specification: GrpcLoadSpecification) -> None:
    result = await called(replace(specification, path=CREATE, seconds=0.01))
    assert result.errors == result.calls > 0
    assert "API" in result.sample


async def test_a_server_that_goes_away_ends_the_load(specification: GrpcLoadSpecification, mesh: Running) -> None:
    load = grpc_load._Load(replace(specification, seconds=60))
    running_load = asyncio.create_task(asyncio.to_thread(load.run))
    await asyncio.sleep(0.1)
    await mesh.server.stop(0)
    with pytest.raises((grpc_load.LoadError, OSError)):
        await running_load


async def test_a_process_of_its_own_tells_the_rates(specification: GrpcLoadSpecification) -> None:
    load = await play_lean("empty", specification, [])
    assert (load.name, load.mode, load.errors) == ("empty", "4 in flight", 0)
    assert load.per_second > 0
    assert load.caller_ms > 0


async def test_a_process_that_can_not_call_is_told_of(specification: GrpcLoadSpecification) -> None:
    with pytest.raises(StackError, match="could not go on"):
        await play_lean("empty", replace(specification, tls_directory="/nowhere"), [])
