"""A producer that fails for good while it is ended takes nothing with it: the next batch gets a new one."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from gateway_svc.adapters.kafka import publisher
from gateway_svc.adapters.kafka.events import EventMessage

Report = Callable[[KafkaError | None, object], None]


class FailingProducer:
    """Takes messages, tells nothing of them, and is fatally out of order as soon as they are dropped."""

    def __init__(self, *_: object, **__: object) -> None:
        self.reports: list[Report] = []
        self.purged = False

    def produce(self, *_: object, on_delivery: Report, **__: object) -> None:
        self.reports.append(on_delivery)

    def purge(self) -> None:
        self.purged = True

    def flush(self, _: float) -> int:
        raise KafkaException(KafkaError(KafkaError._GAPLESS_GUARANTEE, "purged in flight", fatal=True))

    def close(self) -> None:
        self.flush(0)

    def poll(self, _: float) -> int:
        while self.purged and self.reports:
            self.reports.pop(0)(KafkaError(KafkaError._PURGE_INFLIGHT), None)
        return 0

    def __len__(self) -> int:
        return len(self.reports)


async def test_dropping_what_is_in_flight_ends_the_producer_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "Producer", FailingProducer)
    publishing = publisher.KafkaPublisher("127.0.0.1:1", "payera.payments.v1")
    message: Any = EventMessage(key=b"pay_1", value=b"value", headers=())
    batch = asyncio.create_task(publishing.publish([message, message]))
    await asyncio.sleep(0.05)

    await publishing.abandon()

    async with asyncio.timeout(20):
        assert await batch == [False, False]


class EndlessProducer(FailingProducer):
    """Fails for good, and neither reports what it dropped nor ever comes to its end."""

    def poll(self, _: float) -> int:
        return 0

    def close(self) -> None:
        threading.Event().wait()


async def test_a_producer_that_never_ends_is_left_behind_and_its_batch_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "Producer", EndlessProducer)
    monkeypatch.setattr(publisher, "END_SECONDS", 0.2)
    monkeypatch.setattr(publisher, "_JOIN_SECONDS", 0.05)
    publishing = publisher.KafkaPublisher("127.0.0.1:1", "payera.payments.v1")
    message: Any = EventMessage(key=b"pay_1", value=b"value", headers=())
    batch = asyncio.create_task(publishing.publish([message, message]))
    await asyncio.sleep(0.05)

    async with asyncio.timeout(20):
        await publishing.abandon()
        assert await batch == [False, False]
