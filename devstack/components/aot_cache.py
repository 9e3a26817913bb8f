"""Keeps the JVM's ahead-of-time cache for Kafka: the broker then starts in half the time and half the processor time.

The JRE of the wheel comes without any. The first broker that is stopped in an orderly way writes one (about 4 s and
65 MB, once for each set of jars and JRE); later ones read it. A cache that is broken or does not fit is passed over by
the JVM with a warning.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

KEPT_MAX: Final = 3
PREFIX: Final = "kafka-"
SUFFIX: Final = ".aot"
#: Classes only: with compiled code in the cache too, the JVM finds mismatches in its own cache and warns of them.
CLASSES_ONLY: Final = ("-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching", "-XX:-AOTStubCaching")


def options(folder: Path, java: Path, class_path: str, jvm_options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options that read the cache in `folder`, or write it when there is none that fits."""
    reading = reading_options(folder, java, class_path, jvm_options)
    if reading or not os.access(folder, os.W_OK):
        return reading
    _remove_oldest(folder)
    return (*CLASSES_ONLY, f"-XX:AOTCacheOutput={_path(folder, java, class_path, jvm_options)}")


def reading_options(folder: Path, java: Path, class_path: str, jvm_options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options that read the cache in `folder`, none when there is no cache that fits."""
    path = _path(folder, java, class_path, jvm_options)
    if not path.is_file():
        return ()
    with contextlib.suppress(OSError):
        os.utime(path)
    return (*CLASSES_ONLY, f"-XX:AOTCache={path}")


def _path(folder: Path, java: Path, class_path: str, jvm_options: tuple[str, ...]) -> Path:
    return folder / f"{PREFIX}{_digest(java, class_path, (*jvm_options, *CLASSES_ONLY))}{SUFFIX}"


def _digest(java: Path, class_path: str, jvm_options: tuple[str, ...]) -> str:
    """Sum up all that the JVM compares before it trusts a cache, so that one that does not fit is not even tried."""
    digest = hashlib.sha256(repr(jvm_options).encode())
    for path in (java.parent.parent / "lib" / "modules", *map(Path, class_path.split(os.pathsep))):
        with contextlib.suppress(OSError):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _remove_oldest(folder: Path) -> None:
    caches = sorted(_caches(folder), reverse=True)
    for _, path in caches[KEPT_MAX - 1 :]:
        path.unlink(missing_ok=True)


def _caches(folder: Path) -> Iterator[tuple[float, Path]]:
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):
            yield path.stat().st_mtime, path
