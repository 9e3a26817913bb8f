"""Routers beside the running stack: over its PostgreSQL and Kafka, with a topic of their own to learn from."""

import asyncio
import itertools
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from payera.events.v1 import payment_event_pb2 as events

from devstack.components.service import Service
from devstack.configuration import Configuration
from devstack.errors import StackError
from devstack.names import ComponentName, PortName
from devstack.ports import choose_ports, is_free, is_open

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
_REQUEST_SECONDS: Final = 15.0
_PARTITIONS: Final = 6
_FEEDS_PER_SECOND: Final = 5
_QUEUE_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class OwnRouters:
    """Routers that learn from one topic: where each of them listens, and its process."""

    bootstrap: str
    topic: str
    ports: tuple[int, ...]
    processes: tuple[int, ...]


@asynccontextmanager
async def own_routers(
    configuration: Configuration, taught: Iterable[events.PaymentEvent], count: int
) -> AsyncIterator[OwnRouters]:
    """Fill the topic and run so many routers. All are gone at the end."""
    bootstrap = configuration.address(PortName.KAFKA)
    topic = f"payera.bench.{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])[topic].result(_REQUEST_SECONDS)
    try:
        await asyncio.to_thread(_fill, bootstrap, topic, taught)
        async with AsyncExitStack() as stack:
            routers = [
                await stack.enter_async_context(_router(configuration, topic, number)) for number in range(count)
            ]
            ports, processes = zip(*routers, strict=True)
            yield OwnRouters(bootstrap, topic, ports, processes)
    finally:
        admin.delete_topics([topic])[topic].result(_REQUEST_SECONDS)


@asynccontextmanager
async def learning_on(routers: OwnRouters, outcomes: Iterator[events.PaymentEvent], rate: int) -> AsyncIterator[None]:
    """Let so many outcomes a second come into the topic meanwhile."""
    producer = Producer({"bootstrap.servers": routers.bootstrap})

    async def feed() -> None:
        while True:
            for event in itertools.islice(outcomes, rate // _FEEDS_PER_SECOND):
                producer.produce(routers.topic, value=event.SerializeToString(), key=event.payment_id)
            producer.poll(0)
            await asyncio.sleep(1 / _FEEDS_PER_SECOND)

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        producer.flush(_REQUEST_SECONDS)


@asynccontextmanager
async def _router(configuration: Configuration, topic: str, number: int) -> AsyncIterator[tuple[int, int]]:
    ports = choose_ports(0, {}, {}, is_free)
    own = {name: ports[name] for name in (PortName.ROUTER, PortName.ROUTER_METRICS)}
    beside = replace(configuration, ports=MappingProxyType({**configuration.ports, **own}))
    process = _start(beside, topic, number)
    try:
        await _until_open(own[PortName.ROUTER], process)
        yield own[PortName.ROUTER], process.pid
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fill(bootstrap: str, topic: str, taught: Iterable[events.PaymentEvent]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": _QUEUE_MAX})
    for event in taught:
        producer.produce(topic, value=event.SerializeToString(), key=event.payment_id)
        producer.poll(0)
    if producer.flush(_REQUEST_SECONDS):
        message = "the outcomes to learn from did not get into Kafka"
        raise StackError(message, "see whether Kafka is up: payera status")


def _start(beside: Configuration, topic: str, number: int) -> "subprocess.Popen[bytes]":
    folder = beside.home / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    command = Service(ComponentName.ROUTER).command(beside)
    with (folder / f"own-router-{number}.log").open("wb") as log:
        return subprocess.Popen(
            command.arguments,
            cwd=command.working_directory,
            env={**command.environment, "PAYERA_EVENTS_TOPIC": topic},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


async def _until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_open(port):
        if process.poll() is not None or time.monotonic() > deadline:
            message = "the router of the bench did not start"
            raise StackError(message, "see own-router-*.log in the data folder under bench/")
        await asyncio.sleep(0.1)
