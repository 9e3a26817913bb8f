"""Brings the Java archives named in jgo.lock.toml, and takes out of them and of a wheel the files the project reads."""

import contextlib
import fcntl
import hashlib
import importlib.resources
import os
import shutil
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.errors import ChecksumError, DownloadError, MissingPartError, StackError
from devstack.project import cache_directory, project_root

PARALLEL_DOWNLOADS: Final = 8
TRIES_PER_ARCHIVE: Final = 3
DOWNLOAD_TIMEOUT_SECONDS: Final = 60
LOCK_TIMEOUT_SECONDS: Final = 600

PROTOVALIDATE: Final = "protovalidate"
REDOC: Final = "redoc"
#: Archives that are only read; they are not on Kafka's class path.
READ_ONLY_ARTIFACTS: Final = frozenset({PROTOVALIDATE, REDOC})
VALIDATE_PROTO: Final = "buf/validate/validate.proto"
WHEEL_PROTOS: Final = (
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Archive:
    """One jar as locked: its Maven coordinate and the SHA-256 of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Return the file name in the cache folder."""
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        """Return the Maven coordinate."""
        return f"{self.group}:{self.artifact}:{self.version}"


def locked_archives(lock_file: Path | None = None) -> tuple[Archive, ...]:
    """Return what `jgo.lock.toml` names; raise ChecksumError when an entry has no SHA-256."""
    path = lock_file or project_root() / "jgo.lock.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("dependencies", [])
    archives = []
    for entry in entries:
        if not entry.get("sha256"):
            message = f"{path.name}: {entry['groupId']}:{entry['artifactId']} has no sha256"
            raise ChecksumError(message, "write the lock again: make lock")
        archives.append(Archive(entry["groupId"], entry["artifactId"], entry["version"], entry["sha256"]))
    return tuple(archives)


def jars_directory(cache: Path | None = None) -> Path:
    """Return the folder of the cache that holds the jars."""
    return (cache or cache_directory()) / "jars"


def missing_archives(archives: tuple[Archive, ...], cache: Path | None = None) -> tuple[Archive, ...]:
    """Return the archives that are not in the cache yet."""
    folder = jars_directory(cache)
    return tuple(archive for archive in archives if not (folder / archive.filename).is_file())


def verify(archive: Archive, path: Path) -> None:
    """Raise ChecksumError unless the file at `path` is the locked archive."""
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != archive.sha256:
        message = f"{archive} is not the archive that is locked: expected sha256 {archive.sha256}, got {actual}"
        raise ChecksumError(message, f"look where {path} came from; delete it to download it again")


def ensure_archives(report: Report, cache: Path | None = None, lock_file: Path | None = None) -> Path:
    """Download what is missing, check every jar, and return the folder of the jars.

    Safe to call from several processes at once: one downloads, the others wait for it.
    Raises DownloadError when an archive cannot be brought, ChecksumError when one is not the locked one.
    """
    archives = locked_archives(lock_file)
    folder = jars_directory(cache)
    if missing_archives(archives, cache):
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder.parent / "downloads.lock", report):
            _download(missing_archives(archives, cache), folder, report)
    for archive in archives:
        verify(archive, folder / archive.filename)
    return folder


def kafka_class_path(cache: Path | None = None) -> str:
    """Return the class path of the Kafka broker; the jars must have been brought before."""
    folder = jars_directory(cache)
    archives = (archive for archive in locked_archives() if archive.artifact not in READ_ONLY_ARTIFACTS)
    return os.pathsep.join(str(folder / archive.filename) for archive in archives)


def redoc_script(cache: Path | None = None) -> Path:
    """Return the path of Redoc's stand-alone script, taken out of its jar; the jars must have been brought before."""
    archive = _locked(REDOC)
    target = (cache or cache_directory()) / f"redoc-{archive.version}.standalone.js"
    if not target.is_file():
        member = f"META-INF/resources/webjars/redoc/{archive.version}/bundles/redoc.standalone.js"
        _write(target, _member(jars_directory(cache) / archive.filename, member))
    return target


