"""Seals credentials with AES-256-GCM under the keys of a keyring, each text for the one place it is kept in."""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh.keyring import Keyring
from psp_connectors.application.account_ports import SealBroken, Sealed

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(_FORMAT) + _NONCE_BYTES
_DOMAIN: Final = b"payera.connectors.seal.v1\0"


class AesGcmSeal:
    """A seal that is a format byte, a random 96-bit nonce, the ciphertext and its 128-bit tag.

    Format, key id and place are authenticated, so that a sealed text opens in its own place only. Random nonces are
    safe for 2^32 texts under one key.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._active = keyring.active
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keyring.keys.items()}

    def seal(self, text: bytes, place: str) -> Sealed:
        """Encrypt and authenticate `text` for `place`, under the active key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = _associated_data(self._active, place)
        return Sealed(self._active, _FORMAT + nonce + self._ciphers[self._active].encrypt(nonce, text, data))

    def open(self, sealed: Sealed, place: str) -> bytes:
        """Give the text back; raises SealBroken unless it is whole, unchanged and in its own place."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            message = f"what is sealed at {place} needs a key that the keyring does not have"
            raise SealBroken(message)
        if len(sealed.data) < _HEADER_BYTES + _TAG_BYTES or not sealed.data.startswith(_FORMAT):
            message = f"what is sealed at {place} is cut or of an unknown format"
            raise SealBroken(message)
        nonce, text = sealed.data[len(_FORMAT) : _HEADER_BYTES], sealed.data[_HEADER_BYTES:]
        try:
            return cipher.decrypt(nonce, text, _associated_data(sealed.key_id, place))
        except InvalidTag:
            message = f"what is sealed at {place} does not belong there, or was changed"
            raise SealBroken(message) from None


def _associated_data(key_id: str, place: str) -> bytes:
    return _DOMAIN + _FORMAT + key_id.encode() + b"\0" + place.encode()
