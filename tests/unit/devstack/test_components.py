import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.components.kafka import Kafka, server_properties
from devstack.components.postgres import database_user, remove_stale_pid_file
from devstack.components.service import Service
from devstack.components.temporal import Temporal
from devstack.configuration import Configuration
from devstack.errors import MissingPartError
from devstack.names import SERVICE_MODULES, ComponentName, PortName
from tests.unit.devstack.stacks import a_configuration


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return a_configuration(tmp_path)


def test_a_broker_of_one_node_needs_no_second_replica_anywhere(configuration: Configuration) -> None:
    settings = dict(line.split("=", 1) for line in server_properties(configuration).splitlines())

    replicas = {
        name: value
        for name, value in settings.items()
        if name.endswith(("replication.factor", "isr", "insync.replicas"))
    }
    assert len(replicas) == 7
    assert set(replicas.values()) == {"1"}
    assert settings["auto.create.topics.enable"] == "false"


def test_the_broker_keeps_to_little_memory(configuration: Configuration) -> None:
    arguments = Kafka().command(configuration).arguments

    assert {"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxDirectMemorySize=64m"} <= set(arguments)


def test_temporal_listens_on_the_loopback_interface_only(configuration: Configuration) -> None:
    arguments = Temporal().command(configuration).arguments

    assert "--ip=127.0.0.1" in arguments
    assert "history.transferProcessorMaxPollRPS=10000" in arguments


def test_a_service_runs_with_the_settings_made_for_it_alone(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYERA_PSP_ACCOUNTS", "left over")

    command = Service(ComponentName.ROUTER).command(configuration)

    assert command.arguments == (sys.executable, "-m", "router_svc.entrypoints.server")
    assert "PAYERA_PSP_ACCOUNTS" not in command.environment
    assert command.environment["PAYERA_LISTEN"] == configuration.address(PortName.ROUTER)


def test_a_module_that_is_not_there_is_named(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SERVICE_MODULES, ComponentName.RELAY, "gateway_svc.entrypoints.nowhere")

    with pytest.raises(MissingPartError, match=r"gateway_svc\.entrypoints\.nowhere is not there"):
        Service(ComponentName.RELAY).prepare(configuration)


@pytest.mark.parametrize("content", ["", "nonsense\n", "{gone}\n", "{stranger}\n"])
def test_a_pid_file_that_no_server_stands_behind_is_removed(tmp_path: Path, content: str) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = tmp_path / "postmaster.pid"
    path.write_text(content.format(gone=gone.pid, stranger=os.getpid()))

    remove_stale_pid_file(tmp_path)

    assert not path.exists()


def test_no_pid_file_is_no_trouble(tmp_path: Path) -> None:
    remove_stale_pid_file(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_postgresql_never_runs_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert database_user() == "nobody"

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert database_user() is None
