"""Whether a webhook comes from PayPal: certificate address, certificate chain, signature, age.

Sources: "Integrate webhooks" (the signed text `id|time|webhook id|crc32 of the body`, 25 deliveries over 3 days), the
`verify_webhook_signature` schema of the Webhooks v1 description, and the official SDKs for the names of the signing
certificate (`messageverificationcerts.paypal.com`, `messageverificationcerts.sandbox.paypal.com`).
"""

import base64
import binascii
import datetime as dt
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from psp_connectors.connectors.paypal.resources import seconds_of
from psp_connectors.connectors.paypal.roots import INTERMEDIATES, ROOTS

EARLY_SECONDS: Final = 300
"""How far PayPal's clock may be ahead of ours."""
LATE_SECONDS: Final = 3 * 24 * 3600 + 300
"""How old a delivery may be. PayPal delivers again for three days and does not say that it signs anew each time; a
delivery that is played back within them is recognised by its event id."""

CERTIFICATE_HOSTS: Final = frozenset(
    {"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}
)
ALGORITHM: Final = "SHA256withRSA"

_CERTIFICATE_PATH: Final = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]{1,128}\Z")
_DOMAIN: Final = ".paypal.com"
_SIGNER: Final = "messageverificationcerts"
_LONGEST_HEADER: Final = 1024
_LONGEST_PEM: Final = 65536
_MOST_CERTIFICATES: Final = 10
_UNUSABLE: Final = (
    InvalidSignature,
    UnsupportedAlgorithm,
    VerificationError,
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Transmission:
    """What PayPal's headers say of a delivery."""

    identifier: str
    time: str
    signature: str
    certificate_url: str
    algorithm: str


def transmission_of(headers: Mapping[str, str]) -> Transmission | None:
    """Read the headers, by lower-case name; None when one is missing, empty or too long."""
    names = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
    values = tuple(headers.get(f"paypal-{name}", "") for name in names)
    if not all(0 < len(value) <= _LONGEST_HEADER for value in values):
        return None
    return Transmission(*values)


def is_timely(transmission: Transmission, now: int) -> bool:
    """Tell whether a delivery is neither too old nor from the future."""
    sent = seconds_of(transmission.time)
    return sent > 0 and -EARLY_SECONDS <= now - sent <= LATE_SECONDS


def is_trusted_address(url: str, base_url: str) -> bool:
    """Tell whether a certificate may be brought from an address: PayPal's hosts, or the account's own base address."""
    if base_url and url.startswith(base_url) and _CERTIFICATE_PATH.match(url.removeprefix(base_url)):
        return True
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and parts.netloc in CERTIFICATE_HOSTS
        and port is None
        and _CERTIFICATE_PATH.match(parts.path) is not None
        and url == f"https://{parts.netloc}{parts.path}"
    )


def is_signed(
    transmission: Transmission, body: bytes, webhook_ids: Sequence[str], chain: bytes, *, extra_roots: str, now: int
) -> bool:
    """Tell whether the body was signed for one of our webhooks with a certificate of PayPal's.

    `chain` is what the certificate address gave (PEM, the signing certificate first), `extra_roots` are PEM too.
    """
    try:
        key = _signing_key(chain, extra_roots, now)
        signature = base64.b64decode(transmission.signature, validate=True)
    except (*_UNUSABLE, binascii.Error):
        return False
    checksum = zlib.crc32(body)
    for webhook_id in webhook_ids:
        signed = f"{transmission.identifier}|{transmission.time}|{webhook_id}|{checksum}"
        try:
            key.verify(signature, signed.encode(), PKCS1v15(), SHA256())
        except _UNUSABLE:
            continue
        return True
    return False


def _signing_key(chain: bytes, extra_roots: str, now: int) -> RSAPublicKey:
    """Give the key of a signing certificate that is PayPal's, in force, and vouched for; raises one of _UNUSABLE."""
    if len(chain) > _LONGEST_PEM:
        raise ValueError
    leaf, *intermediates = x509.load_pem_x509_certificates(chain)[:_MOST_CERTIFICATES]
    roots = x509.load_pem_x509_certificates(ROOTS.encode())
    if extra_roots:
        roots += x509.load_pem_x509_certificates(extra_roots.encode())[:_MOST_CERTIFICATES]
    intermediates += x509.load_pem_x509_certificates(INTERMEDIATES.encode())
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    policy = PolicyBuilder().store(Store(roots)).time(moment)
    policy.build_server_verifier(x509.DNSName(_name_of(leaf))).verify(leaf, intermediates)
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey):
        raise TypeError
    return key


def _name_of(leaf: x509.Certificate) -> str:
    """Give the name the certificate must be verified for; raises ValueError when it bears no signer's name."""
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    for name in names:
        host = name.lower().replace("*.", f"{_SIGNER}.", 1)
        if host.endswith(_DOMAIN) and host.startswith(f"{_SIGNER}."):
            return host
    raise ValueError
