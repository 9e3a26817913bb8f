"""A development certificate authority and one certificate per identity, for mutual TLS between the services."""

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devstack.configuration import Configuration, write_private
from devstack.names import IDENTITIES, OPERATOR_IDENTITY

AUTHORITY_VALIDITY: Final = dt.timedelta(days=3650)
VALIDITY: Final = dt.timedelta(days=90)
RENEW_BEFORE: Final = dt.timedelta(days=7)
BACKDATED: Final = dt.timedelta(minutes=5)
ALL_IDENTITIES: Final = (*IDENTITIES.values(), OPERATOR_IDENTITY)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def ensure_certificates(configuration: Configuration, now: dt.datetime | None = None) -> tuple[str, ...]:
    """Write what is missing, broken or about to expire; return the identities that got a new certificate.

    Each identity has a folder with `ca.pem`, `certificate.pem` and `key.pem` (the key for its owner only).
    """
    moment = now or dt.datetime.now(dt.UTC)
    folder = configuration.certificates_directory
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = _authority(folder / "authority", moment)
    renewed = []
    for identity in ALL_IDENTITIES:
        directory = configuration.tls_directory(identity)
        if not _usable(directory, authority.certificate, moment):
            _issue(directory, identity, configuration.environment, authority, moment)
            renewed.append(identity)
    return tuple(renewed)


def issue_certificate(configuration: Configuration, identity: str, directory: Path) -> None:
    """Write one more certificate of the stack's authority into `directory`, for an identity of the caller's choice."""
    moment = dt.datetime.now(dt.UTC)
    authority = _authority(configuration.certificates_directory / "authority", moment)
    _issue(directory, identity, configuration.environment, authority, moment)


def _authority(folder: Path, now: dt.datetime) -> _Authority:
    certificate = _read_certificate(folder / "certificate.pem")
    key = _read_key(folder / "key.pem")
    if (
        certificate is not None
        and key is not None
        and _lasts(certificate, now)
        and certificate.public_key() == key.public_key()
    ):
        return _Authority(certificate, key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Payera development authority")])
    usage = _key_usage(signs_certificates=True)
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder, certificate, key)
    return _Authority(certificate, key)


def _issue(directory: Path, identity: str, environment: str, authority: _Authority, now: dt.datetime) -> None:
    """Write key, certificate and the authority's certificate of one identity."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
    # An underscore is no letter of a host name, but peers compare this name as it stands in the architecture.
    names = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier(f"spiffe://payera/{environment}/{identity}"),
            x509.DNSName(f"{identity}.payera.internal"),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
    )
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(name, authority.certificate.subject, key.public_key(), now, VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(purposes, critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _write(directory, certificate, key)
    write_private(directory / "ca.pem", authority.certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "ca.pem").chmod(0o644)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    validity: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + validity)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _usable(directory: Path, authority: x509.Certificate, now: dt.datetime) -> bool:
    certificate = _read_certificate(directory / "certificate.pem")
    key = _read_key(directory / "key.pem")
    if certificate is None or key is None or _read_certificate(directory / "ca.pem") != authority:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return _lasts(certificate, now) and certificate.public_key() == key.public_key()


def _lasts(certificate: x509.Certificate, now: dt.datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write(directory: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(directory / "key.pem", private)
    write_private(directory / "certificate.pem", certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "certificate.pem").chmod(0o644)
