import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from devstack import downloads
from devstack.errors import ChecksumError
from devstack.project import project_root


def a_lock(folder: Path, **digests: str) -> Path:
    entry = '[[dependencies]]\ngroupId = "org.example"\nartifactId = "{}"\nversion = "1.0"\nsha256 = "{}"\n'
    path = folder / "jgo.lock.toml"
    path.write_text("".join(entry.format(name, digest) for name, digest in digests.items()))
    return path


def a_jar(cache: Path, name: str, content: bytes) -> str:
    folder = downloads.jars_directory(cache)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-1.0.jar").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_nothing_is_downloaded_when_every_locked_archive_is_there(tmp_path: Path) -> None:
    lock = a_lock(tmp_path, first=a_jar(tmp_path, "first", b"one"), second=a_jar(tmp_path, "second", b"two"))
    said: list[str] = []

    folder = downloads.ensure_archives(said.append, tmp_path, lock)

    assert folder == tmp_path / "jars"
    assert said == []


def test_an_archive_that_differs_from_the_lock_is_refused(tmp_path: Path) -> None:
    lock = a_lock(tmp_path, first=a_jar(tmp_path, "first", b"one"))
    a_jar(tmp_path, "first", b"another")

    with pytest.raises(ChecksumError, match=r"org\.example:first:1\.0 is not the archive that is locked") as failure:
        downloads.ensure_archives(lambda _: None, tmp_path, lock)

    assert "first-1.0.jar" in failure.value.next_step


def test_a_lock_without_a_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match="has no sha256"):
        downloads.locked_archives(a_lock(tmp_path, first=""))


def test_missing_archives_are_named(tmp_path: Path) -> None:
    archives = downloads.locked_archives(a_lock(tmp_path, first=a_jar(tmp_path, "first", b"one"), second="00"))

    assert [archive.artifact for archive in downloads.missing_archives(archives, tmp_path)] == ["second"]


def test_the_lock_names_a_broker_and_a_log_for_it() -> None:
    names = {archive.artifact for archive in downloads.locked_archives()}

    assert {"kafka_2.13", "slf4j-simple", "protovalidate", "redoc"} <= names


def test_what_is_only_read_is_not_on_the_class_path(tmp_path: Path) -> None:
    class_path = downloads.kafka_class_path(tmp_path)

    assert "kafka_2.13-4.3.1.jar" in class_path
    assert not re.search("redoc|protovalidate", class_path)


def test_committed_locks_name_no_host() -> None:
    for name in ("jgo.toml", "jgo.lock.toml", "requirements.lock"):
        text = (project_root() / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--index-url|--find-links", text), name


def test_the_contracts_of_others_come_from_the_wheel_and_the_archive(tmp_path: Path) -> None:
    archive = next(item for item in downloads.locked_archives() if item.artifact == "protovalidate")
    folder = downloads.jars_directory(tmp_path)
    folder.mkdir()
    with zipfile.ZipFile(folder / archive.filename, "w") as jar:
        jar.writestr("buf/validate/validate.proto", "package buf.validate;")

    written = downloads.third_party_protos(tmp_path / "protos", tmp_path)

    assert len(written) == 8
    assert (tmp_path / "protos/buf/validate/validate.proto").read_text() == "package buf.validate;"
    assert "package google.api;" in (tmp_path / "protos/google/api/http.proto").read_text()
    assert "message ErrorInfo" in (tmp_path / "protos/google/rpc/error_details.proto").read_text()


def test_files_that_have_not_changed_keep_their_time(tmp_path: Path) -> None:
    archive = next(item for item in downloads.locked_archives() if item.artifact == "redoc")
    folder = downloads.jars_directory(tmp_path)
    folder.mkdir()
    member = f"META-INF/resources/webjars/redoc/{archive.version}/bundles/redoc.standalone.js"
    with zipfile.ZipFile(folder / archive.filename, "w") as jar:
        jar.writestr(member, "script")

    first = downloads.redoc_script(tmp_path)
    modified = first.stat().st_mtime_ns

    assert downloads.redoc_script(tmp_path).stat().st_mtime_ns == modified
    assert first.read_text() == "script"
