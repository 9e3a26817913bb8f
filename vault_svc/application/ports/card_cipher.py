"""Authenticated encryption of cards and codes under one merchant's data key."""

from collections.abc import Callable
from typing import Protocol

from vault_svc.domain.sealing import Binding
from vault_svc.domain.secret_values import SecretKey


class CardCipher(Protocol):
    """Seals and opens texts bound to their place; the kinds of text are under different keys."""

    def seal(self, binding: Binding, text: bytes) -> bytes:
        """Encrypt and authenticate `text` for this place; twice the same text gives different bytes."""
        ...

    def open(self, binding: Binding, sealed: bytes) -> bytes:
        """Give the text back. Raises SealBrokenError unless it is whole, unchanged and in its own place."""
        ...


CipherOf = Callable[[SecretKey], CardCipher]
