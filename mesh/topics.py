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
#: How long a broker may take to learn of a topic that another process made or deleted.
_KNOWN_SECONDS: Final = 60.0
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A topic as one cluster shall have it."""

    name: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]


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
        wanted = _Wanted(topic.name, topic.sizing[environment].partitions, replication_factor, settings)
        for line in _declare_one(client, wanted, is_listed=topic.name in existing):
            report(f"topic {topic.name}: {line}")


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


def _declare_one(client: AdminClient, wanted: _Wanted, *, is_listed: bool) -> list[str]:
    """Create a topic or compare it. What was listed may be about to go, and what was just made not be known yet."""
    deadline = time.monotonic() + _KNOWN_SECONDS
    while True:
        if not is_listed and _create(client, wanted):
            return [f"created with {wanted.partitions} partitions"]
        try:
            return _differences(client, wanted)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > deadline:
                message = f"topic {wanted.name} could not be read: {_text_of(error)}"
                raise TopicsError(message) from error
        time.sleep(_PAUSE_SECONDS)
        is_listed = False


def _create(client: AdminClient, wanted: _Wanted) -> bool:
    """Create a topic; False when there is one."""
    new = NewTopic(
        wanted.name,
        num_partitions=wanted.partitions,
        replication_factor=wanted.replication_factor,
        config=dict(wanted.settings),
    )
    try:
        _result(client.create_topics([new], operation_timeout=_REQUEST_SECONDS)[wanted.name])
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        message = f"topic {wanted.name} was not created: {_text_of(error)}"
        raise TopicsError(message) from error
    return True


def _differences(client: AdminClient, wanted: _Wanted) -> list[str]:
    """Compare a topic with its declaration; raises KafkaException as the broker answers."""
    resource = ConfigResource(ResourceType.TOPIC, wanted.name)
    actual: Any = _result(client.describe_configs([resource], request_timeout=_REQUEST_SECONDS)[resource])
    listed = client.list_topics(wanted.name, timeout=_REQUEST_SECONDS).topics[wanted.name]
    if listed.error is not None:
        raise KafkaException(listed.error)
    metadata = listed.partitions
    differences = []
    if len(metadata) != wanted.partitions:
        differences.append(
            f"has {len(metadata)} partitions, declared are {wanted.partitions}; left alone, as a change would break "
            "the order within payments"
        )
    replicas = min((len(partition.replicas) for partition in metadata.values()), default=wanted.replication_factor)
    if replicas != wanted.replication_factor:
        differences.append(f"has {replicas} replicas, declared are {wanted.replication_factor}; left alone")
    for setting, value in wanted.settings.items():
        found = actual[setting].value if setting in actual else None
        if found != value:
            differences.append(f"{setting} is {found}, declared is {value}; left alone")
    return differences


def _result(future: Future[Any]) -> Any:  # noqa: ANN401 - each request has another result
    return future.result(_REQUEST_SECONDS)


def _text_of(error: KafkaException) -> str:
    return str(error.args[0].str())
