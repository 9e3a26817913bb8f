"""A process proves itself with the files of its TLS directory, or says which one is wrong."""

from pathlib import Path

import pytest

from mesh.identity import Identity, IdentityError
from tests.support.certificates import CertificateAuthority


def test_an_identity_knows_its_own_name_and_its_callers(tmp_path: Path) -> None:
    identity = Identity(CertificateAuthority("qa").write(tmp_path, "vault_svc"))

    assert identity.name == "vault_svc"
    names = [b"vault_svc.payera.internal", b"spiffe://payera/qa/psp_connectors"]
    assert identity.caller_of({"x509_subject_alternative_name": names}) == "psp_connectors"
    assert identity.caller_of({"x509_common_name": [b"spiffe://payera/qa/psp_connectors"]}) == ""
    assert identity.caller_of({}) == ""


@pytest.mark.parametrize(
    "names",
    [
        [b"psp_connectors"],
        [b"spiffe://payera/qa/"],
        [b"spiffe://payera/dev/psp_connectors"],
        [b"spiffe://payera/qa/a/b"],
        [b"spiffe://payera/qa/a", b"spiffe://payera/qa/a"],
        [b"spiffe:\xff"],
    ],
)
def test_odd_names_are_nobody(tmp_path: Path, names: list[bytes]) -> None:
    identity = Identity(CertificateAuthority("qa").write(tmp_path, "vault_svc"))

    assert identity.caller_among(names) == ""


@pytest.mark.parametrize("name", ["ca.pem", "certificate.pem", "key.pem"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    CertificateAuthority().write(tmp_path, "vault_svc")
    (tmp_path / name).unlink()

    with pytest.raises(IdentityError, match=f"{name}.*PAYERA_TLS_DIRECTORY"):
        Identity(tmp_path)


@pytest.mark.parametrize("uris", [(), ("spiffe://payera/a", "spiffe://payera/dev/b"), ("https://payera/dev/b",)])
def test_a_certificate_without_one_spiffe_id_is_refused(tmp_path: Path, uris: tuple[str, ...]) -> None:
    CertificateAuthority().write(tmp_path, "vault_svc", uris=uris)

    with pytest.raises(IdentityError, match="SPIFFE"):
        Identity(tmp_path)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    CertificateAuthority().write(tmp_path, "vault_svc")
    (tmp_path / "certificate.pem").write_text("x")

    with pytest.raises(IdentityError, match="no certificate"):
        Identity(tmp_path)
