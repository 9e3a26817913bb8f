"""Where the stack keeps its data, which ports it uses, and the environment of each of its processes."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from devstack.names import (
    DATABASE_LOGINS,
    DATABASE_ROLES,
    DEFAULT_PRIORITIES,
    IDENTITIES,
    PSP_ACCOUNT_PORTS,
    PSP_DIALECTS,
    ComponentName,
    PortName,
)
from devstack.port_claims import choosing
from devstack.ports import LOOPBACK, choose_ports, is_free
from devstack.project import project_root

DATABASE: Final = "payera"
DATABASE_ADMINISTRATOR: Final = "postgres"
TEMPORAL_NAMESPACE: Final = "payera"
#: Settings of the services that a developer may set for the whole stack.
PASSED_ON: Final = (
    "PAYERA_LOG_LEVEL",
    "PAYERA_DATABASE_POOL_SIZE",
    "PAYERA_CREATE_BUDGET_MS",
    "PAYERA_PSP_TIMEOUT_MS",
    "PAYERA_SHOPPER_ACTION_SECONDS",
    "PAYERA_SWEEP_INTERVAL_MS",
    "PAYERA_SWEEP_GRACE_MS",
    "PAYERA_BREAKER_ERRORS_MIN",
    "PAYERA_ROTATION_CARDS_PER_SECOND",
    "PAYERA_ROTATION_IDLE_SECONDS",
)
#: Set by tests that kill processes at named points; each point then looks for a file.
CRASH_POINTS: Final = "PAYERA_CRASH_POINTS"
#: 64 hexadecimal digits, which is what Adyen's webhooks are signed with.
SECRET_BYTES: Final = 32

_METRICS_PORTS: Final = {
    ComponentName.VAULT: PortName.VAULT_METRICS,
    ComponentName.VAULT_WORKER: PortName.VAULT_WORKER_METRICS,
    ComponentName.ROUTER: PortName.ROUTER_METRICS,
    ComponentName.CONNECTORS: PortName.CONNECTORS_METRICS,
    ComponentName.GATEWAY: PortName.GATEWAY_METRICS,
    ComponentName.WORKER: PortName.WORKER_METRICS,
    ComponentName.RELAY: PortName.RELAY_METRICS,
}
_LISTEN_PORTS: Final = {
    ComponentName.SANDBOX: PortName.SANDBOX,
    ComponentName.VAULT: PortName.VAULT,
    ComponentName.ROUTER: PortName.ROUTER,
    ComponentName.CONNECTORS: PortName.CONNECTORS,
    ComponentName.GATEWAY: PortName.GATEWAY,
}
_PEERS: Final = {
    ComponentName.GATEWAY: (ComponentName.ROUTER, ComponentName.VAULT, ComponentName.CONNECTORS),
    ComponentName.WORKER: (ComponentName.ROUTER, ComponentName.VAULT, ComponentName.CONNECTORS),
    ComponentName.VAULT: (ComponentName.GATEWAY,),
    ComponentName.CONNECTORS: (ComponentName.VAULT, ComponentName.GATEWAY),
    ComponentName.ROUTER: (ComponentName.GATEWAY, ComponentName.CONNECTORS),
}
_VAULT_PROCESSES: Final = frozenset({ComponentName.VAULT, ComponentName.VAULT_WORKER})
_TEMPORAL_CLIENTS: Final = frozenset({ComponentName.GATEWAY, ComponentName.WORKER}) | _VAULT_PROCESSES
_CRASHABLE: Final = frozenset(
    {
        ComponentName.GATEWAY,
        ComponentName.WORKER,
        ComponentName.CONNECTORS,
        ComponentName.RELAY,
        ComponentName.VAULT_WORKER,
    }
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One stack: its checkout, its data folder, its ports and its generated secrets."""

    root: Path
    home: Path
    ports: Mapping[PortName, int]
    secrets: Mapping[str, str] = field(repr=False)
    port_base: int | None = None
    passed_on: Mapping[str, str] = field(default_factory=dict)
    crash_points: bool = False
    environment: str = "dev"

    @property
    def logs_directory(self) -> Path:
        """Return the folder of the log files."""
        return self.home / "logs"

    @property
    def run_directory(self) -> Path:
        """Return the folder of the process records."""
        return self.home / "run"

    @property
    def certificates_directory(self) -> Path:
        """Return the folder with one folder per identity."""
        return self.home / "certificates"

    @property
    def crash_directory(self) -> Path:
        """Return the folder in which named crash points are armed."""
        return self.home / "crash"

    @property
    def codec_keyring(self) -> Path:
        """Return the file with the payload codec's keys."""
        return self.home / "keyrings" / "codec.json"

    @property
    def vault_codec_keyring(self) -> Path:
        """Return the file with the keys of the vault's own workflow payloads, which the gateway can't read."""
        return self.home / "keyrings" / "vault_codec.json"

    @property
    def vault_keyring(self) -> Path:
        """Return the file with the vault's development keys."""
        return self.home / "keyrings" / "vault.json"

    @property
    def connectors_keyring(self) -> Path:
        """Return the file with the keys that seal PSP accounts' credentials."""
        return self.home / "keyrings" / "connectors.json"

    @property
    def psp_accounts(self) -> Path:
        """Return the file with the PSP accounts of the connectors."""
        return self.home / "psp_accounts.json"

    @property
    def sandbox_accounts(self) -> Path:
        """Return the file with the accounts the sandbox PSP keeps."""
        return self.home / "sandbox" / "accounts.json"

    @property
    def sandbox_root(self) -> Path:
        """Return the file with the certificate that vouches for the webhooks of the sandbox's PayPal."""
        return self.home / "sandbox" / "paypal_root.pem"

    @property
    def sandbox_store(self) -> Path:
        """Return the file with what the sandbox PSP has done."""
        return self.home / "sandbox" / "journal"

    @property
    def merchant_file(self) -> Path:
        """Return the file with the seeded merchant's keys."""
        return self.home / "merchant.json"

    @property
    def rest_url(self) -> str:
        """Return the base address of the REST API."""
        return f"http://{self.address(PortName.REST)}"

    @property
    def sandbox_url(self) -> str:
        """Return the base address of the sandbox PSP's control API."""
        return f"http://{self.address(PortName.SANDBOX)}"

    @property
    def administrator_url(self) -> str:
        """Return the database URL of the cluster's administrator."""
        return self.database_url(DATABASE_ADMINISTRATOR)

    def address(self, name: PortName) -> str:
        """Return `host:port`."""
        return f"{LOOPBACK}:{self.ports[name]}"

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """Return the URL with which `role` reaches the database; it holds the role's password."""
        password = self.secrets[f"database/{role}"]
        return f"postgresql://{role}:{password}@{self.address(PortName.POSTGRES)}/{database}"

    def role_passwords(self) -> dict[str, str]:
        """Return the password of each login role of the services."""
        return {role: self.secrets[f"database/{role}"] for role in DATABASE_LOGINS}

    def tls_directory(self, identity: str) -> Path:
        """Return the folder with `ca.pem`, `certificate.pem` and `key.pem` of an identity."""
        return self.certificates_directory / identity


