"""Makes API keys. Payera keeps a key's SHA-256 and first characters; the key itself is shown once."""

import hashlib
import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mesh.context import KeyScope

_KINDS: Final = MappingProxyType({KeyScope.PUBLISHABLE: "pk", KeyScope.SECRET: "sk", KeyScope.OPERATOR: "ok"})
_RANDOM_BYTES: Final = 24
PREFIX_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A new key: `text` is for its owner's eyes only, the rest is what is stored."""

    text: str = field(repr=False)
    prefix: str
    sha256: bytes = field(repr=False)


def new_key(scope: KeyScope, *, live: bool) -> KeyMaterial:
    """Make a key such as `sk_test_` and 32 random characters, 192 bits."""
    return material_of(f"{_KINDS[scope]}_{'live' if live else 'test'}_{secrets.token_urlsafe(_RANDOM_BYTES)}")


def material_of(text: str) -> KeyMaterial:
    """Give what is stored of the key `text`."""
    return KeyMaterial(text=text, prefix=text[:PREFIX_LENGTH], sha256=hashlib.sha256(text.encode()).digest())
