"""Calls AWS KMS from threads of its own, each call with a deadline, and says what a failure means."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from vault_svc.application.ports.key_provider import KeyProviderDownError, KeyUnavailableError

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

T = TypeVar("T")

_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429
#: What KMS refuses for now only, although the status is 4xx: too many calls, and credentials that have just run out.
_FOR_NOW: Final = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceededException",
        "SlowDown",
        "RequestTimeout",
        "RequestTimeoutException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "KMSInternalException",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
#: These write whole answers, with the keys in them, or signed requests, at debug.
_LOGGERS_WITH_SECRETS: Final = ("botocore.auth", "botocore.endpoint", "botocore.parsers")


class KmsSetUpError(Exception):
    """KMS can't be used as it was set up; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsLimits:
    """How long a call may take, and how many may be under way.

    `deadline_seconds` is for the whole call as its caller sees it; the others bound what a thread does, which may go
    on a little longer than anybody waits for it.
    """

    deadline_seconds: float = 4.0
    connect_seconds: float = 1.0
    read_seconds: float = 1.5
    attempts: int = 2
    calls_at_once: int = 16


class KmsClient:
    """One client of KMS for a process, made on the first call: its credentials may have to be asked for over a network.

    At most `calls_at_once` calls are under way; others wait, as part of their deadline. A caller that is cancelled or
    out of time takes a waiting call back, and leaves one that is under way to end by itself: it keeps its thread until
    then, and nobody sees the answer.
    """

    def __init__(self, *, region: str, endpoint: str, limits: KmsLimits) -> None:
        _keep_quiet()
        self._limits = limits
        self._region = region
        self._endpoint = endpoint
        self._config = Config(
            connect_timeout=limits.connect_seconds,
            read_timeout=limits.read_seconds,
            retries={"mode": "standard", "total_max_attempts": limits.attempts},
            max_pool_connections=limits.calls_at_once,
        )
        self._threads = ThreadPoolExecutor(limits.calls_at_once, thread_name_prefix="aws-kms")
        self._lock = threading.Lock()
        self._made: KMSClient | None = None

    async def call(self, operation: str, key_id: str, run: Callable[["KMSClient"], T]) -> T:
        """Give what `run` makes of the client's answer. Raises KeyUnavailableError and KeyProviderDownError.

        `run` does its work in another thread; of the whole answer, only what it returns comes out of there.
        """
        loop = asyncio.get_running_loop()
        try:
            running = loop.run_in_executor(self._threads, self._run, operation, key_id, run)
        except RuntimeError:
            message = f"KMS {operation} with {key_id}: the vault is stopping"
            raise KeyProviderDownError(message) from None
        try:
            async with asyncio.timeout(self._limits.deadline_seconds):
                return await running
        except TimeoutError:
            message = f"KMS {operation} with {key_id}: no answer in {self._limits.deadline_seconds:g} s"
            raise KeyProviderDownError(message) from None

    def close(self) -> None:
        """Take no more calls and close the connections; calls under way end by themselves."""
        self._threads.shutdown(wait=False)
        with self._lock:
            if self._made is not None:
                self._made.close()

    def _run(self, operation: str, key_id: str, run: Callable[["KMSClient"], T]) -> T:
        try:
            return run(self._client())
        except ClientError as error:
            raise _meaning(operation, key_id, error) from None
        except ParamValidationError:
            # Its text quotes the parameters.
            message = f"KMS {operation} with {key_id}: not a request that KMS takes"
            raise KeyUnavailableError(message) from None
        except Exception as error:  # noqa: BLE001 - any other text could quote an answer: its type has to do
            if isinstance(error, NoCredentialsError):
                self._forget()
            message = f"KMS {operation} with {key_id}: {type(error).__name__}"
            raise KeyProviderDownError(message) from None

    def _client(self) -> "KMSClient":
        with self._lock:
            if self._made is None:
                core = botocore.session.get_session()
                # For whatever the session asks to get credentials: its own defaults are a minute.
                core.set_default_client_config(self._config)
                self._made = boto3.session.Session(botocore_session=core).client(
                    "kms",
                    region_name=self._region,
                    endpoint_url=self._endpoint or None,
                    # Keys in the clear go where our own settings say, not where a variable or file of AWS says.
                    config=Config(
                        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # unknown to the stubs
                        proxies={} if _is_loopback(self._endpoint) else None,
                    ),
                )
            return self._made

    def _forget(self) -> None:
        """Make a new client next time: one that found no credentials would never look for them again."""
        with self._lock:
            if self._made is not None:
                self._made.close()
            self._made = None


def default_region() -> str:
    """Give the region of AWS's usual variables and files, or an empty text. Connects to nothing."""
    try:
        return str(botocore.session.get_session().get_config_variable("region") or "")
    except BotoCoreError as error:
        message = f"the settings of AWS can't be read: {type(error).__name__}"
        raise KmsSetUpError(message) from None


def check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint that would carry keys in the clear over a network. Raises KmsSetUpError."""
    try:
        parts = urlsplit(endpoint)
        is_private = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(endpoint))
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_private = is_whole = False
    if not (is_private and is_whole):
        message = "the endpoint of KMS is neither an https URL nor an http URL of this machine"
        raise KmsSetUpError(message)


def _is_loopback(endpoint: str) -> bool:
    return urlsplit(endpoint).hostname in _LOOPBACK


def _meaning(operation: str, key_id: str, error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    metadata = error.response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    # The text of KMS is left out: it may quote the request.
    message = f"KMS {operation} with {key_id}: {code}, request {metadata.get('RequestId', 'unknown')}"
    if code in _FOR_NOW or status >= _SERVER_ERROR or status == _TOO_MANY:
        return KeyProviderDownError(message)
    return KeyUnavailableError(message)


def _from_warning_on(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _keep_quiet() -> None:
    """Let botocore never log an answer or a signature, whatever level a log is set to."""
    for name in _LOGGERS_WITH_SECRETS:
        logging.getLogger(name).addFilter(_from_warning_on)
