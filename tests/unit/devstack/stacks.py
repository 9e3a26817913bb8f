"""Configurations for tests: fixed ports and secrets, nothing written."""

from pathlib import Path

from devstack.configuration import Configuration
from devstack.names import DATABASE_LOGINS, PSP_ACCOUNT_PORTS, PSP_DIALECTS, PortName
from devstack.project import project_root


def a_configuration(home: Path, **changes: object) -> Configuration:
    ports = {name: 20_000 + ordinal for ordinal, name in enumerate(PortName)}
    names = ["database/postgres", *(f"database/{role}" for role in DATABASE_LOGINS)]
    secrets = {name: f"secret-of-{name.replace('/', '-')}" for name in names}
    secrets |= {f"psp/{account}": f"key-of-{account}" for account in PSP_ACCOUNT_PORTS}
    secrets |= {f"webhooks/{account}": f"{ordinal:064x}" for ordinal, account in enumerate(PSP_DIALECTS, 1)}
    values: dict[str, object] = {"root": project_root(), "home": home, "ports": ports, "secrets": secrets}
    return Configuration(**(values | changes))  # type: ignore[arg-type]
