import json
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.components.postgres import SETTINGS
from devstack.configuration import environment_of, load_configuration
from devstack.errors import StackError
from devstack.names import DEFAULT_PORTS, ComponentName, PortName
from mesh.migrate import LOGIN_ROLES
from tests.unit.devstack.stacks import a_configuration

HOME = Path("/data")
COMMON = {"PAYERA_ENVIRONMENT", "PAYERA_LOG_LEVEL"}
NAMES_OF_SETTINGS = {
    ComponentName.GATEWAY: {
        "PAYERA_LISTEN",
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_ROUTER_ADDRESS",
        "PAYERA_VAULT_ADDRESS",
        "PAYERA_CONNECTORS_ADDRESS",
        "PAYERA_TEMPORAL_ADDRESS",
        "PAYERA_TEMPORAL_NAMESPACE",
        "PAYERA_CODEC_KEYRING",
    },
    ComponentName.WORKER: {
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_ROUTER_ADDRESS",
        "PAYERA_VAULT_ADDRESS",
        "PAYERA_CONNECTORS_ADDRESS",
        "PAYERA_TEMPORAL_ADDRESS",
        "PAYERA_TEMPORAL_NAMESPACE",
        "PAYERA_CODEC_KEYRING",
    },
    ComponentName.RELAY: {
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_KAFKA_BOOTSTRAP",
    },
    ComponentName.ROUTER: {
        "PAYERA_LISTEN",
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_DEFAULT_PRIORITIES",
        "PAYERA_GATEWAY_ADDRESS",
        "PAYERA_KAFKA_BOOTSTRAP",
        "PAYERA_CONNECTORS_ADDRESS",
    },
    ComponentName.VAULT: {
        "PAYERA_LISTEN",
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_GATEWAY_ADDRESS",
        "PAYERA_VAULT_KEYRING",
        "PAYERA_TEMPORAL_ADDRESS",
        "PAYERA_TEMPORAL_NAMESPACE",
        "PAYERA_CODEC_KEYRING",
    },
    ComponentName.VAULT_WORKER: {
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_VAULT_KEYRING",
        "PAYERA_TEMPORAL_ADDRESS",
        "PAYERA_TEMPORAL_NAMESPACE",
        "PAYERA_CODEC_KEYRING",
        "PAYERA_KAFKA_BOOTSTRAP",
    },
    ComponentName.CONNECTORS: {
        "PAYERA_LISTEN",
        "PAYERA_TLS_DIRECTORY",
        "PAYERA_DATABASE_URL",
        "PAYERA_VAULT_ADDRESS",
        "PAYERA_GATEWAY_ADDRESS",
        "PAYERA_PSP_ACCOUNTS",
        "PAYERA_CONNECTORS_KEYRING",
    },
    ComponentName.SANDBOX: {"PAYERA_LISTEN", "PAYERA_SANDBOX_ACCOUNTS", "PAYERA_SANDBOX_STORE"},
}


@pytest.mark.parametrize("process", NAMES_OF_SETTINGS)
def test_each_process_gets_its_own_settings_and_no_other(process: ComponentName) -> None:
    # The sandbox is a PSP, not a part of the mesh: it has no metrics page.
    metrics = set() if process is ComponentName.SANDBOX else {"PAYERA_METRICS_LISTEN"}

    assert set(environment_of(process, a_configuration(HOME))) == COMMON | metrics | NAMES_OF_SETTINGS[process]


def test_crash_points_are_armed_only_when_asked_for() -> None:
    crashable = {
        ComponentName.GATEWAY,
        ComponentName.WORKER,
        ComponentName.RELAY,
        ComponentName.CONNECTORS,
        ComponentName.VAULT_WORKER,
    }
    configuration = replace(a_configuration(HOME), crash_points=True)
    armed = {name for name in NAMES_OF_SETTINGS if "PAYERA_CRASH_DIRECTORY" in environment_of(name, configuration)}
    assert armed == crashable


def test_a_peer_is_where_that_peer_listens() -> None:
    configuration = a_configuration(HOME)

    gateway = environment_of(ComponentName.GATEWAY, configuration)

    for peer in ("VAULT", "ROUTER", "CONNECTORS"):
        listens = environment_of(ComponentName[peer], configuration)["PAYERA_LISTEN"]
        assert gateway[f"PAYERA_{peer}_ADDRESS"] == listens
    assert environment_of(ComponentName.VAULT, configuration)["PAYERA_GATEWAY_ADDRESS"] == gateway["PAYERA_LISTEN"]


def test_no_two_processes_share_a_database_role_or_an_identity() -> None:
    configuration = a_configuration(HOME)
    environments = [environment_of(process, configuration) for process in NAMES_OF_SETTINGS]

    urls = [environment["PAYERA_DATABASE_URL"] for environment in environments if "PAYERA_DATABASE_URL" in environment]
    folders = [item["PAYERA_TLS_DIRECTORY"] for item in environments if "PAYERA_TLS_DIRECTORY" in item]

    assert len(set(urls)) == len(urls) == 7
    assert len(set(folders)) == len(folders) == 7
    assert all("secret-of-database-postgres" not in url for url in urls)


