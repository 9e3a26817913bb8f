"""Reads the payment events from Kafka and puts each on one legible line."""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from devstack.errors import MissingPartError, StackError

if TYPE_CHECKING:
    from payera.events.v1.payment_event_pb2 import PaymentEvent

TOPIC: Final = "payera.payments.v1"
POLL_SECONDS: Final = 0.5
DEADLINE_SECONDS: Final = 10.0
#: How far back a search for one payment goes, in events per partition.
SEARCH_DEPTH_MAX: Final = 100_000
PREFIX: Final = "PAYMENT_EVENT_TYPE_"


def read_events(bootstrap: str, *, last: int, follow: bool, payment_id: str | None) -> Iterator[str]:
    """Yield a line for each of the last events, oldest first, and then, when following, for each new one.

    Without `payment_id` the last `last` events; with it, the last `last` events of that payment. Raises StackError
    when Kafka does not answer.
    """
    from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

    silent = logging.getLogger("devstack.events")
    silent.setLevel(logging.CRITICAL)
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "payera-events",
        "enable.auto.commit": False,
        "enable.partition.eof": False,
        "isolation.level": "read_committed",
    }
    consumer = Consumer(settings, logger=silent)
    try:
        metadata = consumer.list_topics(TOPIC, timeout=DEADLINE_SECONDS).topics[TOPIC]
        if metadata.error is not None:
            message = f"the topic {TOPIC} is not there"
            raise StackError(message, "payera topics")
        depth = SEARCH_DEPTH_MAX if payment_id else last
        ends: dict[int, int] = {}
        positions = []
        for partition in metadata.partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=DEADLINE_SECONDS)
            ends[partition] = high
            start = max(low, high - depth)
            positions.append(TopicPartition(TOPIC, partition, start if start < high else OFFSET_END))
        pending = {part.partition for part in positions if part.offset != OFFSET_END}
        consumer.assign(positions)
        past = _past(consumer, ends, pending, payment_id)
        past.sort(key=lambda event: (event.occur_time.ToNanoseconds(), event.payment_id, event.seq))
        for event in past[-last:] if last else ():
            yield line_of(event)
        while follow:
            news = _next(consumer)
            if news is not None and payment_id in {None, news.payment_id}:
                yield line_of(news)
    except KafkaException as error:
        message = f"Kafka at {bootstrap} does not answer: {error.args[0].str()}"
        raise StackError(message, "payera status; payera logs kafka") from error
    finally:
        consumer.close()


def line_of(event: "PaymentEvent") -> str:
    """Return one line: when, which payment, its place in the history, what happened, and the state after it."""
    from payera.events.v1.payment_event_pb2 import PaymentEventType

    when = event.occur_time.ToDatetime().isoformat(timespec="milliseconds")
    words = [f"{when}Z", event.payment_id, f"#{event.seq}"]
    words.append(PaymentEventType.Name(event.type).removeprefix(PREFIX).lower().replace("_", " "))
    state = event.payment
    words.append(f"-> {state.status} {state.amount.value} {state.amount.currency}")
    if event.HasField("attempt"):
        attempt = event.attempt
        words.append(f"attempt {attempt.ordinal} at {attempt.psp_account}: {attempt.status} {attempt.code}".rstrip())
    if event.HasField("modification"):
        change = event.modification
        words.append(f"{change.kind.lower()} {change.id} of {change.amount}: {change.status} {change.code}".rstrip())
    return "  ".join(words)


def _past(
    consumer: Any,  # noqa: ANN401 - confluent_kafka has no types
    ends: dict[int, int],
    pending: set[int],
    payment_id: str | None,
) -> "list[PaymentEvent]":
    found = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while pending and time.monotonic() < deadline:
        message = consumer.poll(POLL_SECONDS)
        if message is None or message.error() is not None:
            continue
        deadline = time.monotonic() + DEADLINE_SECONDS
        event = _decode(message.value())
        if payment_id in {None, event.payment_id}:
            found.append(event)
        if message.offset() >= ends[message.partition()] - 1:
            pending.discard(message.partition())
    return found


def _next(consumer: Any) -> "PaymentEvent | None":  # noqa: ANN401 - confluent_kafka has no types
    message = consumer.poll(POLL_SECONDS)
    if message is None or message.error() is not None or message.value() is None:
        return None
    return _decode(message.value())


def _decode(content: bytes) -> "PaymentEvent":
    try:
        from payera.events.v1.payment_event_pb2 import PaymentEvent
    except ImportError as error:
        message = f"the generated contracts cannot be imported: {error}"
        raise MissingPartError(message, "make gen, then: make setup") from error
    event = PaymentEvent()
    event.ParseFromString(content)
    return event
