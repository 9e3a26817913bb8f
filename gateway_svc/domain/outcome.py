"""What a call to a PSP can come to, as the core sees it."""

from dataclasses import dataclass
from enum import StrEnum


class OutcomeKind(StrEnum):
    """The exact set of outcomes; docs/architecture.md tells what each means."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    PENDING = "PENDING"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to: Payera's normalised ``code`` (lower snake case) beside the PSP's ``raw_code``."""

    kind: OutcomeKind
    psp_reference: str = ""
    code: str = ""
    raw_code: str = ""
    network_transaction_id: str = ""
