import datetime as dt
import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.certificates import ALL_IDENTITIES, ensure_certificates
from devstack.configuration import Configuration
from tests.unit.devstack.stacks import a_configuration


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return a_configuration(tmp_path)


def read(configuration: Configuration, identity: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((configuration.tls_directory(identity) / "certificate.pem").read_bytes())


def test_every_identity_of_the_architecture_gets_a_certificate(configuration: Configuration) -> None:
    assert (
        set(ensure_certificates(configuration))
        == set(ALL_IDENTITIES)
        == {
            "envoy",
            "gateway_svc",
            "gateway_worker",
            "gateway_relay",
            "router_svc",
            "vault_svc",
            "vault_worker",
            "psp_connectors",
            "operator",
        }
    )


def test_a_certificate_names_its_service_and_this_machine(configuration: Configuration) -> None:
    ensure_certificates(configuration)

    certificate = read(configuration, "vault_svc")

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://payera/dev/vault_svc"]
    assert names.get_values_for_type(x509.DNSName) == ["vault_svc.payera.internal", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_a_key_can_be_read_by_its_owner_only(configuration: Configuration) -> None:
    ensure_certificates(configuration)

    for identity in ALL_IDENTITIES:
        assert stat.S_IMODE((configuration.tls_directory(identity) / "key.pem").stat().st_mode) == 0o600


def test_openssl_accepts_both_ends_of_a_connection(configuration: Configuration) -> None:
    ensure_certificates(configuration)
    contexts = {}
    for identity, purpose in (("gateway_svc", ssl.Purpose.CLIENT_AUTH), ("envoy", ssl.Purpose.SERVER_AUTH)):
        folder = configuration.tls_directory(identity)
        contexts[identity] = ssl.create_default_context(purpose, cafile=folder / "ca.pem")
        contexts[identity].load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    contexts["gateway_svc"].verify_mode = ssl.CERT_REQUIRED
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = contexts["gateway_svc"].wrap_bio(to_server, to_client, server_side=True)
    client = contexts["envoy"].wrap_bio(to_client, to_server, server_hostname="gateway_svc.payera.internal")

    for _ in range(5):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue

    presented = server.getpeercert()
    assert presented is not None
    assert ("URI", "spiffe://payera/dev/envoy") in presented["subjectAltName"]


def test_valid_certificates_are_kept(configuration: Configuration) -> None:
    ensure_certificates(configuration)
    before = read(configuration, "envoy")

    assert ensure_certificates(configuration) == ()
    assert read(configuration, "envoy") == before


def test_a_certificate_is_renewed_in_its_last_week(configuration: Configuration) -> None:
    ensure_certificates(configuration)
    ends = read(configuration, "envoy").not_valid_after_utc

    assert ensure_certificates(configuration, ends - dt.timedelta(days=7, minutes=1)) == ()
    assert set(ensure_certificates(configuration, ends - dt.timedelta(days=6))) == set(ALL_IDENTITIES)


def test_a_broken_or_foreign_certificate_is_replaced(configuration: Configuration, tmp_path: Path) -> None:
    ensure_certificates(configuration)
    (configuration.tls_directory("envoy") / "key.pem").write_text("nonsense")
    other = a_configuration(tmp_path / "other")
    ensure_certificates(other)
    foreign = (other.tls_directory("operator") / "certificate.pem").read_bytes()
    (configuration.tls_directory("operator") / "certificate.pem").write_bytes(foreign)

    assert set(ensure_certificates(configuration)) == {"envoy", "operator"}


def test_a_new_authority_renews_every_certificate(configuration: Configuration) -> None:
    ensure_certificates(configuration)
    (configuration.certificates_directory / "authority" / "key.pem").unlink()

    assert set(ensure_certificates(configuration)) == set(ALL_IDENTITIES)