def third_party_protos(destination: Path, cache: Path | None = None) -> tuple[Path, ...]:
    """Write the .proto files of others that our contracts import below `destination`; return what was written."""
    contents = {name: _wheel_proto(name) for name in WHEEL_PROTOS}
    contents[VALIDATE_PROTO] = _member(jars_directory(cache) / _locked(PROTOVALIDATE).filename, VALIDATE_PROTO)
    for name, content in contents.items():
        _write(destination / name, content)
    return tuple(destination / name for name in sorted(contents))


def main(arguments: list[str]) -> int:
    """Run `python -m devstack.downloads [jars|protos]`; both when no argument is given."""
    wanted = arguments or ["jars", "protos"]
    unknown = sorted(set(wanted) - {"jars", "protos"})
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; choose from jars, protos\n")
        return 2

    def report(line: str) -> None:
        sys.stderr.write(line + "\n")

    try:
        ensure_archives(report)
        if "protos" in wanted:
            destination = project_root() / "proto" / "third_party"
            written = third_party_protos(destination)
            report(f"{len(written)} files in {destination}")
    except StackError as error:
        report(f"error: {error}")
        if error.next_step:
            report(f"next: {error.next_step}")
        return 1
    return 0


def _locked(artifact: str) -> Archive:
    for archive in locked_archives():
        if archive.artifact == artifact:
            return archive
    message = f"jgo.lock.toml does not name {artifact}"
    raise MissingPartError(message, "add it to jgo.toml and write the lock again: make lock")


def _member(jar: Path, name: str) -> bytes:
    with zipfile.ZipFile(jar) as archive:
        return archive.read(name)


def _wheel_proto(name: str) -> bytes:
    package, _, filename = name.replace("/", ".", 1).partition("/")
    try:
        return importlib.resources.files(package).joinpath(filename).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        message = f"{name} is not in the installed googleapis-common-protos wheel"
        raise MissingPartError(message, "install the locked wheels: make setup") from error


def _write(path: Path, content: bytes) -> None:
    """Write atomically, and leave an equal file untouched so that time stamps stay."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


@contextlib.contextmanager
def _exclusive(path: Path, report: Report) -> Iterator[None]:
    with path.open("w") as stream:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        waiting = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if not waiting:
                    report("another process is downloading: waiting for it")
                    waiting = True
                if time.monotonic() > deadline:
                    message = f"another process holds {path} for {LOCK_TIMEOUT_SECONDS} s"
                    raise DownloadError(message, f"end that process, or delete {path}") from error
                time.sleep(0.2)
        yield


def _download(archives: tuple[Archive, ...], folder: Path, report: Report) -> None:
    total = len(archives)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="incoming-") as staging,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
    ):
        futures = {pool.submit(_bring, archive, Path(staging), folder): archive for archive in archives}
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                size_kb = future.result() // 1024
                report(f"archive {count}/{total}: {futures[future].filename} ({size_kb} kB)")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring(archive: Archive, staging: Path, folder: Path) -> int:
    """Download one archive, check it, move it into the cache; return its size in bytes."""
    import requests  # comes with jgo, and is slow to import
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    failure = ""
    for ordinal in range(TRIES_PER_ARCHIVE):
        target = staging / f"{archive.filename}.{ordinal}"
        context = MavenContext(repo_cache=target, remote_repos=repositories, timeout=DOWNLOAD_TIMEOUT_SECONDS)
        artifact = context.project(archive.group, archive.artifact).at_version(archive.version).artifact()
        try:
            path = context.resolver.download(artifact)
        except (requests.RequestException, RuntimeError, OSError) as error:
            failure = str(error)
            continue
        if path is None:
            failure = "nothing was received"
            continue
        size_bytes = path.stat().st_size
        verify(archive, path)
        shutil.move(path, folder / archive.filename)
        return size_bytes
    message = f"{archive} could not be downloaded in {TRIES_PER_ARCHIVE} tries: {failure}"
    raise DownloadError(message, "check the network; a mirror goes into [repositories] of jgo.conf as 'central'")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