def environment_of(process: ComponentName, configuration: Configuration) -> dict[str, str]:
    """Return the `PAYERA_*` settings of one process, exactly those that docs/architecture.md gives it."""
    result = {"PAYERA_ENVIRONMENT": configuration.environment, "PAYERA_LOG_LEVEL": "info"}
    if process in _METRICS_PORTS:
        result["PAYERA_METRICS_LISTEN"] = configuration.address(_METRICS_PORTS[process])
    if process in _LISTEN_PORTS:
        result["PAYERA_LISTEN"] = configuration.address(_LISTEN_PORTS[process])
    if process in IDENTITIES:
        result["PAYERA_TLS_DIRECTORY"] = str(configuration.tls_directory(IDENTITIES[process]))
    if process in DATABASE_ROLES:
        result["PAYERA_DATABASE_URL"] = configuration.database_url(DATABASE_ROLES[process])
    for peer in _PEERS.get(process, ()):
        result[f"PAYERA_{peer.name}_ADDRESS"] = configuration.address(_LISTEN_PORTS[peer])
    if process in _TEMPORAL_CLIENTS:
        result["PAYERA_TEMPORAL_ADDRESS"] = configuration.address(PortName.TEMPORAL)
        result["PAYERA_TEMPORAL_NAMESPACE"] = TEMPORAL_NAMESPACE
        of_vault = process in _VAULT_PROCESSES
        keyring = configuration.vault_codec_keyring if of_vault else configuration.codec_keyring
        result["PAYERA_CODEC_KEYRING"] = str(keyring)
    if process in _CRASHABLE and configuration.crash_points:
        result["PAYERA_CRASH_DIRECTORY"] = str(configuration.crash_directory)
    return result | _own_settings(process, configuration) | _passed_on(process, configuration)


def load_configuration(
    home: Path | None = None,
    port_base: int | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    create: bool = True,
) -> Configuration:
    """Return the configuration of the stack whose data is in `home` (else `$PAYERA_HOME`, else `.payera`).

    With `create`, ports and secrets chosen now are remembered in the data folder; without, nothing is written.
    Raises StackError for a port that is none.
    """
    variables = os.environ if environ is None else environ
    root = project_root()
    folder = (home or Path(variables.get("PAYERA_HOME") or root / ".payera")).expanduser().resolve()
    if not create:
        return _load(root, folder, port_base, variables, is_free)
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / "configuration.lock"), choosing(folder) as claims:
        configuration = _load(
            root, folder, port_base, variables, lambda port: port not in claims.taken and is_free(port)
        )
        remember(configuration)
        claims.claim(configuration.ports.values())
    return configuration


