"""What a PSP can do through its connector, as data that the core obeys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from psp_connectors.domain.operations import OperationKind


class AskBy(StrEnum):
    """What must be known of an operation so that the PSP can be asked about it."""

    REFERENCE = "reference"  # our own reference
    PSP_REFERENCE = "psp_reference"  # the PSP's id of the operation itself
    PAYMENT = "payment"  # the PSP's id of the payment it belongs to


class Answering(StrEnum):
    """When a PSP says what became of an operation."""

    AT_ONCE = "at_once"  # in the answer to the call
    LATER = "later"  # the call is acknowledged; the result comes by webhook, or when asked for


class Feature(StrEnum):
    """What of `domain.details` a connector passes on, and how shoppers are treated who must act at the PSP.

    With CHALLENGE the PSP goes on by itself once the shopper has acted. Without it the PSP waits for a call that this
    runtime does not make, so that nothing can be held or charged. With CANCEL_CHALLENGE a void cancels an authorization
    that waits for the shopper.
    """

    STORED_CREDENTIAL = "stored_credential"
    NETWORK_TRANSACTION_ID = "network_transaction_id"
    EXTERNAL_THREE_DS = "external_three_ds"
    OWN_THREE_DS = "own_three_ds"
    EXEMPTION = "exemption"
    ADDRESS = "address"
    STATEMENT_DESCRIPTOR = "statement_descriptor"
    LEVEL2 = "level2"
    CHALLENGE = "challenge"
    CANCEL_CHALLENGE = "cancel_challenge"


DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationCapability:
    """How one kind of operation can be sent and settled.

    `ask_by` is empty when the PSP can't be asked. `repeat_seconds` is how long the PSP surely remembers the idempotency
    key of this kind of call, 0 when it takes none: a call is never repeated after that. `webhook` tells that a webhook
    brings the result. `settles_within_seconds` is by when the result of an acknowledged operation is expected.
    """

    ask_by: frozenset[AskBy]
    repeat_seconds: int
    webhook: bool
    answering: Answering = Answering.AT_ONCE
    settles_within_seconds: int = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class AmountLimits:
    """The smallest and largest amount of an authorization, in ISO 4217 minor units."""

    smallest: int = 1
    largest: int = 999_999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a PSP can do through its connector.

    Brands are those of `CardSummary`, lower case. `methods` are ways of paying, in the router's words. Empty
    `currencies` and `countries` (of the merchant, ISO 3166-1 alpha-2) mean all. `limits` has the currencies whose
    amounts the PSP bounds; `DEFAULT_LIMITS` hold for the others. `refunds_captures` tells that a refund names the
    capture it gives back, so that one refund can't span several captures.
    """

    operations: Mapping[OperationKind, OperationCapability]
    brands: tuple[str, ...]
    currencies: tuple[str, ...]
    idempotency_key_max_length: int
    multiple_captures: bool
    refunds_captures: bool = False
    countries: tuple[str, ...] = ()
    limits: Mapping[str, AmountLimits] = field(default_factory=dict)
    features: frozenset[Feature] = frozenset()
    methods: tuple[str, ...] = ("card",)

    def limits_of(self, currency: str) -> AmountLimits:
        """Give the limits of an authorization in this currency."""
        return self.limits.get(currency, DEFAULT_LIMITS)


DEFAULT_LIMITS = AmountLimits()
