"""The project's own services: one Python process each, ready when its health service, or its metrics page, says so."""

import importlib.util
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from devstack.components.base import Stopping
from devstack.configuration import Configuration, environment_of
from devstack.errors import MissingPartError
from devstack.names import IDENTITIES, OPERATOR_IDENTITY, SERVICE_MODULES, ComponentName, PortName
from devstack.ports import is_open
from devstack.processes import Command, inherited_environment

PROBE_TIMEOUT_SECONDS: Final = 1.0
HTTP_OK: Final = 200
_GRPC_PORTS: Final = {
    ComponentName.GATEWAY: PortName.GATEWAY,
    ComponentName.ROUTER: PortName.ROUTER,
    ComponentName.VAULT: PortName.VAULT,
    ComponentName.CONNECTORS: PortName.CONNECTORS,
}
_METRICS_PORTS: Final = {
    ComponentName.WORKER: PortName.WORKER_METRICS,
    ComponentName.RELAY: PortName.RELAY_METRICS,
    ComponentName.VAULT_WORKER: PortName.VAULT_WORKER_METRICS,
}


class Service:
    """One process of the mesh, or the sandbox PSP."""

    stopping = Stopping(timeout_seconds=12.0)
    start_timeout_seconds = 60.0

    def __init__(self, name: ComponentName) -> None:
        self.name = name

    def prepare(self, configuration: Configuration) -> None:
        """Make sure that the module is there; raise MissingPartError when it is not."""
        module = SERVICE_MODULES[self.name]
        if not _module_exists(configuration.root, module):
            message = f"the module {module} is not there"
            raise MissingPartError(message, "bring the checkout up to date, then: make setup")

    def command(self, configuration: Configuration) -> Command:
        """Return how the module is run."""
        root = configuration.root
        paths = [str(root / "gen"), str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        settings = environment_of(self.name, configuration)
        settings |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
        return Command(
            arguments=(sys.executable, "-m", SERVICE_MODULES[self.name]),
            working_directory=root,
            environment=inherited_environment(settings, os.environ),
        )

    def ready(self, configuration: Configuration) -> bool:
        """Return whether the process answers on the page or service made for this question."""
        if self.name in _GRPC_PORTS:
            return _grpc_ready(self.name, configuration)
        if self.name is ComponentName.SANDBOX:
            return _http_ready(PortName.SANDBOX, "/health", configuration)
        return _http_ready(_METRICS_PORTS[self.name], "/metrics", configuration)


def _module_exists(root: Path, module: str) -> bool:
    """Return whether the module is in the checkout or installed, without importing it."""
    path = root.joinpath(*module.split("."))
    if path.with_suffix(".py").is_file() or (path / "__main__.py").is_file():
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _grpc_ready(name: ComponentName, configuration: Configuration) -> bool:
    port = _GRPC_PORTS[name]
    if not is_open(configuration.ports[port]):
        return False
    import grpc

    from devstack.components.health import serving

    folder = configuration.tls_directory(OPERATOR_IDENTITY)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=(folder / "ca.pem").read_bytes(),
        private_key=(folder / "key.pem").read_bytes(),
        certificate_chain=(folder / "certificate.pem").read_bytes(),
    )
    options = [("grpc.ssl_target_name_override", f"{IDENTITIES[name]}.payera.internal")]
    with grpc.secure_channel(configuration.address(port), credentials, options=options) as channel:
        return serving(channel)


def _http_ready(port: PortName, path: str, configuration: Configuration) -> bool:
    if not is_open(configuration.ports[port]):
        return False
    try:
        with urllib.request.urlopen(
            f"http://{configuration.address(port)}{path}", timeout=PROBE_TIMEOUT_SECONDS
        ) as answer:
            return bool(answer.status == HTTP_OK)
    except (OSError, urllib.error.URLError):
        return False
