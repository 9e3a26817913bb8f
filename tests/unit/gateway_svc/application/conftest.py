"""Fixtures of the use cases' tests."""

import pytest

from tests.unit.gateway_svc.application.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()
