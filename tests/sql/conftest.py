"""One PostgreSQL for these tests, and a World with a merchant of its own for each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sql.world import Caller, World
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def callers(postgres: PostgresServer) -> Iterator[dict[str, Caller]]:
    urls = {"admin": postgres.admin_url, **postgres.role_urls}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Caller(urls[name]))
            for name in ("admin", "gateway_svc", "gateway_worker", "gateway_relay")
        }


@pytest.fixture
def world(postgres: PostgresServer, callers: dict[str, Caller]) -> World:
    return World(
        postgres, callers["admin"], callers["gateway_svc"], callers["gateway_worker"], callers["gateway_relay"]
    )
