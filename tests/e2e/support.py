"""What end-to-end tests ask of a running stack: payments, the PSP's truth, the events in Kafka, the rows."""

import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, TypeVar

import psycopg
from confluent_kafka import Consumer, Message, TopicPartition
from payera.events.v1.payment_event_pb2 import PaymentEvent
from psycopg.rows import dict_row

from devstack.lifecycle import Stack
from devstack.names import PortName
from devstack.rest import Answer, Rest, expect_ok
from devstack.seed import SeededMerchant

TOPIC = "payera.payments.v1"
FINAL = frozenset({"SUCCEEDED", "DECLINED", "FAILED", "VOIDED", "AUTHORIZED"})
VISA = "4242424242424242"


class Mesh:
    """A running stack as its tests see it."""

    def __init__(self, stack: Stack, merchant: SeededMerchant) -> None:
        self.stack = stack
        self.merchant = merchant
        self.rest = Rest(stack.configuration.rest_url, merchant.secret_key)

    def token(self, number: str = VISA, cvc: str = "123") -> str:
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": cvc}
        return str(expect_ok(self.rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"])

    def stored_token(self) -> str:
        """Give a token for any number of payments: one with `store_card` has succeeded with it."""
        payment = self.pay(1000, store_card=True)
        self.kept(payment["token"])
        return str(payment["token"])

    def read_token(self, token: str) -> dict[str, Any]:
        return expect_ok(self.rest.get(f"/v1/tokens/{token}"), "reading a token")

    def kept(self, token: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until the vault keeps the token for good; it may just have been started."""
        answer = until(
            lambda: self.rest.get(f"/v1/tokens/{token}"),
            lambda found: found.status == HTTPStatus.OK and found.body["usage"] == "PERMANENT",
            seconds,
        )
        return answer.body

    def create(self, amount: int = 1000, *, key: str | None = None, **fields: Any) -> Answer:
        """Create a payment in EUR with a new Visa token unless another is given."""
        token = fields.pop("token", None) or self.token()
        body = {"amount": {"value": amount, "currency": "EUR"}, "token": token, **fields}
        return self.rest.post("/v1/payments", body, idempotency_key=key or str(uuid.uuid4()))

    def pay(self, amount: int = 1000, **fields: Any) -> dict[str, Any]:
        return expect_ok(self.create(amount, **fields), "a payment")

    def payment(self, payment_id: str) -> dict[str, Any]:
        return expect_ok(self.rest.get(f"/v1/payments/{payment_id}"), "reading a payment")

    def settled(self, payment_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until the payment has left PROCESSING."""
        return until(lambda: self.payment(payment_id), lambda found: found["status"] in FINAL, seconds)

    def truth(self, payment_id: str) -> list[dict[str, Any]]:
        """List what the sandbox PSP holds or took for a payment, over all its accounts."""
        query = urllib.parse.urlencode({"prefix": f"{payment_id}_"})
        url = f"{self.stack.configuration.sandbox_url}/control/truth?{query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            charges: list[dict[str, Any]] = json.load(answer)["charges"]
        return [charge for charge in charges if charge["status"] == "approved"]

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Tell the sandbox PSP how to behave."""
        url = f"{self.stack.configuration.sandbox_url}{path}"
        request = urllib.request.Request(url, method=method, headers={"content-type": "application/json"})
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(request, data=data, timeout=10) as answer:
            answer.read()

    def heal(self) -> None:
        """End every fault of the sandbox PSP."""
        for account in ("sandbox_a", "sandbox_b"):
            self.control("DELETE", f"/control/accounts/{account}/faults")

    def events(self, payment_id: str, last: str, seconds: float = 30) -> list[PaymentEvent]:
        """Wait until Kafka has an event of type ``last`` for the payment; return all of its events in order."""
        found = until(lambda: self._events(payment_id), lambda events: any(_name(e) == last for e in events), seconds)
        return list(found)

    def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Read rows as the database's superuser."""
        url = self.stack.configuration.administrator_url
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            return connection.execute(query, arguments).fetchall()

    def _events(self, payment_id: str) -> list[PaymentEvent]:
        return [event for event in self.all_events() if event.payment_id == payment_id]

    def all_events(self) -> list[PaymentEvent]:
        """Read the whole topic, in order per partition."""
        bootstrap = self.stack.configuration.address(PortName.KAFKA)
        return [PaymentEvent.FromString(message.value() or b"") for message in read_topics(bootstrap, (TOPIC,))]


def read_topics(bootstrap: str, topics: Collection[str] = ()) -> list[Message]:
    """Read all records of the topics, of all topics when none is named, up to where they end now."""
    settings = {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.commit": False}
    consumer = Consumer(settings)
    try:
        known = consumer.list_topics(timeout=10).topics
        left: dict[tuple[str, int], int] = {}
        starts = []
        for topic in topics or known:
            for partition in known[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
                if low < high:
                    left[topic, partition] = high
                    starts.append(TopicPartition(topic, partition, low))
        consumer.assign(starts)
        found: list[Message] = []
        deadline = time.monotonic() + 240
        while left:
            assert time.monotonic() < deadline, f"Kafka gave no more than {len(found)} records; left: {left}"
            for message in consumer.consume(1000, timeout=0.5):
                if message.error() is not None:
                    continue
                found.append(message)
                place = (message.topic() or "", message.partition() or 0)
                if (message.offset() or 0) + 1 >= left.get(place, 0):
                    left.pop(place, None)
        return found
    finally:
        consumer.close()


T = TypeVar("T")


def until(read: Callable[[], T], good: Callable[[T], bool], seconds: float) -> T:
    """Read again and again until it is good; fail with the last reading.

    `seconds` are those of a machine with nothing else to do; a busy one gets four times as many.
    """
    deadline = time.monotonic() + 4 * seconds
    while True:
        found = read()
        if good(found):
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s; the last reading: {found}"
        time.sleep(0.1)


def event_names(events: list[PaymentEvent]) -> list[str]:
    """Return the events' types in order, each event once."""
    seen: dict[str, str] = {}
    for event in events:
        seen.setdefault(event.id, _name(event))
    return list(seen.values())


def _name(event: PaymentEvent) -> str:
    from payera.events.v1.payment_event_pb2 import PaymentEventType

    return PaymentEventType.Name(event.type).removeprefix("PAYMENT_EVENT_TYPE_")
