"""The provider of keys in AWS KMS takes only a set-up that can be meant, and connects to nothing for it."""

import socket
from typing import Any

import pytest

from tests.support.kms import ELSEWHERE_KEY, KEY, set_aws_environment
from vault_svc.adapters.aws_kms.client import KmsSetUpError
from vault_svc.adapters.aws_kms.key_provider import AwsKmsKeyProvider


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_aws_environment(monkeypatch)


def test_construction_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Credentials would have to come from the machine's metadata service: not before the first call.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name)

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for key in (KEY, "alias/payera-vault"):
        AwsKmsKeyProvider(key).close()


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("payera-vault", {}, "neither an alias nor an ARN"),
        ("", {}, "neither an alias nor an ARN"),
        (f"{KEY} ", {}, "neither an alias nor an ARN"),
        ("arn:aws:s3:::bucket", {}, "neither an alias nor an ARN"),
        (KEY, {"endpoint": "http://kms.eu-central-1.amazonaws.com"}, "neither an https URL"),
        (KEY, {"endpoint": "http://localhost.example.com"}, "neither an https URL"),
        (KEY, {"endpoint": "https://"}, "neither an https URL"),
        (KEY, {"endpoint": "https://kms:notaport"}, "neither an https URL"),
        (KEY, {"endpoint": "kms.eu-central-1.amazonaws.com"}, "neither an https URL"),
        (KEY, {"decrypt_only_keys": ["alias/old"]}, "not the ARN of a KMS key"),
        (KEY, {"decrypt_only_keys": [ELSEWHERE_KEY]}, "not the ARN of a KMS key in eu-central-1"),
        ("arn:aws-cn:kms:cn-north-1:123456789012:key/1-2", {}, "128 bits"),
    ],
)
def test_a_set_up_that_can_not_be_meant_is_refused(key: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(KmsSetUpError, match=message):
        AwsKmsKeyProvider(key, **options)


def test_an_alias_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(KmsSetUpError, match="region"):
        AwsKmsKeyProvider("alias/payera-vault")
    AwsKmsKeyProvider(KEY).close()
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(KmsSetUpError, match="ProfileNotFound"):
        AwsKmsKeyProvider("alias/payera-vault")
