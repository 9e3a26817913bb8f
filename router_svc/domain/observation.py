"""What an attempt teaches: one event of the attempts topic, as learning sees it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Taught(StrEnum):
    """What came of an attempt, as far as it says something of the account.

    A decline that any account would have had (a stolen card, no money) teaches nothing of the account and is IGNORED;
    so is an outcome that nobody knows. TECHNICAL is a fault of the PSP or the way to it: it counts for health alone.
    """

    APPROVED = "approved"
    DECLINED = "declined"
    TECHNICAL = "technical"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Observation:
    """One attempt's outcome. `at` is the event's own time in UTC; `payment_id` and `ordinal` name the attempt.

    The segment's parts are as in `PaymentFacts`, empty when not known.
    """

    merchant_id: str
    account: str
    payment_id: str
    ordinal: int
    taught: Taught
    at: datetime
    currency: str
    brand: str = ""
    funding: str = ""
    issuer_country: str = ""
    bin: str = ""