def test_the_gateway_logs_in_with_its_own_role() -> None:
    url = environment_of(ComponentName.GATEWAY, a_configuration(HOME))["PAYERA_DATABASE_URL"]

    assert url == "postgresql://gateway_svc:secret-of-database-gateway_svc@127.0.0.1:20002/payera"


def test_a_setting_of_the_developer_reaches_only_the_processes_that_know_it() -> None:
    passed_on = {"PAYERA_CREATE_BUDGET_MS": "1", "PAYERA_DATABASE_POOL_SIZE": "2", "PAYERA_LOG_LEVEL": "debug"}
    configuration = a_configuration(HOME, passed_on=passed_on)

    gateway = environment_of(ComponentName.GATEWAY, configuration)
    connectors = environment_of(ComponentName.CONNECTORS, configuration)

    assert passed_on.items() <= gateway.items()
    assert connectors["PAYERA_LOG_LEVEL"] == "debug"
    assert connectors["PAYERA_DATABASE_POOL_SIZE"] == "2"
    assert "PAYERA_CREATE_BUDGET_MS" not in connectors


def test_the_vault_s_workflow_payloads_have_keys_of_their_own() -> None:
    configuration = a_configuration(HOME)
    keyrings = {name: environment_of(name, configuration).get("PAYERA_CODEC_KEYRING") for name in ComponentName}

    assert keyrings[ComponentName.VAULT] == keyrings[ComponentName.VAULT_WORKER]
    assert keyrings[ComponentName.GATEWAY] == keyrings[ComponentName.WORKER]
    assert keyrings[ComponentName.VAULT] != keyrings[ComponentName.GATEWAY]


def test_every_login_role_of_the_database_has_a_password_of_its_own(tmp_path: Path) -> None:
    passwords = load_configuration(tmp_path, environ={}).role_passwords()

    assert set(passwords) == {role.name for role in LOGIN_ROLES}
    assert len(set(passwords.values())) == len(passwords)
    assert sum(role.connection_limit for role in LOGIN_ROLES) < int(SETTINGS["max_connections"]) - 3


def test_secrets_do_not_show() -> None:
    assert "secret-of" not in repr(a_configuration(HOME))


def test_the_defaults_are_used_when_nothing_is_said(tmp_path: Path) -> None:
    configuration = load_configuration(tmp_path, environ={}, create=False)

    assert dict(configuration.ports) == DEFAULT_PORTS
    assert list(tmp_path.iterdir()) == []


def test_the_data_folder_comes_from_the_environment(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"

    assert load_configuration(environ={"PAYERA_HOME": str(folder)}, create=False).home == folder


def test_ports_and_secrets_are_remembered(tmp_path: Path) -> None:
    first = load_configuration(tmp_path, 0, environ={})
    second = load_configuration(tmp_path, environ={})

    assert second.ports == first.ports
    assert second.secrets == first.secrets
    assert len(set(first.ports.values())) == len(PortName)


def test_secrets_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    configuration = load_configuration(tmp_path, environ={})

    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(set(configuration.secrets.values())) == len(configuration.secrets)
    assert json.loads((tmp_path / "secrets.json").read_text()) == dict(configuration.secrets)


def test_another_base_moves_the_ports(tmp_path: Path) -> None:
    load_configuration(tmp_path, 0, environ={})

    moved = load_configuration(tmp_path, 21_000, environ={})

    assert sorted(moved.ports.values()) == list(range(21_000, 21_000 + len(PortName)))
    assert load_configuration(tmp_path, environ={}).ports == moved.ports


def test_an_override_in_the_environment_wins(tmp_path: Path) -> None:
    configuration = load_configuration(tmp_path, 21_000, environ={"PAYERA_PORT_REST": "8888"})

    assert configuration.ports[PortName.REST] == 8888
    assert configuration.ports[PortName.KAFKA] != 8888


def test_a_random_port_taken_meanwhile_is_chosen_anew(tmp_path: Path) -> None:
    first = load_configuration(tmp_path, 0, environ={})
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", first.ports[PortName.KAFKA]))
        holder.listen()

        second = load_configuration(tmp_path, environ={})

    changed = {name for name in PortName if first.ports[name] != second.ports[name]}
    assert changed == {PortName.KAFKA}


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", ""])
def test_a_number_that_is_no_port_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(StackError, match="is not a port"):
        load_configuration(tmp_path, environ={"PAYERA_PORT_REST": value})


def test_one_port_for_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="given to both"):
        load_configuration(tmp_path, environ={"PAYERA_PORT_REST": "9999", "PAYERA_PORT_KAFKA": "9999"})
