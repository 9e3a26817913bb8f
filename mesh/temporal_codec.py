"""Encrypts everything Temporal stores of us with AES-256-GCM, so that its database and web pages show ids at most."""

import dataclasses
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from mesh.keyring import Keyring

ENCODING: Final = b"binary/payera-aes256gcm"
KEY_ID: Final = "payera-key-id"
# 96 random bits: the bound of 2^32 messages for one key is some 130 years at one payload a second.
_NONCE_BYTES: Final = 12


class CodecError(ValueError):
    """A payload can't be decrypted: unknown key, changed content, or not encrypted at all."""


class EncryptionCodec(PayloadCodec):
    """Encrypts with the keyring's active key and decrypts with whichever key a payload names.

    The key id is authenticated. A payload that is not encrypted is refused: nobody who can write to Temporal's
    database may feed the workflows.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._active = keyring.active
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keyring.keys.items()}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload whole, its metadata included."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt each payload; raises CodecError."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key_id = self._active.encode()
        sealed = self._ciphers[self._active].encrypt(nonce, payload.SerializeToString(), _authenticated(key_id))
        return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id}, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            message = "a payload is not encrypted"
            raise CodecError(message)
        key_id = payload.metadata.get(KEY_ID, b"")
        cipher = self._ciphers.get(key_id.decode("ascii", "replace"))
        if cipher is None:
            message = "a payload was encrypted with a key that is not in the keyring"
            raise CodecError(message)
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _authenticated(key_id)))
        except (InvalidTag, ValueError):
            message = "a payload is not what was encrypted"
            raise CodecError(message) from None


def encrypting_converter(keyring: Keyring) -> DataConverter:
    """Give the data converter of every Temporal client and worker: values, errors and stacks are encrypted."""
    return dataclasses.replace(
        DataConverter.default,
        payload_codec=EncryptionCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _authenticated(key_id: bytes) -> bytes:
    return ENCODING + b"\x00" + key_id
