"""What a call to a PSP came to, in Payera's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.declines import DeclineCode


class OutcomeKind(StrEnum):
    """The exact set of things a call can come to."""

    APPROVED = "approved"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    NOT_FOUND = "not_found"


class CallCode(StrEnum):
    """Codes of outcomes that no PSP decided: why nothing was sent, or why an answer settles nothing."""

    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_NOT_CONFIGURED = "account_not_configured"
    AMOUNT_MISMATCH = "amount_mismatch"
    ANSWER_TOO_LARGE = "answer_too_large"
    CONNECTION_LOST = "connection_lost"
    CONNECTIONS_EXHAUSTED = "connections_exhausted"
    CONNECTOR_FAULT = "connector_fault"
    CONTRADICTORY_ANSWER = "contradictory_answer"
    CREDENTIALS_REFUSED = "credentials_refused"
    DEADLINE_TOO_SHORT = "deadline_too_short"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    OPERATION_NOT_SUPPORTED = "operation_not_supported"
    PSP_ERROR = "psp_error"
    PSP_TIMEOUT = "psp_timeout"
    PSP_UNAVAILABLE = "psp_unavailable"
    RATE_LIMITED = "rate_limited"
    REFERENCE_MISMATCH = "reference_mismatch"
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 - the name of a code, not a secret
    TOKEN_USED = "token_used"  # noqa: S105
    UNREADABLE_ANSWER = "unreadable_answer"
    VAULT_UNAVAILABLE = "vault_unavailable"


class Check(StrEnum):
    """What the issuer said of one piece of data that was sent with the card."""

    MATCH = "match"
    NO_MATCH = "no_match"
    UNAVAILABLE = "unavailable"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Checks:
    """The issuer's checks: street and postal code of the billing address (AVS), and the card code (CVC)."""

    street: Check = Check.NOT_CHECKED
    postal_code: Check = Check.NOT_CHECKED
    card_code: Check = Check.NOT_CHECKED


NO_CHECKS = Checks()
"""Nobody asked the issuer anything."""


class NextActionKind(StrEnum):
    """How the shopper is brought to where the PSP wants something of them."""

    REDIRECT = "redirect"  # open `url`, with `fields` as a form when `method` is POST
    FINGERPRINT = "fingerprint"  # load `url` in a hidden frame, with `fields`
    CHALLENGE = "challenge"  # show `url` in a frame, with `fields`


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What the shopper must do before the PSP goes on; `fields` may hold what only the shopper's browser may see."""

    kind: NextActionKind
    url: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call came to; amounts in ISO 4217 minor units, `detail` for engineers and free of card data.

    `raw_code` is the PSP's own code, `network_code` the card network's response code and `advice_code` its merchant
    advice code, as they came. `expires_at` is until when the authorization can be captured, in seconds since the epoch,
    0 when the PSP does not say. `expected_within_seconds` is set by the runtime for a pending operation. `unmapped`
    says that the PSP used a code our table does not know, so that the table can be completed.
    """

    kind: OutcomeKind
    psp_reference: str = ""
    code: str = ""
    raw_code: str = ""
    network_code: str = ""
    advice_code: str = ""
    detail: str = ""
    amount: int = 0
    network_transaction_id: str = ""
    card: CardSummary | None = None
    captured_amount: int = 0
    checks: Checks = NO_CHECKS
    next_action: NextAction | None = None
    expires_at: int = 0
    expected_within_seconds: int = 0
    unmapped: bool = False


def not_sent(code: CallCode | DeclineCode, detail: str = "") -> Outcome:
    """Say that provably nothing reached the PSP."""
    return Outcome(kind=OutcomeKind.NOT_SENT, code=code.value, detail=detail)


def declined(code: DeclineCode, detail: str = "") -> Outcome:
    """Say that the operation is refused without asking the PSP: nothing of it was ever sent."""
    return Outcome(kind=OutcomeKind.DECLINED, code=code.value, detail=detail)


def unknown(code: CallCode | DeclineCode, detail: str = "", *, raw_code: str = "") -> Outcome:
    """Say that the PSP may or may not have acted."""
    return Outcome(kind=OutcomeKind.UNKNOWN, code=code.value, detail=detail, raw_code=raw_code)
