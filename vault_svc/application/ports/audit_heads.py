"""Where the heads of the audit's chains come from, where they are published, and who watches that they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from vault_svc.domain.audit import ChainHead


class HeadsNotPublishedError(Exception):
    """It is not certain that the heads were published, and they may be again; the text says what stood in the way."""


class AuditHeadSource(Protocol):
    """The audit of the vault's database."""

    async def read(self) -> Sequence[ChainHead]:
        """Give the newest record of each chain, all as of one moment.

        Raises Refusal(UNAVAILABLE) while the database is out of reach.
        """
        ...


class AuditHeadPublisher(Protocol):
    """A place that keeps what is published out of the reach of the database's administrators."""

    async def publish(self, heads: Sequence[ChainHead], read_at: datetime) -> None:
        """Publish heads; when it returns they are kept for certain. Takes seconds at most.

        Raises HeadsNotPublishedError.
        """
        ...


class AuditHeadWatch(Protocol):
    """Whoever is told how the publishing goes."""

    def published(self) -> None:
        """Learn that heads were published."""
        ...

    def current(self) -> None:
        """Learn that the newest heads read are published, now or before."""
        ...

    def failed(self) -> None:
        """Learn that a round failed."""
        ...

    def contradicted(self) -> None:
        """Learn that the database gave heads that can't follow from those it gave before."""
        ...
