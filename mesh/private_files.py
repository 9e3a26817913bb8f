"""Reads files that hold keys: none that others than their owner may touch."""

import os
import stat
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class NotPrivateError(Exception):
    """The file is missing, open to others or too large; the text says which, and never what is in it."""


def read_private(path: Path) -> bytes:
    """Give a file's bytes. Raises NotPrivateError, whose text goes on after the file's name."""
    try:
        with path.open("rb") as file:
            # Asked of the open file, so that it can't be exchanged between the check and the reading.
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                message = f"may be read by others: chmod 600 {path}"
                raise NotPrivateError(message)
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        message = f"can't be read: {error.strerror}"
        raise NotPrivateError(message) from None
    if len(content) > FILE_BYTES_MAX:
        message = f"is larger than {FILE_BYTES_MAX} bytes"
        raise NotPrivateError(message)
    return content
