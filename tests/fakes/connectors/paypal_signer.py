"""PayPal's side of webhook signatures, with a certificate authority of our own in the place of DigiCert."""

import base64
import datetime as dt
import json
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from psp_connectors.domain.webhooks import RawWebhook
from tests.fakes.connectors.paypal import WEBHOOK_ID

NOW = 1_795_600_000
SIGNER_NAME = "messageverificationcerts.paypal.com"
CERTIFICATE_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """One certificate with its key, and those above it."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def issued(
    subject: str,
    issuer: Authority | None,
    *,
    authority: bool,
    key: Key | None = None,
    names: tuple[str, ...] = (),
    days: tuple[int, int] = (-30, 300),
) -> Authority:
    """Give a certificate, signed by itself without an issuer; `days` are its validity before and after NOW."""
    own: Key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    above = issuer.certificate.subject if issuer else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    public = issuer.key.public_key() if issuer else own.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(above)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(NOW + days[0] * 86400))
        .not_valid_after(_moment(NOW + days[1] * 86400))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return Authority(builder.sign(issuer.key if issuer else own, SHA256()), own)


@lru_cache(maxsize=1)
def root() -> Authority:
    return issued("Payera Test Root", None, authority=True)


@lru_cache(maxsize=1)
def intermediate() -> Authority:
    return issued("Payera Test Intermediate", root(), authority=True)


@lru_cache(maxsize=1)
def signer() -> Authority:
    return issued(SIGNER_NAME, intermediate(), authority=False, names=(SIGNER_NAME,))


def chain(leaf: Authority | None = None, *above: Authority) -> bytes:
    """Give what a certificate address answers: the signing certificate, then those above it."""
    return "".join(one.pem for one in (leaf or signer(), *(above or (intermediate(),)))).encode()


def signed(
    event: object,
    *,
    sent_at: int = NOW,
    webhook_id: str = WEBHOOK_ID,
    certificate_url: str = CERTIFICATE_URL,
    by: Authority | None = None,
) -> RawWebhook:
    """Give a webhook as PayPal delivers it."""
    body = event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()
    time = _moment(sent_at).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"69cd13f0-d67a-11e5-baa3-778b53f4ae55|{time}|{webhook_id}|{zlib.crc32(body)}".encode()
    key = (by or signer()).key
    assert isinstance(key, rsa.RSAPrivateKey)
    headers = {
        "content-type": "application/json",
        "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "paypal-transmission-time": time,
        "paypal-transmission-sig": base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode(),
        "paypal-cert-url": certificate_url,
        "paypal-auth-algo": "SHA256withRSA",
    }
    return RawWebhook(headers=headers, body=body)