def remember(configuration: Configuration) -> None:
    """Write ports and secrets into the data folder, where later commands find them."""
    _save_private(configuration.home / "secrets.json", dict(configuration.secrets))
    ports = {name.value: port for name, port in configuration.ports.items()}
    _save_private(configuration.home / "ports.json", {"port_base": configuration.port_base, "ports": ports})


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)


def _load(
    root: Path, home: Path, port_base: int | None, environ: Mapping[str, str], is_free: Callable[[int], bool]
) -> Configuration:
    saved = _read_json(home / "ports.json")
    saved_base = saved.get("port_base")
    remembered = {name: int(saved["ports"][name]) for name in PortName if name in saved.get("ports", {})}
    if port_base is not None and port_base != saved_base:
        remembered = {}
    elif saved_base == 0 and not any((home / "run").glob("*.json")):
        remembered = {name: port for name, port in remembered.items() if is_free(port)}
    base = saved_base if port_base is None else port_base
    known = _read_json(home / "secrets.json")
    names = [f"database/{role}" for role in (DATABASE_ADMINISTRATOR, *DATABASE_LOGINS)]
    names += [f"psp/{account}" for account in PSP_ACCOUNT_PORTS]
    names += [f"webhooks/{account}" for account in PSP_DIALECTS]
    return Configuration(
        root=root,
        home=home,
        ports=MappingProxyType(choose_ports(base, remembered, environ, is_free)),
        secrets=MappingProxyType(
            known | {name: secrets.token_hex(SECRET_BYTES) for name in names if name not in known}
        ),
        port_base=base,
        passed_on=MappingProxyType({name: environ[name] for name in PASSED_ON if name in environ}),
        crash_points=bool(environ.get(CRASH_POINTS)),
    )


def _own_settings(process: ComponentName, configuration: Configuration) -> dict[str, str]:
    """Return the settings that one process alone has."""
    own = {
        ComponentName.RELAY: {"PAYERA_KAFKA_BOOTSTRAP": configuration.address(PortName.KAFKA)},
        ComponentName.ROUTER: {
            "PAYERA_DEFAULT_PRIORITIES": ",".join(DEFAULT_PRIORITIES),
            "PAYERA_KAFKA_BOOTSTRAP": configuration.address(PortName.KAFKA),
        },
        ComponentName.SANDBOX: {
            "PAYERA_SANDBOX_ACCOUNTS": str(configuration.sandbox_accounts),
            "PAYERA_SANDBOX_STORE": str(configuration.sandbox_store),
        },
        ComponentName.VAULT: {"PAYERA_VAULT_KEYRING": str(configuration.vault_keyring)},
        ComponentName.VAULT_WORKER: {
            "PAYERA_VAULT_KEYRING": str(configuration.vault_keyring),
            "PAYERA_KAFKA_BOOTSTRAP": configuration.address(PortName.KAFKA),
        },
        ComponentName.CONNECTORS: {
            "PAYERA_PSP_ACCOUNTS": str(configuration.psp_accounts),
            "PAYERA_CONNECTORS_KEYRING": str(configuration.connectors_keyring),
        },
    }
    return own.get(process, {})


def _passed_on(process: ComponentName, configuration: Configuration) -> dict[str, str]:
    takers = {
        "PAYERA_DATABASE_POOL_SIZE": DATABASE_ROLES.keys(),
        "PAYERA_CREATE_BUDGET_MS": {ComponentName.GATEWAY},
        "PAYERA_PSP_TIMEOUT_MS": {ComponentName.GATEWAY},
        "PAYERA_SHOPPER_ACTION_SECONDS": {ComponentName.GATEWAY},
        "PAYERA_SWEEP_INTERVAL_MS": {ComponentName.WORKER},
        "PAYERA_SWEEP_GRACE_MS": {ComponentName.WORKER},
        "PAYERA_ROTATION_CARDS_PER_SECOND": {ComponentName.VAULT_WORKER},
        "PAYERA_BREAKER_ERRORS_MIN": {ComponentName.ROUTER},
        "PAYERA_ROTATION_IDLE_SECONDS": {ComponentName.VAULT_WORKER},
    }
    return {name: value for name, value in configuration.passed_on.items() if process in takers.get(name, {process})}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _save_private(path: Path, value: object) -> None:
    content = (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
    if not path.is_file() or path.read_bytes() != content:
        write_private(path, content)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
