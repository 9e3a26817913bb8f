"""Reads a recipient's public key: what is private, weak or for another use is refused before anything is sealed."""

import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import base64_to_int, urlsafe_b64decode

from mesh.card_numbers import contains_card_number
from vault_svc.application.ports.card_envelopes import PublicKey, PublicKeyRefused

RSA_BITS_MIN: Final = 3072
RSA_BITS_MAX: Final = 8192
RSA_EXPONENT_MIN: Final = 65_537
CURVES: Final = {"EC": ("P-256", "P-384"), "OKP": ("X25519",)}
RSA_ALGORITHM: Final = "RSA-OAEP-256"
CURVE_ALGORITHM: Final = "ECDH-ES+A256KW"
KEY_ID_LONGEST: Final = 128

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEY_OPERATIONS: Final = frozenset({"encrypt", "wrapKey", "deriveKey", "deriveBits"})
_RSA_EXPONENT_BITS_MAX: Final = 64

AsymmetricKey = RSAKey | ECKey | OKPKey


def read_public_key(text: str) -> PublicKey:
    """Read a JWK as it was sent, and give its public members alone. Raises PublicKeyRefused."""
    members = _members_of(text)
    _check_members(members)
    key = key_of(_checked(members))
    # Made anew from its numbers: two ways to write one key must not have two digests.
    jwk: dict[str, Any] = {**key.binding.convert_raw_key_to_dict(key.public_key, private=False), "kty": key.key_type}
    return PublicKey({**jwk, "kid": members.get("kid") or key.thumbprint()}, digest_of(key_of(jwk)))


def key_of(members: Mapping[str, Any]) -> AsymmetricKey:
    """Make a key of its members. Raises PublicKeyRefused for members that are no key."""
    types: dict[str, type[AsymmetricKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    try:
        return types[str(members["kty"])].import_key(dict(members))
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        # The library's message could quote a member.
        raise PublicKeyRefused("its members are not those of a key of its type.") from None


def digest_of(key: AsymmetricKey) -> str:
    """Give the RFC 7638 SHA-256 thumbprint in hex, as people compare it."""
    return urlsafe_b64decode(key.thumbprint().encode("ascii")).hex()


def algorithm_of(members: Mapping[str, Any]) -> str:
    """Give the one algorithm that cards are encrypted with for a key of this type."""
    return RSA_ALGORITHM if members["kty"] == "RSA" else CURVE_ALGORITHM


def _members_of(text: str) -> dict[str, Any]:
    if "PRIVATE KEY" in text:
        raise PublicKeyRefused(
            "it is a private key: send the public one, and make a new pair, since this one was shown."
        )
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise PublicKeyRefused("it must be a JSON Web Key, a JSON object with the member kty.")
    if "keys" in members:
        raise PublicKeyRefused("it is a set of keys: send the one key that the cards are for.")
    return members


def _check_members(members: Mapping[str, Any]) -> None:
    kind = members.get("kty")
    if kind == "oct":
        raise PublicKeyRefused("it is a symmetric key, which two would have to know: send a public key, RSA or EC.")
    if not _PRIVATE_MEMBERS.isdisjoint(members):
        raise PublicKeyRefused(
            "it is a private key: send the public one, and make a new pair, since this one was shown."
        )
    if kind not in ("RSA", *CURVES):
        raise PublicKeyRefused("kty: it must be RSA, EC or OKP.")
    if members.get("use", "enc") != "enc":
        raise PublicKeyRefused("use: it must be enc: a key that signs is no key to encrypt for.")
    operations = members.get("key_ops")
    if operations is not None and not (
        isinstance(operations, list)
        and all(isinstance(each, str) for each in operations)
        and _KEY_OPERATIONS.intersection(operations)
    ):
        raise PublicKeyRefused("key_ops: it must allow wrapKey, encrypt, deriveKey or deriveBits.")
    if members.get("alg", algorithm_of(members)) != algorithm_of(members):
        raise PublicKeyRefused(f"alg: it must be {algorithm_of(members)} for a key of this type, or be left out.")
    key_id = members.get("kid", "")
    if not (isinstance(key_id, str) and len(key_id) <= KEY_ID_LONGEST and key_id.isascii() and key_id.isprintable()):
        raise PublicKeyRefused(f"kid: it may have {KEY_ID_LONGEST} printable ASCII characters.")
    if contains_card_number(key_id):
        raise PublicKeyRefused("kid: it looks like a card number.")


def _checked(members: Mapping[str, Any]) -> dict[str, Any]:
    """Give the members that make the key, once they are strong enough."""
    kind = str(members["kty"])
    if kind == "RSA":
        _check_rsa(members)
        return {"kty": kind, "n": members["n"], "e": members["e"]}
    curve = members.get("crv")
    if curve not in CURVES[kind]:
        allowed = ", ".join(name for names in CURVES.values() for name in names)
        raise PublicKeyRefused(f"crv: it must be one of {allowed}.")
    names = ("crv", "x", "y") if kind == "EC" else ("crv", "x")
    return {"kty": kind, **{name: members.get(name) for name in names}}


def _check_rsa(members: Mapping[str, Any]) -> None:
    numbers = {}
    for name in ("n", "e"):
        try:
            numbers[name] = base64_to_int(members[name])
        except (KeyError, ValueError, TypeError):
            raise PublicKeyRefused(f"{name}: it must be a number in base64url.") from None
    bits = numbers["n"].bit_length()
    if not RSA_BITS_MIN <= bits <= RSA_BITS_MAX:
        raise PublicKeyRefused(f"an RSA key must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits.")
    exponent = numbers["e"]
    if exponent < RSA_EXPONENT_MIN or exponent % 2 == 0 or exponent.bit_length() > _RSA_EXPONENT_BITS_MAX:
        raise PublicKeyRefused(f"e: it must be odd and at least {RSA_EXPONENT_MIN}.")
    if numbers["n"] % 2 == 0:
        raise PublicKeyRefused("n: it is even, so it is no RSA modulus.")
