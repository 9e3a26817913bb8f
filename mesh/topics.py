"""The Kafka topics as data, and the one function that declares them to a cluster."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

Report = Callable[[str], None]

_DAY_MS: Final = 24 * 3600 * 1000
_REQUEST_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.05
_LOGGER: Final = logging.getLogger("payera.kafka")


class TopicsError(RuntimeError):
    """The topics could not be declared: no broker answered, or one refused."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What of a topic differs between environments; ``retention_ms`` in milliseconds."""

    partitions: int
    retention_ms: int
    min_insync_replicas: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, its cleanup policy, and its sizing by environment."""

    name: str
    cleanup_policy: str
    sizing: Mapping[str, Sizing]


PAYMENTS: Final = Topic(
    name="payera.payments.v1",
    cleanup_policy="delete",
    sizing={
        "dev": Sizing(partitions=6, retention_ms=7 * _DAY_MS, min_insync_replicas=1),
        "qa": Sizing(partitions=6, retention_ms=7 * _DAY_MS, min_insync_replicas=1),
        "prod": Sizing(partitions=12, retention_ms=14 * _DAY_MS, min_insync_replicas=2),
    },
)
# PCI DSS 10.5.1 wants an audit for twelve months. One partition, for the heads of all publishers are one sequence, and
# never compacted: an old head tells of what was written anew behind it.
AUDIT_HEADS: Final = Topic(
    name="payera.vault.audit-heads.v1",
    cleanup_policy="delete",
    sizing={
        "dev": Sizing(partitions=1, retention_ms=400 * _DAY_MS, min_insync_replicas=1),
        "qa": Sizing(partitions=1, retention_ms=400 * _DAY_MS, min_insync_replicas=1),
        "prod": Sizing(partitions=1, retention_ms=400 * _DAY_MS, min_insync_replicas=2),
    },
)
TOPICS: Final = (PAYMENTS, AUDIT_HEADS)


def declare(bootstrap: str, report: Report, *, replication_factor: int = 1, environment: str = "dev") -> None:
    """Create the topics that are missing and report what differs from the declaration; may be repeated.

    Never changes a topic that is there: another number of partitions would move payments to other partitions and
    break their order. Raises TopicsError when no broker answers or a topic is refused.
    """
    client = AdminClient(
        {"bootstrap.servers": bootstrap, "client.id": "payera-topics", "log.connection.close": False}, logger=_LOGGER
    )
    try:
        existing = client.list_topics(timeout=_REQUEST_SECONDS).topics
    except KafkaException as error:
        message = f"no broker answers at {bootstrap}: {_text_of(error)}"
        raise TopicsError(message) from error
    for topic in TOPICS:
        settings = settings_of(topic, environment, replication_factor)
        partitions = topic.sizing[environment].partitions
        if topic.name not in existing and _create(client, topic.name, partitions, replication_factor, settings):
            report(f"topic {topic.name}: created with {partitions} partitions")
            continue
        for difference in _differences(client, topic.name, partitions, replication_factor, settings):
            report(f"topic {topic.name}: {difference}")


def settings_of(topic: Topic, environment: str, replication_factor: int) -> dict[str, str]:
    """Give the topic's own settings. Fewer replicas than wanted acknowledgements could never be written to."""
    sizing = topic.sizing[environment]
    return {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(sizing.retention_ms),
        "min.insync.replicas": str(min(sizing.min_insync_replicas, replication_factor)),
        # When it happened stands in the event; the log is kept by when it was written.
        "message.timestamp.type": "LogAppendTime",
    }


def _create(client: AdminClient, name: str, partitions: int, replication_factor: int, settings: dict[str, str]) -> bool:
    """Create a topic; False when another process was faster."""
    new = NewTopic(name, num_partitions=partitions, replication_factor=replication_factor, config=settings)
    try:
        _result(client.create_topics([new], operation_timeout=_REQUEST_SECONDS)[name])
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        message = f"topic {name} was not created: {_text_of(error)}"
        raise TopicsError(message) from error
    return True


def _differences(
    client: AdminClient, name: str, partitions: int, replication_factor: int, settings: Mapping[str, str]
) -> list[str]:
    try:
        actual = _configuration(client, name)
        metadata = client.list_topics(name, timeout=_REQUEST_SECONDS).topics[name].partitions
    except KafkaException as error:
        message = f"topic {name} could not be read: {_text_of(error)}"
        raise TopicsError(message) from error
    differences = []
    if len(metadata) != partitions:
        differences.append(
            f"has {len(metadata)} partitions, declared are {partitions}; left alone, as a change would break the "
            "order within payments"
        )
    replicas = min((len(partition.replicas) for partition in metadata.values()), default=replication_factor)
    if replicas != replication_factor:
        differences.append(f"has {replicas} replicas, declared are {replication_factor}; left alone")
    for setting, wanted in settings.items():
        found = actual[setting].value if setting in actual else None
        if found != wanted:
            differences.append(f"{setting} is {found}, declared is {wanted}; left alone")
    return differences


def _configuration(client: AdminClient, name: str) -> Any:  # noqa: ANN401 - entries by name, untyped
    """Give a topic's settings; waits for one that another process has only just made, which a broker may not know."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    deadline = time.monotonic() + _REQUEST_SECONDS
    while True:
        try:
            return _result(client.describe_configs([resource], request_timeout=_REQUEST_SECONDS)[resource])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def _result(future: Future[Any]) -> Any:  # noqa: ANN401 - each request has another result
    return future.result(_REQUEST_SECONDS)


def _text_of(error: KafkaException) -> str:
    return str(error.args[0].str())
