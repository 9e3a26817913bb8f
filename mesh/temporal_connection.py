"""Connects to Temporal with encrypted payloads and with its library's logs in ours."""

import logging
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from mesh.keyring import Keyring
from mesh.temporal_codec import encrypting_converter

CONNECT_TIMEOUT: Final = timedelta(seconds=3)
_LOGGER: Final = logging.getLogger("payera.temporal")


def new_runtime() -> Runtime:
    """Give a runtime whose logs go to Python's logging instead of the console; one per process is enough."""
    forwarding = LogForwardingConfig(logger=_LOGGER, append_target_to_name=False, prepend_target_on_message=False)
    filtering = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=filtering, forwarding=forwarding)))


async def connect(address: str, namespace: str, keyring: Keyring, runtime: Runtime, *, lazy: bool = False) -> Client:
    """Connect a client; when ``lazy`` at its first call. Raises RuntimeError when Temporal is away."""
    return await Client.connect(
        address,
        namespace=namespace,
        data_converter=encrypting_converter(keyring),
        runtime=runtime,
        connect_timeout=CONNECT_TIMEOUT,
        lazy=lazy,
    )
