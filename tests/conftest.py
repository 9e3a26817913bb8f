"""What all tests share: how they are spread over the workers of pytest-xdist, and patience for a busy machine."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
#: What takes long and waits much goes first, so that the rest fills the time beside it.
FIRST = ("e2e", "integration", "workflows", "sql", "contract", "simulator", "conformance", "unit", "architecture")

# How quick a busy machine makes examples says nothing of what is tested.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        # A file stays whole, for what its tests share. The end-to-end tests share one stack, on which all is played.
        folder = _folder(item)
        item.add_marker(pytest.mark.xdist_group(folder if folder == "e2e" else str(item.path.relative_to(TESTS))))
    items.sort(key=lambda item: FIRST.index(_folder(item)))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]
