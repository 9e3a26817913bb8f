"""The certificate a process proves itself with, and whose certificate a caller has shown."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509

CA_FILE: Final = "ca.pem"
CERTIFICATE_FILE: Final = "certificate.pem"
KEY_FILE: Final = "key.pem"

_SCHEME = "spiffe://payera/"
_NAMES_PROPERTY = "x509_subject_alternative_name"


class IdentityError(Exception):
    """The TLS directory lacks a file, or its certificate carries no single SPIFFE id; the text names the file."""


class Identity:
    """A service's own certificate: both ends of every connection are made from it.

    Reads `ca.pem`, `certificate.pem` and `key.pem` at once; raises IdentityError when one is missing or wrong.
    """

    def __init__(self, tls_directory: Path) -> None:
        self._authority = _read(tls_directory / CA_FILE)
        self._certificate = _read(tls_directory / CERTIFICATE_FILE)
        self._key = _read(tls_directory / KEY_FILE)
        spiffe_id = _spiffe_id_of(self._certificate, tls_directory / CERTIFICATE_FILE)
        trust_domain, _, self.name = spiffe_id.rpartition("/")
        self._prefix = f"{trust_domain}/"

    def server_credentials(self) -> grpc.ServerCredentials:
        """Give credentials for a port that takes only callers with a certificate of our authority."""
        return grpc.ssl_server_credentials(
            [(self._key, self._certificate)],
            root_certificates=self._authority,
            require_client_auth=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Give credentials that show our certificate and trust our authority only."""
        return grpc.ssl_channel_credentials(self._authority, self._key, self._certificate)

    def caller_of(self, auth_context: Mapping[str, Iterable[bytes]]) -> str:
        """Give the caller's service name, the last part of its SPIFFE id.

        Gives "" when the certificate has none or several, or one of another environment than ours.
        """
        return self.caller_among(auth_context.get(_NAMES_PROPERTY, ()))

    def caller_among(self, names: Iterable[bytes]) -> str:
        """Give what `caller_of` gives, from the certificate's subject alternative names alone."""
        found = ""
        for name in names:
            if name.startswith(b"spiffe:"):
                if found:
                    return ""
                found = name.decode("ascii", "replace")
        service = found.removeprefix(self._prefix)
        return "" if service == found or "/" in service else service


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = (
            f"{path} can't be read ({error.strerror}): set PAYERA_TLS_DIRECTORY to the folder with this service's files"
        )
        raise IdentityError(message) from None


def _spiffe_id_of(certificate: bytes, path: Path) -> str:
    try:
        parsed = x509.load_pem_x509_certificate(certificate)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        message = f"{path} is no certificate with subject alternative names"
        raise IdentityError(message) from None
    ids = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(ids) != 1 or not ids[0].startswith(_SCHEME) or ids[0].count("/") != _SCHEME.count("/") + 1:
        message = f"{path} must carry exactly one SPIFFE id of the form spiffe://payera/<environment>/<service>"
        raise IdentityError(message)
    return ids[0]
