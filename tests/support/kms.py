"""Two stand-ins for AWS KMS: moto's server in a process of its own, which works, and one that answers what it is told.

`python -m tests.support.kms` is the first one's process; it prints its port and ends when its standard input does.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import msgspec
import pytest
from aiohttp import web
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

HOST: Final = "127.0.0.1"
REGION: Final = "eu-central-1"
ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN: Final = "a-session-token-that-no-log-may-show"
ACCOUNT: Final = "arn:aws:kms:eu-central-1:123456789012"
KEY: Final = f"{ACCOUNT}:key/11111111-1111-4111-8111-111111111111"
OLD_KEY: Final = f"{ACCOUNT}:key/22222222-2222-4222-8222-222222222222"
FOREIGN_KEY: Final = "arn:aws:kms:eu-central-1:999999999999:key/33333333-3333-4333-8333-333333333333"
ELSEWHERE_KEY: Final = "arn:aws:kms:eu-west-1:123456789012:key/44444444-4444-4444-8444-444444444444"
CONTEXT: Final = b"payera.vault.data-key.v1 mer_1 1"
DIGEST: Final = {"payera.vault.context.v1": hashlib.sha256(CONTEXT).hexdigest()}
BLOB: Final = b"wrapped by KMS" * 13
PLAINTEXT: Final = bytes(range(100, 132))
_ROOT: Final = Path(__file__).resolve().parents[2]
_STOP_SECONDS: Final = 10


def set_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give AWS's libraries credentials that are good for nothing, and keep the machine's own settings from them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)


@dataclass(frozen=True, slots=True)
class MotoKms:
    """A KMS that runs: its address, and a client with which tests do what an administrator of keys does."""

    endpoint: str
    administrator: "KMSClient" = field(repr=False)
    process: "subprocess.Popen[str]" = field(repr=False)

    def create_key(self, **options: Any) -> str:
        """Make a key and give its ARN."""
        return self.administrator.create_key(**options)["KeyMetadata"]["Arn"]

    def point_alias(self, alias: str, arn: str) -> None:
        """Let an alias, new or not, stand for a key."""
        known = [entry["AliasName"] for entry in self.administrator.list_aliases()["Aliases"]]
        change = self.administrator.update_alias if alias in known else self.administrator.create_alias
        change(AliasName=alias, TargetKeyId=arn)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the server take connections and never answer, for a while."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def run_moto() -> Iterator[MotoKms]:
    """Run moto's server on a free port; it keeps keys in memory and needs nothing else."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.kms"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            endpoint = f"http://{HOST}:{int(process.stdout.readline())}"
            with pytest.MonkeyPatch.context() as environment:
                set_aws_environment(environment)
                administrator = boto3.session.Session().client("kms", endpoint_url=endpoint, config=Config(proxies={}))
            yield MotoKms(endpoint, administrator, process)
            administrator.close()
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def moto_kms() -> Iterator[MotoKms]:
    with run_moto() as kms:
        yield kms


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    operation: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer: a status and a body; a dictionary is sent as JSON. `after_seconds` lets the caller wait."""

    body: dict[str, Any] | bytes
    status: int = 200
    after_seconds: float = 0.0


def refusal(code: str, status: int = 400, text: str = "no") -> Answer:
    """An answer as KMS refuses."""
    return Answer({"__type": code, "message": text}, status)


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def generated(key_id: str = KEY, plaintext: bytes = PLAINTEXT) -> Answer:
    return Answer({"CiphertextBlob": b64(BLOB), "Plaintext": b64(plaintext), "KeyId": key_id})


def decrypted(key_id: str = OLD_KEY, plaintext: bytes = PLAINTEXT) -> Answer:
    return Answer({"Plaintext": b64(plaintext), "KeyId": key_id, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})


def re_encrypted(source: str = OLD_KEY, target: str = KEY) -> Answer:
    return Answer({"CiphertextBlob": b64(BLOB[::-1]), "SourceKeyId": source, "KeyId": target})


def described(arn: str = KEY, state: str = "Enabled", spec: str = "SYMMETRIC_DEFAULT") -> Answer:
    metadata = {"KeyId": arn.rpartition("/")[2], "Arn": arn, "KeyState": state, "KeySpec": spec}
    return Answer(
        {"KeyMetadata": metadata | {"AWSAccountId": "123456789012", "CreationDate": 1.7e9, "Origin": "AWS_KMS"}}
    )


@dataclass(slots=True)
class ToldKms:
    """Answers each request with the next of `answers`, and with the last one again and again."""

    answers: deque[Answer] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    endpoint: str = ""
    under_way: int = 0
    under_way_most: int = 0

    def will(self, *answers: Answer) -> None:
        self.answers = deque(answers)

    @property
    def operations(self) -> list[str]:
        return [asked.operation for asked in self.asked]

    async def answer(self, request: web.Request) -> web.Response:
        _, _, operation = request.headers["X-Amz-Target"].partition(".")
        self.asked.append(Asked(operation, msgspec.json.decode(await request.read())))
        self.came.set()
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            await asyncio.sleep(answer.after_seconds)
        finally:
            self.under_way -= 1
        body = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
        return web.Response(
            body=body,
            status=answer.status,
            content_type="application/x-amz-json-1.1",
            headers={"x-amzn-RequestId": "5a3b-request"},
        )


@contextlib.asynccontextmanager
async def open_told_kms() -> AsyncIterator[ToldKms]:
    """Run a KMS that answers what the test tells it to, in the test's own event loop."""
    kms = ToldKms()
    application = web.Application()
    application.router.add_post("/", kms.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        kms.endpoint = f"http://{HOST}:{runner.addresses[0][1]}"
        yield kms
    finally:
        await runner.cleanup()


def main() -> None:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
