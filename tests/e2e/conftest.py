"""One whole stack for all end-to-end tests, on free ports, in a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.configuration import load_configuration
from devstack.lifecycle import Stack
from devstack.rest import Rest, expect_ok
from devstack.seed import SeededMerchant
from tests.e2e.support import Mesh

#: So that what a crash left behind is found in seconds; production waits longer.
QUICK = {
    "PAYERA_CRASH_POINTS": "1",
    "PAYERA_SWEEP_INTERVAL_MS": "2000",
    "PAYERA_SWEEP_GRACE_MS": "3000",
    "PAYERA_PSP_TIMEOUT_MS": "2000",
    "PAYERA_SHOPPER_ACTION_SECONDS": "8",
    "PAYERA_ROTATION_IDLE_SECONDS": "10",
    # The faults of one test must not turn another test's payments away.
    "PAYERA_BREAKER_ERRORS_MIN": "1000000",
}


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    # Not pytest's own folder: PostgreSQL runs as another user when the suite runs as root, and must get in.
    home = Path(tempfile.mkdtemp(prefix="payera-e2e-"))
    home.chmod(0o755)
    stack = Stack(load_configuration(home, 0, {**os.environ, **QUICK}))
    try:
        merchant = stack.up(lambda _: None).merchant
        assert merchant is not None
        yield Mesh(stack, merchant)
    finally:
        keep = os.environ.get("PAYERA_KEEP_E2E")
        if not keep:
            stack.down(wipe=True)
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def merchant(mesh: Mesh) -> SeededMerchant:
    return mesh.merchant


@pytest.fixture(scope="session")
def rest(mesh: Mesh) -> Rest:
    return mesh.rest


@pytest.fixture(scope="session")
def other_merchant(mesh: Mesh) -> Rest:
    """A second merchant's secret key: nothing of the first may be visible to it."""
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    created = expect_ok(operator.post("/v1/merchants", {"name": "Another"}, money=False), "creating a merchant")
    path = f"/v1/merchants/{created['id']}/api_keys"
    key = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating a key")["key"]
    return Rest(mesh.stack.configuration.rest_url, key)
