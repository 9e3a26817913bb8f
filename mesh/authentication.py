"""Reads the API key of a call and decides what it may do."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mesh.context import KeyScope, Principal
from mesh.reasons import Reason
from mesh.refusal import Refusal

_LONGEST_KEY = 256


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of an API key: whose it is, and whether it was revoked."""

    principal: Principal
    revoked: bool


class Authenticator(Protocol):
    """Knows API keys by their SHA-256; may keep an answer for 5 seconds, no longer."""

    async def look_up(self, key_sha256: bytes) -> KeyRecord | None:
        """Give what is known of the key, or None when there is no such key."""


async def authenticate(
    authenticator: Authenticator, metadata: Mapping[str, str], scope: KeyScope, *, or_operator: bool = False
) -> Principal:
    """Give the owner of the call's key, which must hold the right `scope`.

    With `or_operator` an operator's key will do as well.
    Refuses with API_KEY_MISSING, API_KEY_INVALID, API_KEY_REVOKED or API_KEY_SCOPE.
    """
    key = _key_of(metadata.get("authorization", ""))
    record = await authenticator.look_up(hashlib.sha256(key).digest())
    if record is None:
        raise Refusal(Reason.API_KEY_INVALID)
    if record.revoked:
        raise Refusal(Reason.API_KEY_REVOKED)
    principal = record.principal
    if not _suffices(principal.scope, scope) and not (or_operator and principal.scope is KeyScope.OPERATOR):
        raise Refusal(Reason.API_KEY_SCOPE, scope=scope.name)
    return principal


def _suffices(held: KeyScope, needed: KeyScope) -> bool:
    """Tell whether a key will do: a merchant's key by rank, and an operator's key for operators' calls alone."""
    if KeyScope.OPERATOR in (held, needed):
        return held is needed
    return held >= needed


def _key_of(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if not authorization:
        raise Refusal(Reason.API_KEY_MISSING)
    if scheme == "bearer":
        key = value.encode()
    elif scheme == "basic":
        key = _user_of(value)
    else:
        raise Refusal(Reason.API_KEY_INVALID)
    if not 0 < len(key) <= _LONGEST_KEY:
        raise Refusal(Reason.API_KEY_MISSING if not key else Reason.API_KEY_INVALID)
    return key


def _user_of(value: str) -> bytes:
    """Give the user name of HTTP basic authentication; the password is not looked at."""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        raise Refusal(Reason.API_KEY_INVALID) from None
