"""Chooses the stack's ports, and says who holds one that is taken."""

import errno
import random
import socket
from collections.abc import Callable, Collection, Mapping
from typing import Final

from devstack.errors import PortTakenError, StackError
from devstack.names import COMPONENT_PORTS, DEFAULT_PORTS, ComponentName, PortName

LOOPBACK: Final = "127.0.0.1"
RANDOM_RANGE: Final = (10_000, 32_000)
RANDOM_TRIES: Final = 200
HIGHEST_PORT: Final = 65_535
OVERRIDE_PREFIX: Final = "PAYERA_PORT_"


def choose_ports(
    port_base: int | None,
    remembered: Mapping[PortName, int],
    environ: Mapping[str, str],
    is_free: Callable[[int], bool],
) -> dict[PortName, int]:
    """Return the port of every name.

    An override in the environment wins, then `port_base` (0: free ports at random), then what is remembered, then
    the default. Raises StackError for a number that is no port, and for two names that would share one.
    """
    overrides = {name: _number(environ[key]) for name in PortName if (key := OVERRIDE_PREFIX + name.name) in environ}
    chosen: dict[PortName, int] = {}
    for ordinal, name in enumerate(PortName):
        if name in overrides:
            chosen[name] = overrides[name]
        elif port_base is not None and port_base > 0:
            chosen[name] = _number(str(port_base + ordinal))
        elif name in remembered:
            chosen[name] = remembered[name]
        elif port_base == 0:
            chosen[name] = _random_port({*chosen.values(), *overrides.values(), *remembered.values()}, is_free)
        else:
            chosen[name] = DEFAULT_PORTS[name]
    _refuse_doubles(chosen)
    return chosen


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def is_open(port: int, timeout_seconds: float = 0.2) -> bool:
    """Return whether something accepts connections on this port of the loopback interface."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def require_free(component: ComponentName, ports: Mapping[PortName, int]) -> None:
    """Raise PortTakenError, naming the port and its holder, when the component could not listen."""
    for name in COMPONENT_PORTS[component]:
        port = ports[name]
        if not is_free(port):
            message = f"port {port} ({name} of {component}) is taken by {holder_of(port)}"
            next_step = (
                f"choose another port: {OVERRIDE_PREFIX}{name.name}=<port> payera up, "
                "or move them all: payera up --port-base 0 (free ports at random)"
            )
            raise PortTakenError(message, next_step)


def holder_of(port: int) -> str:
    """Return who listens on the port, as far as this user may know."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, OSError):
        return "another process"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                return "a process of another user"
            try:
                process = psutil.Process(connection.pid)
                return f"process {connection.pid} ({' '.join(process.cmdline())[:100] or process.name()})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "another process"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= HIGHEST_PORT:
        message = f"{text} is not a port"
        raise StackError(message, f"give a number from 1 to {HIGHEST_PORT}")
    return int(text)


def _random_port(taken: Collection[int], is_free: Callable[[int], bool]) -> int:
    for _ in range(RANDOM_TRIES):
        port = random.randint(*RANDOM_RANGE)
        if port not in taken and is_free(port):
            return port
    message = f"no free port found in {RANDOM_TRIES} tries"
    raise StackError(message, "give the ports: payera up --port-base <N>")


def _refuse_doubles(chosen: Mapping[PortName, int]) -> None:
    seen: dict[int, PortName] = {}
    for name, port in chosen.items():
        if port in seen:
            message = f"port {port} is given to both {seen[port]} and {name}"
            raise StackError(message, f"change {OVERRIDE_PREFIX}{name.name}")
        seen[port] = name
