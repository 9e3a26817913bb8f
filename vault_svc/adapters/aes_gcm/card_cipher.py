"""Seals cards and codes with AES-256-GCM, each kind under a key of its own derived from the merchant's data key."""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from vault_svc.domain.sealing import Binding, SealBrokenError, SealedKind, frame
from vault_svc.domain.secret_values import SecretKey

DATA_KEY_BYTES: Final = 32
_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(_FORMAT) + _NONCE_BYTES
_DERIVATION: Final = b"payera.vault.kind-key.v1"


class AesGcmCardCipher:
    """The cipher of one data key.

    A sealed text is a format byte, a random 96-bit nonce, the ciphertext and its 128-bit tag. The format byte and the
    binding are authenticated. Random nonces are safe for 2^32 texts of one kind under one data key.
    """

    def __init__(self, key: SecretKey) -> None:
        if len(key.reveal()) != DATA_KEY_BYTES:
            message = f"a data key has {DATA_KEY_BYTES} bytes"
            raise ValueError(message)
        self._key = key
        self._ciphers: dict[SealedKind, AESGCM] = {}

    def seal(self, binding: Binding, text: bytes) -> bytes:
        """Encrypt and authenticate `text` for its place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = _FORMAT + binding.associated_data()
        return _FORMAT + nonce + self._of(binding.kind).encrypt(nonce, text, data)

    def open(self, binding: Binding, sealed: bytes) -> bytes:
        """Give the text back. Raises SealBrokenError unless it is whole, unchanged and in its own place."""
        if len(sealed) < _HEADER_BYTES + _TAG_BYTES or not sealed.startswith(_FORMAT):
            message = f"a sealed {binding.kind.name.lower()} is cut or of an unknown format"
            raise SealBrokenError(message)
        data = _FORMAT + binding.associated_data()
        try:
            return self._of(binding.kind).decrypt(sealed[len(_FORMAT) : _HEADER_BYTES], sealed[_HEADER_BYTES:], data)
        except InvalidTag:
            message = f"a sealed {binding.kind.name.lower()} does not belong where it was found, or was changed"
            raise SealBrokenError(message) from None

    def _of(self, kind: SealedKind) -> AESGCM:
        """Give the cipher of a kind; made when first needed, as a card's own key serves one kind only."""
        cipher = self._ciphers.get(kind)
        if cipher is None:
            cipher = self._ciphers[kind] = AESGCM(_key_of(kind, self._key))
        return cipher


def _key_of(kind: SealedKind, key: SecretKey) -> bytes:
    """Derive the key of one kind of text: what opens codes opens no cards."""
    # The data key is uniformly random already, so that the extract step of HKDF has nothing to add.
    info = frame(_DERIVATION, kind.value.encode())
    return HKDFExpand(algorithm=SHA256(), length=DATA_KEY_BYTES, info=info).derive(key.reveal())
