"""Kafka's topics: every record from the earliest to the last at the start of the search, with key and headers."""

import logging
import uuid
from typing import TYPE_CHECKING, Any, Final

from devstack.scan.searching import CannotSearchError, Look

if TYPE_CHECKING:
    from confluent_kafka import Message

ANSWER_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.5
RECORDS_AT_ONCE: Final = 500

Partition = tuple[str, int]


class KafkaTopics:
    """All topics, the broker's own ones too, and also records of transactions that were given up."""

    name = "kafka"

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.what = f"every topic at {bootstrap}"

    def search(self, look: Look) -> None:
        """Read every partition to its end; raises CannotSearchError when Kafka does not answer."""
        from confluent_kafka import Consumer, KafkaException

        silent = logging.getLogger("devstack.scan.kafka")
        silent.setLevel(logging.CRITICAL)
        settings = {
            "bootstrap.servers": self._bootstrap,
            "group.id": f"payera-scan-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
        }
        consumer = Consumer(settings, logger=silent)
        try:
            ends = _ends(look, consumer)
            _read(look, consumer, ends)
        except KafkaException as error:
            raise CannotSearchError(
                f"Kafka at {self._bootstrap} does not answer: {error.args[0].str()}", "payera logs kafka"
            ) from None
        finally:
            consumer.close()


def _ends(look: Look, consumer: Any) -> dict[Partition, int]:  # noqa: ANN401 - confluent_kafka has no types
    """Assign every partition from its first record on; return where each of those that have records ends now."""
    from confluent_kafka import TopicPartition

    ends: dict[Partition, int] = {}
    starts = []
    for topic, metadata in sorted(consumer.list_topics(timeout=ANSWER_SECONDS).topics.items()):
        look.name("the topic", topic)
        if metadata.error is not None:
            look.skip(f"topic {topic}", metadata.error.str())
            continue
        look.result.places += 1
        for partition in sorted(metadata.partitions):
            _ = look.seconds_left
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_SECONDS)
            if low < high:
                ends[topic, partition] = high
                starts.append(TopicPartition(topic, partition, low))
    consumer.assign(starts)
    return ends


def _read(look: Look, consumer: Any, ends: dict[Partition, int]) -> None:  # noqa: ANN401
    from confluent_kafka import KafkaError, KafkaException

    while ends:
        _ = look.seconds_left
        for message in consumer.consume(RECORDS_AT_ONCE, timeout=POLL_SECONDS):
            partition = (message.topic(), message.partition())
            error = message.error()
            if error is not None:
                # The last record of a partition may be one that nobody is given: then its end is all there is.
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    ends.pop(partition, None)
                elif not error.retriable():
                    raise KafkaException(error)
                continue
            _search_record(look, message)
            if message.offset() + 1 >= ends.get(partition, 0):
                ends.pop(partition, None)


def _search_record(look: Look, message: "Message") -> None:
    place = f"topic {message.topic()}/{message.partition()} record {message.offset()}"
    for part, content in (("key", message.key()), ("value", message.value())):
        if content:
            look.at(f"{place} {part}", _bytes(content), is_protobuf=True)
    headers = message.headers() or ()
    for name, value in headers.items() if isinstance(headers, dict) else headers:
        # Together: a header's name says what its value is.
        look.at(f"{place} header", name.encode() + b": " + _bytes(value or b""))


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
