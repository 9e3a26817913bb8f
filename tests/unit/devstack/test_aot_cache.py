import os
from pathlib import Path

import pytest

from devstack.components.aot_cache import KEPT_MAX, options

JAVA = Path("/jre/bin/java")


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "a.jar"
    path.write_bytes(b"jar")
    return path


def test_the_first_broker_writes_what_the_second_reads(tmp_path: Path, jar: Path) -> None:
    *_, first = options(tmp_path, JAVA, str(jar), ("-Xmx1m",))
    written = Path(first.removeprefix("-XX:AOTCacheOutput="))
    written.write_bytes(b"cache")

    assert options(tmp_path, JAVA, str(jar), ("-Xmx1m",))[-1] == f"-XX:AOTCache={written}"


def test_a_cache_of_other_jars_or_options_is_not_read(tmp_path: Path, jar: Path) -> None:
    *_, first = options(tmp_path, JAVA, str(jar), ("-Xmx1m",))
    Path(first.removeprefix("-XX:AOTCacheOutput=")).write_bytes(b"cache")
    os.utime(jar, (1, 1))

    assert options(tmp_path, JAVA, str(jar), ("-Xmx1m",))[-1].startswith("-XX:AOTCacheOutput=")
    assert options(tmp_path, JAVA, str(jar), ("-Xmx2m",))[-1].startswith("-XX:AOTCacheOutput=")


def test_the_caches_do_not_grow_without_end(tmp_path: Path, jar: Path) -> None:
    for age in range(KEPT_MAX + 3):
        path = tmp_path / f"kafka-{age}.aot"
        path.write_bytes(b"cache")
        os.utime(path, (1000 - age, 1000 - age))

    options(tmp_path, JAVA, str(jar), ())

    assert sorted(path.name for path in tmp_path.glob("*.aot")) == ["kafka-0.aot", "kafka-1.aot"]
