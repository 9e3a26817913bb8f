"""A channel to several processes of a service: each gets its turn, and one that is away gets none."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from payera.gateway.v1 import payment_service_pb2, payment_service_pb2_grpc

from mesh.channels import open_channel
from tests.support.certificates import CertificateAuthority
from tests.support.mesh_server import HEADERS, Running, running

PATIENCE_SECONDS = 60


async def get(channel: grpc.aio.Channel) -> None:
    stub: Any = payment_service_pb2_grpc.PaymentServiceStub(channel)
    metadata = tuple((name, HEADERS[name]) for name in ("authorization", "x-request-id"))
    await stub.GetPayment(payment_service_pb2.GetPaymentRequest(payment_id="pay_1"), timeout=20, metadata=metadata)


def calls_of(server: Running) -> int:
    return len(server.log.calls())


async def until_both_have_calls(channel: grpc.aio.Channel, servers: tuple[Running, Running]) -> None:
    """Call until both have been connected to, and were called."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(map(calls_of, servers)):
            await get(channel)


async def test_calls_go_to_all_in_turn_and_to_none_that_is_away(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    tls = authority.write(tmp_path / "caller", "envoy")
    async with (
        running(tmp_path / "one", authority=authority) as one,
        running(tmp_path / "other", authority=authority) as other,
    ):
        address = f"ipv4:127.0.0.1:{one.server.port},127.0.0.1:{other.server.port}"
        async with open_channel(address, service="gateway_svc", tls_directory=tls) as channel:
            await until_both_have_calls(channel, (one, other))
            before = (calls_of(one), calls_of(other))
            for _ in range(10):
                await get(channel)
            assert (calls_of(one) - before[0], calls_of(other) - before[1]) == (5, 5)

            await one.server.stop(0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                # The first calls may meet the connection that breaks: who may repeat them does.
                good = 0
                while good < 10:
                    try:
                        await get(channel)
                        good += 1
                    except grpc.aio.AioRpcError:
                        good = 0
            assert calls_of(other) >= before[1] + 15


@pytest.mark.parametrize("of_one", ["{}", "ipv4:{}", "dns:///{}"])
async def test_every_way_to_name_one_process_reaches_it(tmp_path: Path, of_one: str) -> None:
    authority = CertificateAuthority()
    async with running(tmp_path / "one", authority=authority) as one:
        address = of_one.format(f"127.0.0.1:{one.server.port}")
        tls = authority.write(tmp_path / "caller", "envoy")
        async with open_channel(address, service="gateway_svc", tls_directory=tls) as channel:
            await get(channel)
    assert calls_of(one) == 1
