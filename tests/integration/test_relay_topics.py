"""Topics are created once, and never changed behind anybody's back."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.configuration import load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from mesh import topics

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    stack = Stack(load_configuration(tmp_path_factory.mktemp("topics"), 0, environ={}))
    try:
        stack.start(ComponentName.KAFKA)
        yield stack.configuration.address(PortName.KAFKA)
    finally:
        stack.down(wipe=True)


@pytest.fixture
def client(bootstrap: str) -> Iterator[AdminClient]:
    client = AdminClient({"bootstrap.servers": bootstrap})
    yield client
    for deleted in client.delete_topics(_existing(client), operation_timeout=60).values():
        deleted.result(60)
    # The broker tells of them for a moment longer than the controller.
    deadline = time.monotonic() + 60
    while _existing(client):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _existing(client: AdminClient) -> list[str]:
    known = client.list_topics(timeout=10).topics
    return [topic.name for topic in topics.TOPICS if topic.name in known]


def _declare(bootstrap: str, environment: str = "dev") -> list[str]:
    lines: list[str] = []
    topics.declare(bootstrap, lines.append, environment=environment)
    return lines


def test_missing_topic_is_created_and_a_second_declaration_finds_nothing_to_do(
    bootstrap: str, client: AdminClient
) -> None:
    assert _declare(bootstrap) == [
        "topic payera.payments.v1: created with 6 partitions",
        "topic payera.vault.audit-heads.v1: created with 1 partitions",
    ]
    assert _declare(bootstrap) == []
    metadata = client.list_topics(topics.PAYMENTS.name, timeout=10).topics[topics.PAYMENTS.name]
    assert len(metadata.partitions) == 6


def test_partitions_are_reported_and_never_added(bootstrap: str, client: AdminClient) -> None:
    client.create_topics([NewTopic(topics.PAYMENTS.name, num_partitions=2, replication_factor=1)])[
        topics.PAYMENTS.name
    ].result(10)
    lines = _declare(bootstrap)
    assert any("has 2 partitions, declared are 6" in line for line in lines)
    assert any("message.timestamp.type is CreateTime, declared is LogAppendTime" in line for line in lines)
    metadata = client.list_topics(topics.PAYMENTS.name, timeout=10).topics[topics.PAYMENTS.name]
    assert len(metadata.partitions) == 2


def test_production_has_its_own_sizing(bootstrap: str, client: AdminClient) -> None:
    assert client is not None
    assert "topic payera.payments.v1: created with 12 partitions" in _declare(bootstrap, "prod")
    differences = _declare(bootstrap)
    assert any("has 12 partitions, declared are 6" in line for line in differences)
    assert any("retention.ms is 1209600000, declared is 604800000" in line for line in differences)


def test_topic_that_goes_after_it_was_listed_is_created_again(
    bootstrap: str, client: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(AdminClient):
        """Lists all topics as if they were still there."""

        def list_topics(self, *arguments: Any, **named: Any) -> Any:
            listed = super().list_topics(*arguments, **named)
            return listed if arguments else SimpleNamespace(topics={topic.name: None for topic in topics.TOPICS})

    monkeypatch.setattr("mesh.topics.AdminClient", Late)

    assert _declare(bootstrap) == [
        "topic payera.payments.v1: created with 6 partitions",
        "topic payera.vault.audit-heads.v1: created with 1 partitions",
    ]
    # The broker may learn of them a moment later.
    deadline = time.monotonic() + 60
    while set(_existing(client)) != {topic.name for topic in topics.TOPICS}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("environment", "replicas", "wanted"), [("prod", 3, "2"), ("prod", 1, "1"), ("dev", 3, "1")])
def test_acknowledgements_never_exceed_the_replicas(environment: str, replicas: int, wanted: str) -> None:
    assert topics.settings_of(topics.PAYMENTS, environment, replicas)["min.insync.replicas"] == wanted


def test_no_broker_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.topics._REQUEST_SECONDS", 0.5)
    with pytest.raises(topics.TopicsError, match=r"no broker answers at 127\.0\.0\.1:1"):
        topics.declare("127.0.0.1:1", lambda _: None)
