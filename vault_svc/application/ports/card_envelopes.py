"""Encryption of cards for one recipient, and of cards that come for us: each card is a text of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vault_svc.domain.secret_values import SecretKey

Seal = Callable[[bytes], str]
"""Encrypts a text for the recipient; twice the same text gives different envelopes."""

Open = Callable[[str], bytes]
"""Decrypts an envelope. Raises EnvelopeRefused."""


class PublicKeyRefused(Exception):  # noqa: N818 - an answer, not a fault
    """Cards are not encrypted for this key; the text is the rule that it breaks and repeats nothing of the key."""


class EnvelopeRefused(Exception):  # noqa: N818 - an answer, not a fault
    """An envelope can't be opened; the text is the rule that it breaks and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A recipient's public key: a JWK of its public members alone, and its RFC 7638 SHA-256 thumbprint in hex."""

    jwk: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key of ours for one import. Its repr shows no private part."""

    public: PublicKey
    private: SecretKey = field(repr=False)


class CardEnvelopes(Protocol):
    """Reads keys, makes keys, and gives what seals and opens with them."""

    def read_public_key(self, text: str) -> PublicKey:
        """Read a recipient's key as it was sent. Raises PublicKeyRefused unless it is public and strong."""
        ...

    def new_key_pair(self) -> KeyPair:
        """Make a key for one import."""
        ...

    def sealer(self, jwk: Mapping[str, Any]) -> Seal:
        """Give what encrypts for a key that `read_public_key` or `new_key_pair` gave."""
        ...

    def opener(self, private: SecretKey) -> Open:
        """Give what decrypts with the private half of a `new_key_pair`."""
        ...
