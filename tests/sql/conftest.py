"""One PostgreSQL for these tests, and a World with a merchant of its own for each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sql.world import Caller, World
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def connected_callers(postgres: PostgresServer) -> Iterator[dict[str, Caller]]:
    urls = {"admin": postgres.admin_url, **postgres.role_urls}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Caller(urls[name]))
            for name in ("admin", "gateway_svc", "gateway_worker", "gateway_relay")
        }


@pytest.fixture(scope="module")
def callers(connected_callers: dict[str, Caller]) -> dict[str, Caller]:
    """Empty the gateway's tables for each module: what a test compares before and after stays small."""
    connection = connected_callers["admin"].connection
    rows = connection.execute(
        "SELECT string_agg(format('gateway.%I', tablename), ', ') AS tables FROM pg_tables WHERE schemaname = 'gateway'"
    ).fetchone()
    assert rows is not None
    with connection.transaction():
        # The ledger's own guard against this is for everybody else.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(f"TRUNCATE {rows['tables']}".encode())
    return connected_callers


@pytest.fixture
def world(postgres: PostgresServer, callers: dict[str, Caller]) -> World:
    return World(
        postgres, callers["admin"], callers["gateway_svc"], callers["gateway_worker"], callers["gateway_relay"]
    )
