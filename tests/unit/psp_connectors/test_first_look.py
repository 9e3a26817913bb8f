"""The connectors start whatever the database answers first: it may be on its way up, or half migrated."""

from typing import cast

import psycopg
import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.bootstrap import first_look
from tests.fakes.log import FakeLog


class Failing:
    """A registry whose first look fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def refresh(self) -> bool:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        Refusal(Reason.UNAVAILABLE),
        TimeoutError(),
        psycopg.errors.InsufficientPrivilege("permission denied for function account_version"),
        psycopg.errors.UndefinedFunction("function connectors.account_version() does not exist"),
    ],
)
async def test_a_failed_first_look_is_told_and_ends_nothing(error: Exception) -> None:
    log = FakeLog()

    await first_look(cast("AccountRegistry", Failing(error)), log.logger)

    assert len(log.lines) == 1
