"""A key provider whose keys lie in a file: for development and tests, never for production."""

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh.private_files import NotPrivateError, read_private
from vault_svc.application.ports.key_provider import (
    KeyDescription,
    KeyState,
    KeyUnavailableError,
    NewDataKey,
    WrappedKey,
)
from vault_svc.domain.secret_values import SecretKey

_ALGORITHM: Final = "AES-256-GCM"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = _NONCE_BYTES + _KEY_BYTES + 16


class KeyringError(Exception):
    """The keyring can't be used; the text says why and never holds a key."""


class _KeyringFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: base64 of 32 bytes by key id, and which id wraps new keys.

    The two fields about fingerprints are in files from before the database kept those keys, and are not used any more.
    """

    active_key_encryption_key: str
    key_encryption_keys: dict[str, str]
    active_fingerprint_key: str = ""
    fingerprint_keys: dict[str, str] = msgspec.field(default_factory=dict)


class FileKeyProvider:
    """Wraps data keys with AES-256-GCM under key-encryption keys from a file.

    Keys that are no longer active stay in the file for as long as anything is wrapped with them.
    """

    def __init__(
        self,
        *,
        path: Path,
        active_key_encryption_key: str,
        key_encryption_keys: Mapping[str, SecretKey],
    ) -> None:
        self._path = path
        self._active = active_key_encryption_key
        self._wrapping = {key_id: AESGCM(key.reveal()) for key_id, key in key_encryption_keys.items()}

    @property
    def active_key_id(self) -> str:
        """The id of the key-encryption key that wraps new keys."""
        return self._active

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        """Make 32 random bytes and wrap them, bound to `context` and to the key-encryption key's id."""
        key = SecretKey(secrets.token_bytes(_KEY_BYTES))
        return NewDataKey(key, self._wrap(key, context))

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        """Give the data key back. Raises KeyUnavailableError for a missing key, other bytes or another context."""
        key_id = wrapped.key_encryption_key_id
        cipher = self._wrapping.get(key_id)
        if cipher is None:
            message = f"the keyring has no key-encryption key {key_id!r}"
            raise KeyUnavailableError(message)
        try:
            if len(wrapped.wrapped) != _WRAPPED_BYTES:
                raise InvalidTag
            nonce, sealed = wrapped.wrapped[:_NONCE_BYTES], wrapped.wrapped[_NONCE_BYTES:]
            return SecretKey(cipher.decrypt(nonce, sealed, _bound(key_id, context)))
        except InvalidTag:
            message = f"a data key wrapped with {key_id!r} does not belong where it was found, or was changed"
            raise KeyUnavailableError(message) from None

    async def rewrap(self, wrapped: WrappedKey, context: bytes) -> WrappedKey:
        """Give the data key under the active key-encryption key, in the same context."""
        if wrapped.key_encryption_key_id == self._active:
            return wrapped
        return self._wrap(await self.unwrap(wrapped, context), context)

    async def keys(self) -> Sequence[KeyDescription]:
        """Describe the active key, then the others in the order of the file, which notes nothing of their age."""
        others = [key_id for key_id in self._wrapping if key_id != self._active]
        return [
            self._describe(self._active, KeyState.ACTIVE),
            *[self._describe(key_id, KeyState.DECRYPT_ONLY) for key_id in others],
        ]

    def _wrap(self, key: SecretKey, context: bytes) -> WrappedKey:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._wrapping[self._active].encrypt(nonce, key.reveal(), _bound(self._active, context))
        return WrappedKey(self._active, nonce + sealed)

    def _describe(self, key_id: str, state: KeyState) -> KeyDescription:
        return KeyDescription(
            key_id=key_id,
            algorithm=_ALGORITHM,
            strength_bits=_KEY_BYTES * 8,
            kept_in=f"file {self._path}",
            state=state,
            created_at=None,
        )


def load_keyring(path: Path, *, environment: str) -> FileKeyProvider:
    """Read a keyring file.

    Raises KeyringError in production, and when the file is missing, readable by others than its owner, or wrong.
    """
    if environment == "prod":
        message = "keys from a file are for development: production needs a key management service"
        raise KeyringError(message)
    try:
        content = read_private(path)
    except NotPrivateError as error:
        message = f"the keyring {path} {error}"
        raise KeyringError(message) from None
    try:
        file = msgspec.json.decode(content, type=_KeyringFile)
    except msgspec.DecodeError:
        # The decoder's message could quote a key.
        message = f"the keyring {path} does not have the fields of a keyring"
        raise KeyringError(message) from None
    key_encryption_keys = {key_id: _decode(key_id, text) for key_id, text in file.key_encryption_keys.items()}
    if file.active_key_encryption_key not in key_encryption_keys:
        message = f"the keyring {path} names an active key that it does not hold"
        raise KeyringError(message)
    if len({key.reveal() for key in key_encryption_keys.values()}) != len(key_encryption_keys):
        message = f"the keyring {path} holds one key under two ids: every key has one use"
        raise KeyringError(message)
    return FileKeyProvider(
        path=path,
        active_key_encryption_key=file.active_key_encryption_key,
        key_encryption_keys=key_encryption_keys,
    )


def create_keyring(path: Path) -> None:
    """Write a new keyring with random keys, readable by its owner only. Raises FileExistsError when there is one."""
    label = secrets.token_hex(4)
    content = json.dumps(
        {
            "active_key_encryption_key": f"kek_dev_{label}",
            "key_encryption_keys": {f"kek_dev_{label}": _new_key()},
        },
        indent=2,
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(content + "\n")


def _decode(key_id: str, text: str) -> SecretKey:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        message = f"the key {key_id!r} is not base64 of {_KEY_BYTES} bytes"
        raise KeyringError(message)
    return SecretKey(key)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def _bound(key_id: str, context: bytes) -> bytes:
    identifier = key_id.encode()
    return len(identifier).to_bytes(4, "big") + identifier + context
