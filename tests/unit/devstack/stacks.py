"""Configurations for tests: fixed ports and secrets, nothing written."""

from pathlib import Path

from devstack.configuration import Configuration
from devstack.names import DATABASE_ROLES, PortName
from devstack.project import project_root


def a_configuration(home: Path, **changes: object) -> Configuration:
    ports = {name: 20_000 + ordinal for ordinal, name in enumerate(PortName)}
    names = ["database/postgres", *(f"database/{role}" for role in DATABASE_ROLES.values())]
    secrets = {name: f"secret-of-{name.replace('/', '-')}" for name in names}
    secrets |= {"psp/sandbox_a": "key-a", "psp/sandbox_b": "key-b"}
    values: dict[str, object] = {"root": project_root(), "home": home, "ports": ports, "secrets": secrets}
    return Configuration(**(values | changes))  # type: ignore[arg-type]
