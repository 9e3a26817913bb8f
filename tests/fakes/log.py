"""A structlog logger that keeps its lines in memory."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog


class FakeLog:
    """`logger` writes into `lines`; each is what a log line would hold, before it is redacted and encoded."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.logger: Any = structlog.wrap_logger(
            None,
            processors=[structlog.processors.format_exc_info, self._keep],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        )

    def calls(self) -> list[dict[str, Any]]:
        """Give the lines about calls."""
        return [line for line in self.lines if line["event"] == "call"]

    def _keep(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self.lines.append(dict(event))
        raise structlog.DropEvent
