"""What an event of a payment teaches of a PSP account, if anything."""

from datetime import datetime
from typing import Final

from router_svc.domain.observation import Observation, Taught

_OUTCOMES: Final = frozenset(
    {
        "ATTEMPT_FAILED",
        "ATTEMPT_UNKNOWN",
        "PAYMENT_AUTHORIZED",
        "PAYMENT_SUCCEEDED",
        "PAYMENT_DECLINED",
        "PAYMENT_FAILED",
    }
)
"""The events that tell what came of an attempt. Others show attempts as they stood before."""

_NOT_KNOWN: Final = "unknown"
"""How the vault says that it does not know a brand or a funding; the facts of a payment are empty then."""

_ANY_ACCOUNT: Final = (
    # The card can't be used any more, or never could.
    "account_closed account_not_found card_not_activated cardholder_blocked expired_card invalid_card_number",
    "lost_card pickup_card restricted_card stolen_card token_unusable token_used",
    # There is no money, or the card's own limit is reached.
    "amount_limit_exceeded frequency_limit_exceeded insufficient_funds",
    # What the shopper typed, or did not.
    "authentication_abandoned customer_canceled cvc_required incorrect_cvc incorrect_pin invalid_expiry",
    "pin_tries_exceeded",
    # What was forbidden before any PSP was asked, or by whom no account can help.
    "do_not_retry legal_block mandate_invalid payment_stopped recurring_revoked retry_limit_reached",
    # It speaks of another payment.
    "authorization_expired duplicate_transaction invalid_amount",
    # No PSP was asked.
    "connectors_unavailable",
    # Taken back, or found out by an operator, long after.
    "not_charged reversed_unknown",
)

_OUR_OWN: Final = "connectors_unavailable"
"""Payera's connectors could not be reached, which is the same for all accounts: breakers would only prolong it."""

_PSP_FAULT: Final = "connectors_error connectors_timeout psp_timeout psp_unavailable"

_OF_THE_ACCOUNT: Final = (
    # The acquirer's or the merchant's set-up there.
    "card_not_supported currency_not_supported invalid_request invalid_transaction merchant_configuration",
    "transaction_not_permitted",
    # Which issuers are reached, and how well.
    "issuer_not_found issuer_technical_error issuer_unavailable reenter_transaction",
    # Another acquirer, or the data that another PSP sends along, may be judged otherwise.
    "do_not_honor generic_decline issuer_suspected_fraud lifecycle_decline policy_decline refer_to_issuer",
    "security_violation unknown_decline verification_failed avs_mismatch",
    # The PSP's own risk rules, and how it does 3-D Secure.
    "authentication_failed authentication_required authentication_unavailable blocked_by_risk",
)

_TEACHES: Final = {
    code: taught
    for taught, groups in (
        (Taught.IGNORED, _ANY_ACCOUNT),
        (Taught.TECHNICAL, (_PSP_FAULT,)),
        (Taught.DECLINED, _OF_THE_ACCOUNT),
    )
    for group in groups
    for code in group.split()
}


def is_classified(code: str) -> bool:
    """Tell whether somebody has judged what a decline with this normalised code says of the account."""
    return code in _TEACHES


def taught_by(status: str, code: str) -> Taught | None:
    """Say what an attempt with this status and normalised code teaches; None while nothing came of it yet.

    A decline that nobody has judged is one of the account's, as it was an answer. What is unknown or was not sent is a
    technical error, but for an absence of Payera's own connectors.
    """
    if status == "APPROVED":
        return Taught.APPROVED
    if status == "DECLINED":
        return _TEACHES.get(code, Taught.DECLINED)
    if status in {"NOT_SENT", "UNKNOWN"}:
        return Taught.IGNORED if code == _OUR_OWN else Taught.TECHNICAL
    return None


def observation_of(
    event_type: str,
    *,
    merchant_id: str,
    payment_id: str,
    at: datetime,
    currency: str,
    account: str,
    ordinal: int,
    status: str,
    code: str,
    brand: str = "",
    funding: str = "",
    issuer_country: str = "",
    bin: str = "",  # noqa: A002 - the field's word
) -> Observation | None:
    """Give what an event teaches; None when it is about no attempt's outcome, or of a kind not known here.

    `event_type` is the name without its prefix. `account` is empty for an event about no attempt, such as the decline
    of a payment that was never sent. An attempt may teach twice: a technical error while its outcome is unknown, and
    what came of it once that is settled.
    """
    if event_type not in _OUTCOMES or not account:
        return None
    taught = taught_by(status, code)
    if taught is None:
        return None
    return Observation(
        merchant_id,
        account,
        payment_id,
        ordinal,
        taught,
        at,
        currency,
        brand="" if brand == _NOT_KNOWN else brand,
        funding="" if funding == _NOT_KNOWN else funding,
        issuer_country=issuer_country,
        bin=bin,
    )
