"""Files and folders: as they are, unpacked when they are compressed, and never a whole file in memory."""

import bz2
import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from devstack.scan.searching import CannotSearchError, Look

BLOCK_BYTES: Final = 256 * 1024
_MAGIC_BYTES: Final = 6
_Unpacker = Callable[[Path], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]
_UNPACKERS: Final[dict[bytes, _Unpacker]] = {
    b"\x1f\x8b\x08": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_PACKED: Final = {b"PK\3\4": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"7z\xbc\xaf": "7z"}
_BROKEN: Final = (EOFError, OSError, lzma.LZMAError, zlib.error)


class Paths:
    """Files and folders that were named."""

    name = "paths"

    def __init__(self, paths: Collection[Path]) -> None:
        self._paths = tuple(paths)
        self.what = ", ".join(str(path) for path in self._paths)

    def search(self, look: Look) -> None:
        """Search each of them; one that is not there makes the result incomplete."""
        for path in self._paths:
            if path.is_dir():
                search_folder(look, path, path)
            elif path.is_file():
                search_file(look, path, str(path))
            else:
                look.skip(str(path), "there is no such file or folder")


def search_folder(
    look: Look, folder: Path, shown_from: Path, leave_out: Collection[Path] = (), *, unpack: bool = True
) -> None:
    """Search all regular files below a folder. Links are not followed, which is noted."""
    links = 0
    for path in files_below(look, folder, leave_out):
        shown = str(path.relative_to(shown_from)) if path.is_relative_to(shown_from) else str(path)
        if path.is_symlink():
            links += 1
            continue
        search_file(look, path, shown, unpack=unpack)
    if links:
        look.note(f"{links} symbolic links below {folder} were not followed")


def files_below(look: Look, folder: Path, leave_out: Collection[Path] = ()) -> Iterator[Path]:
    """Yield the files below a folder in order; what can't be entered is said to be skipped."""
    if not folder.is_dir():
        raise CannotSearchError(f"{folder} is not there")
    excluded = frozenset(leave_out)

    def complain(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            look.skip(str(error.filename), error.strerror or type(error).__name__)

    for parent, folders, names in os.walk(folder, onerror=complain):
        here = Path(parent)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if here / name not in excluded and name not in links)
        for name in sorted([*names, *links]):
            if here / name not in excluded:
                yield here / name


def search_file(look: Look, path: Path, shown: str, *, unpack: bool = True) -> None:
    """Search one file and its name; a file that is gone by now is none."""
    look.name("the file", shown)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return
        with path.open("rb", buffering=0) as stream:
            magic = stream.read(_MAGIC_BYTES)
        unpacker = next((unpacker for sign, unpacker in _UNPACKERS.items() if unpack and magic.startswith(sign)), None)
        if unpacker is None or not _search_unpacked(look, path, shown, unpacker):
            look.through(shown, blocks_of(path, status.st_size))
        packed = next((kind for sign, kind in _PACKED.items() if unpack and magic.startswith(sign)), None)
        if packed is not None:
            look.skip(shown, f"compressed as {packed}, which is not unpacked; its bytes were searched as they are")
    except FileNotFoundError:
        return
    except OSError as error:
        look.skip(shown, error.strerror or type(error).__name__)


def blocks_of(path: Path, length: int) -> Iterator[bytes]:
    """Yield the first `length` bytes of a file, which may grow meanwhile."""
    with path.open("rb", buffering=0) as stream:
        left = length
        while left > 0:
            block = stream.read(min(BLOCK_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block


def _search_unpacked(look: Look, path: Path, shown: str, unpacker: _Unpacker) -> bool:
    """Search what a compressed file holds; return False when the file is none after all, or ends too early."""
    broken = False

    def blocks() -> Iterator[bytes]:
        nonlocal broken
        try:
            with unpacker(path) as stream:
                while block := stream.read1(BLOCK_BYTES):
                    yield block
        except _BROKEN:
            broken = True

    look.through(f"{shown} (unpacked)", blocks())
    if broken:
        look.skip(shown, "it can't be unpacked to its end; its bytes were searched as they are")
    return not broken
