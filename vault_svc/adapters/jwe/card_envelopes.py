"""Cards as compact JWEs: RSA-OAEP-256 or ECDH-ES+A256KW by the type of the key, A256GCM for the card itself."""

import json
from collections.abc import Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwe import decrypt_compact, encrypt_compact
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode

from vault_svc.adapters.jwe.public_keys import CURVE_ALGORITHM, algorithm_of, digest_of, key_of, read_public_key
from vault_svc.application.ports.card_envelopes import (
    EnvelopeRefused,
    KeyPair,
    Open,
    PublicKey,
    PublicKeyRefused,
    Seal,
)
from vault_svc.domain.secret_values import SecretKey

ENVELOPE_LONGEST: Final = 16_384
"""Characters of an envelope, as the contract bounds them too."""
CONTENT_TYPE: Final = "payera-card+json"

_CONTENT_ENCRYPTION: Final = "A256GCM"
_CURVE: Final = "P-256"
_SEGMENTS: Final = 5
_HEADER_LONGEST: Final = 1_024
# What else a header may say would change how the text is read (zip, crit) or where a key comes from (jku, jwk, x5u).
_HEADER_MEMBERS: Final = frozenset({"alg", "enc", "kid", "cty", "typ", "epk", "apu", "apv"})


class JweCardEnvelopes:
    """Makes and opens envelopes. Stateless; safe to share."""

    def read_public_key(self, text: str) -> PublicKey:
        """Read a recipient's key as it was sent. Raises PublicKeyRefused unless it is public and strong."""
        public = read_public_key(text)
        try:
            # A key that nothing can be encrypted for, such as a point of small order, is found now, not in the export.
            self.sealer(public.jwk)(b"{}")
        except (JoseError, ValueError):
            raise PublicKeyRefused("nothing can be encrypted for it.") from None
        return public

    def new_key_pair(self) -> KeyPair:
        """Make a P-256 key: as strong as RSA with 3072 bits, and its envelopes are half as long."""
        key = ECKey.generate_key(_CURVE, private=True)
        jwk: dict[str, Any] = dict(key.as_dict(private=False))
        jwk |= {"kid": key.thumbprint(), "use": "enc", "alg": CURVE_ALGORITHM}
        return KeyPair(PublicKey(jwk, digest_of(key)), SecretKey(key.as_der(private=True)))

    def sealer(self, jwk: Mapping[str, Any]) -> Seal:
        """Give what encrypts for a key that `read_public_key` or `new_key_pair` gave."""
        key = key_of({name: value for name, value in jwk.items() if name in {"kty", "n", "e", "crv", "x", "y"}})
        algorithm = algorithm_of(jwk)
        header = {"alg": algorithm, "enc": _CONTENT_ENCRYPTION, "kid": jwk["kid"], "cty": CONTENT_TYPE}

        def seal(text: bytes) -> str:
            # The library adds the ephemeral key to the header that it is given.
            return encrypt_compact(dict(header), text, key, algorithms=[algorithm, _CONTENT_ENCRYPTION])

        return seal

    def opener(self, private: SecretKey) -> Open:
        """Give what decrypts with the private half of a `new_key_pair`."""
        key = ECKey.import_key(private.reveal())
        key_id = key.thumbprint()

        def open_envelope(envelope: str) -> bytes:
            _check_header(envelope, key_id)
            try:
                opened = decrypt_compact(envelope, key, algorithms=[CURVE_ALGORITHM, _CONTENT_ENCRYPTION])
            except Exception:  # noqa: BLE001 - whatever a library says of a hostile text, the text is refused
                opened = None
            if opened is None or opened.plaintext is None:
                raise EnvelopeRefused("it can't be decrypted: it was changed, or encrypted for another key.") from None
            return opened.plaintext

        return open_envelope


def _check_header(envelope: str, key_id: str) -> None:
    """Refuse what is no envelope for this key before any key is used on it."""
    if len(envelope) > ENVELOPE_LONGEST:
        raise EnvelopeRefused(f"it is longer than {ENVELOPE_LONGEST} characters.")
    segments = envelope.split(".")
    if len(segments) != _SEGMENTS or not envelope.isascii():
        raise EnvelopeRefused("it is no compact JWE: five parts in base64url, with a dot between them.")
    try:
        if len(segments[0]) > _HEADER_LONGEST:
            raise ValueError
        header = json.loads(urlsafe_b64decode(segments[0].encode("ascii")))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise EnvelopeRefused("its header is no JSON object in base64url.")
    if not _HEADER_MEMBERS.issuperset(header):
        raise EnvelopeRefused(f"its header may have {', '.join(sorted(_HEADER_MEMBERS))} only.")
    if (header.get("alg"), header.get("enc")) != (CURVE_ALGORITHM, _CONTENT_ENCRYPTION):
        raise EnvelopeRefused(f"it must be encrypted with alg {CURVE_ALGORITHM} and enc {_CONTENT_ENCRYPTION}.")
    if header.get("kid", key_id) != key_id:
        raise EnvelopeRefused("it is encrypted for another key than that of this import.")
