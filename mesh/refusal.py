"""The one exception that tells a caller why a call was refused; pure, so that domain and application raise it too.

Refusal                      the call is refused for a reason of the error catalogue
└── DatabaseOutcomeUnknown   the connection broke while a procedure ran: it may have taken effect
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mesh.reasons import Reason


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule of the contract that the request breaks; `field` is a path in the JSON body, like `amount.value`."""

    field: str
    description: str


class Refusal(Exception):  # noqa: N818 - a refusal is the field's word, and no fault of ours
    """A call is refused for `reason`; the server makes a `google.rpc.Status` of it.

    `metadata` fills the `{name}` gaps of the catalogue's message and travels to the caller: never put a secret or
    driver text in it.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        violations: Sequence[Violation] = (),
        retry_after_seconds: float | None = None,
        **metadata: str | int,
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.violations: tuple[Violation, ...] = tuple(violations)
        self.retry_after_seconds = retry_after_seconds
        self.metadata: Mapping[str, str] = {name: str(value) for name, value in metadata.items()}

    def __str__(self) -> str:
        """Give the reason and the metadata, for logs."""
        if not self.metadata:
            return self.reason.value
        return f"{self.reason.value} {dict(self.metadata)}"


class DatabaseOutcomeUnknown(Refusal):
    """The database went away while a procedure ran: it may have taken effect, so nobody may treat it as failed."""

    def __init__(self) -> None:
        super().__init__(Reason.UNAVAILABLE)
