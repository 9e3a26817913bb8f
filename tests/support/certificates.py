"""Certificates for tests: an authority, and services' folders as the processes expect them."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFETIME = timedelta(days=1)


class CertificateAuthority:
    """An authority of its own; two of them do not trust each other."""

    def __init__(self, environment: str = "dev") -> None:
        self._environment = environment
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Payera tests")])
        self.certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def write(self, directory: Path, service: str, *, uris: tuple[str, ...] | None = None) -> Path:
        """Fill `directory` with ca.pem, certificate.pem and key.pem of `service`, and give it back.

        `uris` replaces the SPIFFE id that the service should have.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        if uris is None:
            uris = (f"spiffe://payera/{self._environment}/{service}",)
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [
            x509.DNSName(f"{service}.payera.internal"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, service)])
        certificate = (
            _builder(subject, self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        directory.mkdir(parents=True, exist_ok=True)
        _write(directory / "ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))
        _write(directory / "certificate.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write(
            directory / "key.pem",
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return directory


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
