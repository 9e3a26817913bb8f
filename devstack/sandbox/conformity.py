"""Holds what a dialect gets and sends against the PSP's own API description, where that is at hand."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from devstack.errors import MissingPartError
from devstack.sandbox.dialects.contract import Description as Place
from devstack.sandbox.dialects.contract import Notice
from devstack.sandbox.incoming import Incoming, Reply
from mesh.settings import SettingsError

if TYPE_CHECKING:
    from devstack.descriptions import Description

MOST_VIOLATIONS: Final = 1000
MOST_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that is not as the PSP describes it: `what` is request, answer or webhook.

    Of a request, which may hold a card number, the findings name the places alone.
    """

    account: str
    what: str
    where: str
    findings: tuple[str, ...]


class Violations:
    """All violations counted, and the newest MOST_VIOLATIONS of them kept."""

    def __init__(self) -> None:
        self.count = 0
        self._newest: deque[Violation] = deque(maxlen=MOST_VIOLATIONS)

    @property
    def newest(self) -> Sequence[Violation]:
        """Give those kept, oldest first."""
        return tuple(self._newest)

    def add(self, violation: Violation) -> None:
        """Count and keep one."""
        self.count += 1
        self._newest.append(violation)


class Conformity:
    """The check of one account. Without a description everything is as described."""

    def __init__(self, account: str, description: "Description | None", violations: Violations) -> None:
        self._account = account
        self._description = description
        self._violations = violations

    def request(self, incoming: Incoming) -> Sequence[str]:
        """Give what is wrong with a request; calls that the description does not have are left to the dialect."""
        if not self._describes(incoming):
            return ()
        description = self._description
        found = (
            description.request_findings(incoming.method, _address(incoming), incoming.headers, incoming.body)
            if description is not None
            else []
        )
        return self._noted("request", f"{incoming.method} {incoming.path}", found)

    def answer(self, incoming: Incoming, reply: Reply) -> Sequence[str]:
        """Give what is wrong with an answer to a request."""
        if not self._describes(incoming):
            return ()
        description = self._description
        found = (
            description.response_findings(
                incoming.method, incoming.path, reply.status, reply.content_type, reply.content()
            )
            if description is not None
            else []
        )
        return self._noted("answer", f"{incoming.method} {incoming.path} {reply.status}", found)

    def webhook(self, notice: Notice, body: bytes) -> Sequence[str]:
        """Give what is wrong with a webhook; one without a name in the description is left alone."""
        description = self._description
        if description is None or not notice.name:
            return ()
        if notice.name.startswith("#"):
            found = description.component_findings(notice.name, msgspec.json.decode(body))
        else:
            # Not every description has the PSP's webhooks.
            found = description.webhook_findings(notice.name, body) if description.webhook_names() else []
        return self._noted("webhook", notice.type, found)

    def _describes(self, incoming: Incoming) -> bool:
        description = self._description
        return description is not None and description.operation(incoming.method, incoming.path) is not None

    def _noted(self, what: str, where: str, findings: Sequence[str]) -> Sequence[str]:
        if findings:
            shown = [finding.partition(":")[0] for finding in findings] if what == "request" else findings
            kept = tuple(shown[:MOST_FINDINGS])
            self._violations.add(Violation(self._account, what, where, kept))
        return findings


def load_descriptions(folder: Path | None, places: Mapping[str, Place | None]) -> "Mapping[str, Description | None]":
    """Load the description of each dialect, None for those that have none or without a folder. Raises SettingsError."""
    if folder is None:
        return dict.fromkeys(places)
    # Schemas take a while to import, and most sandboxes do without.
    from devstack.descriptions import load

    try:
        return {name: load(folder, place.folder) if place is not None else None for name, place in places.items()}
    except MissingPartError as error:
        message = f"the API descriptions can't be used: {error}"
        raise SettingsError(message) from None


def _address(incoming: Incoming) -> str:
    return f"{incoming.path}?{incoming.query}" if incoming.query else incoming.path
