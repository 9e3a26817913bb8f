"""What all tests share: how they are spread over the workers of pytest-xdist, and patience for a busy machine."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
#: What takes long and waits much goes first, so that the rest fills the time beside it.
FIRST = ("e2e", "integration", "workflows", "sql", "contract", "simulator", "conformance", "unit", "architecture")

# How quick a busy machine makes examples says nothing of what is tested.
# PAYERA_EXAMPLES asks for more of them than a run of the whole suite has time for.
EXAMPLES = int(os.environ.get("PAYERA_EXAMPLES", "50"))
settings.register_profile("suite", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


#: End-to-end tests that end or slow down what runs, on a stack of their own beside the others'.
DISTURBING = ("test_concurrency", "test_crashes", "test_key_rotation", "test_leaks_after_kills")


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a file on one worker, for what its tests share, and end-to-end tests on two, each with one stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not file.startswith("tests/e2e/"):
            return file
        return "disturbing" if Path(file).stem in DISTURBING else "undisturbed"


def pytest_configure() -> None:
    # Looking for garbage among the tens of thousands of objects of a collection costs a tenth of the suite's time.
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles:
    return WholeFiles(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: FIRST.index(item.path.relative_to(TESTS).parts[0]))
