import json
import stat
from pathlib import Path

import pytest

from devstack.components import envoy
from devstack.configuration import Configuration
from devstack.doctor import examine
from devstack.errors import MissingPartError
from devstack.files import PRIVATE, WIPED, write_files
from devstack.names import PSP_ACCOUNT_PORTS, PSP_DIALECTS
from tests.unit.devstack.stacks import a_configuration


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return a_configuration(tmp_path)


def test_the_connectors_and_the_sandbox_know_the_same_accounts(configuration: Configuration) -> None:
    write_files(configuration)

    accounts = json.loads(configuration.psp_accounts.read_text())
    kept = json.loads(configuration.sandbox_accounts.read_text())

    assert [item["account"] for item in accounts] == list(PSP_ACCOUNT_PORTS)
    assert [item["api_key"] for item in accounts] == [item["api_key"] for item in kept]
    assert [item["connector"] for item in accounts] == ["sandbox", "sandbox", *PSP_DIALECTS.values()]
    for known, item in zip(accounts, kept, strict=True):
        assert known["base_url"].removesuffix("/v72") == f"http://127.0.0.1:{item['port']}"
        assert known.get("webhook_secrets", []) in ([], [item.get("webhook_secret")])


def test_both_sides_can_use_every_account(configuration: Configuration) -> None:
    from devstack.sandbox.dialects.registry import dialect
    from devstack.sandbox.settings import completed, load_accounts
    from psp_connectors.adapters.accounts import load_accounts as load_known_accounts
    from psp_connectors.adapters.accounts import load_webhook_secrets
    from psp_connectors.application.account_ports import Configuration as Configured
    from psp_connectors.application.account_rules import check_account, check_secret
    from psp_connectors.application.credentials import Credentials
    from psp_connectors.connectors.registry import CONNECTORS

    write_files(configuration)

    for entry in load_accounts(configuration.sandbox_accounts):
        assert completed(entry, dialect(entry.dialect).needs).account == entry.account
    for known in load_known_accounts(configuration.psp_accounts, CONNECTORS, "dev").values():
        configured = Configured(base_url=known.base_url, settings=known.settings)
        credentials = Credentials(api_key=known.api_key, secrets=known.secrets)
        check_account(CONNECTORS[known.connector], configured, credentials, only_https=False)
    for secrets in load_webhook_secrets(configuration.psp_accounts).values():
        for secret in secrets:
            check_secret(secret)


def test_the_certificate_of_the_sandbox_paypal_is_made_once(configuration: Configuration) -> None:
    write_files(configuration)
    before = configuration.psp_accounts.read_bytes()
    assert b"BEGIN CERTIFICATE" in before

    write_files(configuration)

    assert configuration.psp_accounts.read_bytes() == before


def test_other_users_enter_none_of_the_folders(configuration: Configuration) -> None:
    (configuration.home / "kafka").mkdir(mode=0o755, parents=True)

    write_files(configuration)

    folders = [path for path in configuration.home.iterdir() if path.is_dir()]
    assert {path.name for path in folders} == set(PRIVATE)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_keys_are_made_once_and_can_be_read_by_their_owner_only(configuration: Configuration) -> None:
    write_files(configuration)
    before = [path.read_bytes() for path in (configuration.codec_keyring, configuration.vault_keyring)]

    write_files(configuration)

    assert [path.read_bytes() for path in (configuration.codec_keyring, configuration.vault_keyring)] == before
    for path in (configuration.codec_keyring, configuration.vault_keyring, configuration.psp_accounts):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_vault_the_codec_and_the_connectors_can_read_their_keys(configuration: Configuration) -> None:
    from mesh.keyring import load_keyring
    from vault_svc.adapters.keyring.key_provider import load_keyring as load_vault_keyring

    write_files(configuration)

    assert load_keyring(configuration.codec_keyring).active == "k1"
    assert load_keyring(configuration.connectors_keyring).active == "k1"
    assert load_keyring(configuration.connectors_keyring).keys != load_keyring(configuration.codec_keyring).keys
    assert load_vault_keyring(configuration.vault_keyring, environment="dev") is not None


def test_everything_that_is_written_would_be_wiped(configuration: Configuration) -> None:
    write_files(configuration)

    assert {path.name for path in configuration.home.iterdir()} <= set(WIPED)


def test_a_placeholder_nobody_knows_is_named(configuration: Configuration, tmp_path: Path) -> None:
    (tmp_path / "envoy").mkdir()
    (tmp_path / "envoy" / "envoy.template.yaml").write_text("port: ${REST_PORT}, other: ${SOMETHING_NEW}\n")

    with pytest.raises(MissingPartError, match="SOMETHING_NEW"):
        envoy.render(a_configuration(configuration.home, root=tmp_path))


def test_the_doctor_names_what_is_missing_and_the_way_to_it(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("devstack.doctor.WHEELS", ("psutil", "no-such-wheel"))

    findings = {finding.subject: finding for finding in examine(configuration)}

    assert not findings["archives"].fine
    assert findings["archives"].next_step == "python -m devstack.downloads jars"
    assert not findings["wheels"].fine
    assert "no-such-wheel" in findings["wheels"].found
    assert findings["Python"].fine
