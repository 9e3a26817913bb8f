"""Encrypts what proves an authentication while its payment is not settled: AES-256-GCM under the codec's keyring."""

import secrets
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway_svc.domain.three_ds import Cryptogram
from mesh.keyring import KEY_BYTES, KeyringError, load_keyring
from mesh.reasons import Reason
from mesh.refusal import Refusal

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = 2
_DOMAIN: Final = b"payera.gateway.cryptogram.v1"


class SealBrokenError(ValueError):
    """What is sealed can't be opened: unknown key, another payment's, or changed. The text never holds a secret."""


class CryptogramSeal:
    """A seal that is a format byte, the key's id, a random 96-bit nonce, the ciphertext and its 128-bit tag.

    Keys of its own are derived from those of the codec, which all processes have that send attempts. Key id and payment
    are authenticated, so that what is sealed opens for its own payment only. The keyring is read at the first call:
    the gateway starts without it.
    """

    def __init__(self, keyring_path: Path) -> None:
        self._keyring_path = keyring_path
        self._active = ""
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, cryptogram: Cryptogram, payment_id: str) -> bytes:
        """Encrypt a cryptogram for its payment; refuses with UNAVAILABLE while there is no keyring."""
        self._load()
        key_id = self._active.encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        text = cryptogram.reveal().encode()
        sealed = self._ciphers[self._active].encrypt(nonce, text, _associated_data(key_id, payment_id))
        return _FORMAT + bytes([len(key_id)]) + key_id + nonce + sealed

    def open(self, sealed: bytes, payment_id: str) -> Cryptogram:
        """Give the cryptogram back; raises SealBrokenError, and refuses with UNAVAILABLE while there is no keyring."""
        self._load()
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(_FORMAT):
            raise SealBrokenError(f"the cryptogram of {payment_id} is of an unknown format")
        key_id, rest = sealed[_HEADER_BYTES : _HEADER_BYTES + sealed[1]], sealed[_HEADER_BYTES + sealed[1] :]
        cipher = self._ciphers.get(key_id.decode("ascii", "replace"))
        if cipher is None:
            raise SealBrokenError(f"the cryptogram of {payment_id} needs a key that the keyring does not have")
        try:
            data = _associated_data(key_id, payment_id)
            return Cryptogram(cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], data).decode())
        except (InvalidTag, ValueError):
            raise SealBrokenError(f"the cryptogram of {payment_id} does not belong there, or was changed") from None

    def _load(self) -> None:
        if self._ciphers:
            return
        try:
            keyring = load_keyring(self._keyring_path)
        except KeyringError as error:
            structlog.get_logger().error("no keyring for cryptograms", error=str(error))
            raise Refusal(Reason.UNAVAILABLE) from None
        self._ciphers = {key_id: AESGCM(_derived(key)) for key_id, key in keyring.keys.items()}
        self._active = keyring.active


def _derived(key: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_DOMAIN).derive(key)


def _associated_data(key_id: bytes, payment_id: str) -> bytes:
    return _DOMAIN + b"\0" + key_id + b"\0" + payment_id.encode()
