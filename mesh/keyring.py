"""Keys for sealing data at rest, read from a file: `{"active": "k1", "keys": {"k1": "<32 bytes in base64>"}}`.

To rotate: add the new key to the file of every process, restart them, make it active, restart them again, and remove
the old key when nothing that it encrypted is kept any more. The codec of workflow payloads and the credentials of PSP
accounts have a file each.
"""

import os
import secrets
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from mesh.private_files import NotPrivateError, read_private

KEY_BYTES: Final = 32
_FIRST_KEY: Final = "k1"


class KeyringError(ValueError):
    """The keyring file is missing, open to others or not a keyring. The text never holds a key."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id; ``active`` encrypts, all decrypt."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a keyring that could not encrypt."""
        if self.active not in self.keys:
            message = "the active key is not among the keys"
            raise KeyringError(message)
        if any(len(key) != KEY_BYTES for key in self.keys.values()):
            message = f"a key does not have {KEY_BYTES} bytes"
            raise KeyringError(message)
        if any(not key_id.isascii() or not key_id for key_id in self.keys):
            message = "a key's id is empty or not ASCII"
            raise KeyringError(message)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    active: str
    keys: dict[str, str]


def load_keyring(path: Path) -> Keyring:
    """Read a keyring; raises KeyringError that says what is wrong with the file, never what is in it."""
    try:
        file = msgspec.json.decode(read_private(path), type=_File)
        keys = {key_id: b64decode(text, validate=True) for key_id, text in file.keys.items()}
        return Keyring(file.active, keys)
    except NotPrivateError as error:
        message = f"the keyring {path} {error}"
    except KeyringError as error:
        message = f"the keyring {path} is wrong: {error}"
    except (msgspec.MsgspecError, ValueError):
        message = f'the keyring {path} is not of the form {{"active": id, "keys": {{id: base64}}}}'
    raise KeyringError(message)


def create_keyring(path: Path) -> None:
    """Write a keyring with one new key, readable by its owner only, unless there is a file; for development."""
    key = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    content = msgspec.json.encode(_File(active=_FIRST_KEY, keys={_FIRST_KEY: key}))
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        # A link never replaces: of several processes that start at once, one wins and all read the same keys.
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
