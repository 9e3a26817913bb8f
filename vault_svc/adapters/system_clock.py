"""The machine's own clock."""

from datetime import UTC, datetime


class SystemClock:
    """Tells the time by the machine's clock."""

    def now(self) -> datetime:
        """Give the present moment in UTC."""
        return datetime.now(UTC)
