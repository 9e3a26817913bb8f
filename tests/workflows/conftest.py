"""One Temporal dev server per session, with the settings of the development stack."""

import secrets
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from mesh.keyring import Keyring
from mesh.temporal_codec import encrypting_converter

SERVER_SETTINGS = (
    "history.transferProcessorMaxPollRPS=10000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return Keyring("k1", {"k1": secrets.token_bytes(32)})


@pytest.fixture(scope="session")
async def temporal(keyring: Keyring, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    arguments = [part for setting in SERVER_SETTINGS for part in ("--dynamic-config-value", setting)]
    database = tmp_path_factory.mktemp("temporal") / "temporal.db"
    environment = await WorkflowEnvironment.start_local(
        data_converter=encrypting_converter(keyring),
        dev_server_existing_path=str(Path(sysconfig.get_path("scripts")) / "temporal"),
        dev_server_database_filename=str(database),
        dev_server_log_level="error",
        dev_server_extra_args=[
            *arguments,
            "--sqlite-pragma",
            "journal_mode=wal",
            "--sqlite-pragma",
            "synchronous=normal",
        ],
    )
    async with environment:
        yield environment


@pytest.fixture
def client(temporal: WorkflowEnvironment) -> Client:
    return temporal.client
