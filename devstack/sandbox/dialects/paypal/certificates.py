"""Signing certificates of the sandbox's PayPal, and signatures made with them.

A sandbox is not DigiCert's customer: each account has a root certificate of its own, made from the account's secret, so
that it is the same after every start and can be set up once with whoever is to trust it. The signing key is made when
it is first needed, and lives as long as the process.

Source: developer.paypal.com, "Integrate webhooks": `id|time|webhook id|crc32 of the body`, SHA256withRSA.
"""

import base64
import datetime as dt
import hashlib
import zlib
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME: Final = "messageverificationcerts.sandbox.paypal.com"
_FIRST_DAY: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_LAST_DAY: Final = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)
_KEY_BITS: Final = 2048
_CURVE: Final = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Signer:
    """A signing key with its certificate."""

    certificate: x509.Certificate
    root: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def serial(self) -> str:
        """Give what tells this certificate from those before it."""
        return f"{self.certificate.serial_number:x}"[-8:]

    @property
    def pem(self) -> bytes:
        """Give what the certificate's address answers: the certificate, then its root."""
        return self.certificate.public_bytes(Encoding.PEM) + self.root.public_bytes(Encoding.PEM)

    def sign(self, identifier: str, time: str, webhook_id: str, body: bytes) -> str:
        """Sign a delivery."""
        text = _signed_text(identifier, time, webhook_id, body)
        return base64.b64encode(self.key.sign(text, PKCS1v15(), SHA256())).decode("ascii")

    def has_signed(self, signature: str, identifier: str, time: str, webhook_id: str, body: bytes) -> bool:
        """Tell whether a signature is this signer's."""
        text = _signed_text(identifier, time, webhook_id, body)
        try:
            self.key.public_key().verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def root_pem(api_key: str) -> str:
    """Give the root certificate of an account by its secret, for the `webhook_roots` of whoever is to trust it."""
    return _root(_root_key(api_key)).public_bytes(Encoding.PEM).decode("ascii")


def new_signer(api_key: str) -> Signer:
    """Make a signing key for an account, vouched for by the account's root."""
    root_key = _root_key(api_key)
    root = _root(root_key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    builder = (
        _builder(NAME, root.subject, key.public_key(), x509.random_serial_number(), authority=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    return Signer(builder.sign(root_key, SHA256()), root, key)


def _signed_text(identifier: str, time: str, webhook_id: str, body: bytes) -> bytes:
    return f"{identifier}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def _root_key(api_key: str) -> ec.EllipticCurvePrivateKey:
    seed = hashlib.sha256(b"payera sandbox paypal root\x00" + api_key.encode()).digest()
    # A little less than the order of the curve, so that every seed gives a key.
    return ec.derive_private_key(int.from_bytes(seed) % (2**255) + 1, _CURVE)


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "Payera Sandbox PayPal Root"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, key.public_key(), 1, authority=True)
    return builder.sign(key, SHA256(), ecdsa_deterministic=True)


def _builder(
    name: str,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    serial: int,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(_FIRST_DAY)
        .not_valid_after(_LAST_DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(usage, critical=True)
    )
