"""What the integration tests share: one PostgreSQL for the session, with all of sql/ applied."""

from tests.support.postgres import postgres

__all__ = ["postgres"]
