"""Starts and stops the floor's processes beside a running stack, on free ports of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg

from devstack.components.envoy import program, render
from devstack.configuration import TEMPORAL_NAMESPACE, Configuration
from devstack.errors import StackError
from devstack.names import PortName
from devstack.ports import LOOPBACK, choose_ports, is_free, is_open

START_SECONDS: Final = 20.0
PROCEDURES: Final = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE OR REPLACE FUNCTION bench.begin(
    text, text, bigint, text, text, text, jsonb, text, text, jsonb, text, jsonb, text, bytea, int, boolean,
    OUT disposition text, OUT payment jsonb, OUT answer jsonb
) LANGUAGE plpgsql AS $$ BEGIN disposition := 'CREATED'; END $$;
CREATE OR REPLACE FUNCTION bench.record(
    text, text, text, text, text, text, text, text, boolean, boolean, OUT applied boolean, OUT payment jsonb
) LANGUAGE plpgsql AS $$ BEGIN applied := true; END $$;
GRANT USAGE ON SCHEMA bench TO gateway_svc;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bench TO gateway_svc;
"""
_IDENTITY: Final = {
    "gateway": "gateway_svc",
    "vault": "vault_svc",
    "router": "router_svc",
    "connectors": "psp_connectors",
    "psp": "operator",
    "worker": "gateway_worker",
}


@contextmanager
def floor_mesh(configuration: Configuration, *, workflow: bool = False) -> Iterator[tuple[int, dict[str, int]]]:
    """Run the floor; give the port of its REST edge and the process id of each of its processes."""
    ports = choose_ports(0, {}, {}, is_free)
    floor = replace(configuration, ports=MappingProxyType({**configuration.ports, **_own_ports(ports)}))
    with psycopg.connect(configuration.administrator_url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(PROCEDURES)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    folder = configuration.home / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        roles = ("psp", "vault", "router", "connectors", "gateway", *(("worker",) if workflow else ()))
        for role in roles:
            processes[role] = _start(role, floor, ports, folder, workflow=workflow)
        processes["envoy"] = _start_envoy(floor, folder)
        _await(processes, [floor.ports[PortName.REST], *(ports[name] for name in _listening())])
        yield floor.ports[PortName.REST], {name: process.pid for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _listening() -> tuple[PortName, ...]:
    return (PortName.GATEWAY, PortName.VAULT, PortName.ROUTER, PortName.CONNECTORS, PortName.SANDBOX)


def _own_ports(ports: dict[PortName, int]) -> dict[PortName, int]:
    return {name: ports[name] for name in (*_listening(), PortName.REST, PortName.ENVOY_ADMIN)}


def _start(
    role: str, floor: Configuration, ports: dict[PortName, int], folder: Path, *, workflow: bool
) -> subprocess.Popen[bytes]:
    port = {"psp": PortName.SANDBOX}.get(role) or PortName(role if role != "worker" else "gateway")
    settings = {
        "PAYERA_LISTEN": f"{LOOPBACK}:{ports[port]}",
        "PAYERA_TLS_DIRECTORY": str(floor.tls_directory(_IDENTITY[role])),
        "PAYERA_DATABASE_URL": floor.database_url("gateway_svc"),
        "PAYERA_VAULT_ADDRESS": floor.address(PortName.VAULT),
        "PAYERA_ROUTER_ADDRESS": floor.address(PortName.ROUTER),
        "PAYERA_CONNECTORS_ADDRESS": floor.address(PortName.CONNECTORS),
        "PAYERA_TEMPORAL_ADDRESS": floor.address(PortName.TEMPORAL),
        "PAYERA_TEMPORAL_NAMESPACE": TEMPORAL_NAMESPACE,
        "FLOOR_PSP_ADDRESS": floor.address(PortName.SANDBOX),
        "PYTHONPATH": os.pathsep.join((str(floor.root / "gen"), str(floor.root))),
    }
    if workflow:
        settings["FLOOR_WORKFLOW"] = "1"
    return _spawn([sys.executable, "-m", "devstack.bench.floor", role], settings, floor.root, folder / f"{role}.log")


def _start_envoy(floor: Configuration, folder: Path) -> subprocess.Popen[bytes]:
    target = folder / "envoy.yaml"
    target.write_text(render(floor), encoding="utf-8")
    arguments = [str(program()), "--config-path", str(target), "--concurrency", "1", "--disable-hot-restart"]
    return _spawn([*arguments, "--log-level", "warning"], {}, floor.root, folder / "envoy.log")


def _spawn(arguments: list[str], settings: dict[str, str], root: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAYERA_")}
    with log.open("wb") as stream:
        return subprocess.Popen(
            arguments,
            cwd=root,
            env=environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def _await(processes: dict[str, subprocess.Popen[bytes]], ports: list[int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not all(is_open(port) for port in ports):
        dead = [name for name, process in processes.items() if process.poll() is not None]
        if dead or time.monotonic() > deadline:
            message = f"the floor did not start: {', '.join(dead) or 'it took too long'}"
            raise StackError(message, "see the logs in the data folder under bench/")
        time.sleep(0.1)
