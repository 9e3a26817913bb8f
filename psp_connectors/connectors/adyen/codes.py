"""What Adyen's codes mean in Payera's words, as data.

Sources: docs.adyen.com, Refusal reasons (refusalReasonCode and refusalReason), Result codes, Error codes and messages,
AVS and CVC result codes (Testing card CVC result codes; risk rules on billing addresses).
"""

import re
from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.outcomes import Check

_REFUSALS: Final = (
    ("0", "Unknown", DeclineCode.UNKNOWN_DECLINE),
    ("2", "Refused", DeclineCode.GENERIC_DECLINE),
    ("3", "Referral", DeclineCode.REFER_TO_ISSUER),
    ("4", "Acquirer Error", DeclineCode.PSP_UNAVAILABLE),
    ("5", "Blocked Card", DeclineCode.RESTRICTED_CARD),
    ("6", "Expired Card", DeclineCode.EXPIRED_CARD),
    ("7", "Invalid Amount", DeclineCode.INVALID_AMOUNT),
    ("8", "Invalid Card Number", DeclineCode.INVALID_CARD_NUMBER),
    ("9", "Issuer Unavailable", DeclineCode.ISSUER_UNAVAILABLE),
    ("10", "Not supported", DeclineCode.TRANSACTION_NOT_PERMITTED),
    ("11", "3D Not Authenticated", DeclineCode.AUTHENTICATION_FAILED),
    ("12", "Not enough balance", DeclineCode.INSUFFICIENT_FUNDS),
    ("14", "Acquirer Fraud", DeclineCode.BLOCKED_BY_RISK),
    ("15", "Cancelled", DeclineCode.CUSTOMER_CANCELED),
    ("16", "Shopper Cancelled", DeclineCode.CUSTOMER_CANCELED),
    ("17", "Invalid Pin", DeclineCode.INCORRECT_PIN),
    ("18", "Pin tries exceeded", DeclineCode.PIN_TRIES_EXCEEDED),
    ("19", "Pin validation not possible", DeclineCode.VERIFICATION_FAILED),
    ("20", "FRAUD", DeclineCode.BLOCKED_BY_RISK),
    ("21", "Not Submitted", DeclineCode.INVALID_TRANSACTION),
    ("22", "FRAUD-CANCELLED", DeclineCode.BLOCKED_BY_RISK),
    ("23", "Transaction Not Permitted", DeclineCode.TRANSACTION_NOT_PERMITTED),
    ("24", "CVC Declined", DeclineCode.INCORRECT_CVC),
    ("25", "Restricted Card", DeclineCode.RESTRICTED_CARD),
    ("26", "Revocation Of Auth", DeclineCode.RECURRING_REVOKED),
    ("27", "Declined Non Generic", DeclineCode.GENERIC_DECLINE),
    ("28", "Withdrawal amount exceeded", DeclineCode.AMOUNT_LIMIT_EXCEEDED),
    ("29", "Withdrawal count exceeded", DeclineCode.FREQUENCY_LIMIT_EXCEEDED),
    ("31", "Issuer Suspected Fraud", DeclineCode.ISSUER_SUSPECTED_FRAUD),
    ("32", "AVS Declined", DeclineCode.AVS_MISMATCH),
    ("33", "Card requires online pin", DeclineCode.AUTHENTICATION_REQUIRED),
    ("34", "No checking account available on Card", DeclineCode.ACCOUNT_NOT_FOUND),
    ("35", "No savings account available on Card", DeclineCode.ACCOUNT_NOT_FOUND),
    ("36", "Mobile pin required", DeclineCode.AUTHENTICATION_REQUIRED),
    ("37", "Contactless fallback", DeclineCode.REENTER_TRANSACTION),
    ("38", "Authentication required", DeclineCode.AUTHENTICATION_REQUIRED),
    ("39", "RReq not received from DS", DeclineCode.AUTHENTICATION_UNAVAILABLE),
    ("40", "Current AID is in Penalty Box.", DeclineCode.CARD_NOT_SUPPORTED),
    ("41", "CVM Required Restart Payment", DeclineCode.REENTER_TRANSACTION),
    ("42", "3DS Authentication Error", DeclineCode.AUTHENTICATION_FAILED),
    ("43", "Online PIN required", DeclineCode.AUTHENTICATION_REQUIRED),
    ("44", "Try another interface", DeclineCode.REENTER_TRANSACTION),
    ("45", "Chip downgrade mode", DeclineCode.REENTER_TRANSACTION),
    (
        "46",
        "Transaction blocked by Adyen to prevent excessive retry fees",
        DeclineCode.FREQUENCY_LIMIT_EXCEEDED,
    ),
)

REFUSAL_CODES: Final = MappingProxyType({code: decline for code, _, decline in _REFUSALS})
"""Normalised code by refusalReasonCode."""

_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")


def spelled(reason: str) -> str:
    """Give a reason in the one spelling our tables use; Adyen writes `ExpiredCard` and `Expired Card`."""
    return _NOT_A_LETTER.sub("", reason.lower())


REFUSAL_REASONS: Final = MappingProxyType({spelled(reason): decline for _, reason, decline in _REFUSALS})
"""Normalised code by refusalReason, spelled by `spelled`; webhooks carry the reason without its code."""

MODIFICATION_REASONS: Final = MappingProxyType(
    {
        spelled(reason): decline
        for decline, reasons in (
            (
                DeclineCode.INVALID_TRANSACTION,
                (
                    "Transaction hasn't been captured, refund not possible",
                    "Capture Failed",
                    "Refund Failed",
                ),
            ),
            (
                DeclineCode.INVALID_AMOUNT,
                (
                    "Insufficient balance on payment",
                    "Insufficient balance on payment (cumulative partial modifications exceed original amount)",
                ),
            ),
        )
        for reason in reasons
    }
)
"""Normalised code by the reason of a capture, cancellation or refund that failed, spelled by `spelled`."""

ERRORS: Final = MappingProxyType(
    {
        number: decline
        for decline, numbers in (
            (DeclineCode.MERCHANT_CONFIGURATION, "010 107 901 905 905_1 905_2 905_3 905_4 950 951"),
            (DeclineCode.INVALID_AMOUNT, "100 137 916"),
            (DeclineCode.CURRENCY_NOT_SUPPORTED, "138"),
            (DeclineCode.INVALID_CARD_NUMBER, "101"),
            (DeclineCode.CARD_NOT_SUPPORTED, "102 109"),
            (DeclineCode.INCORRECT_CVC, "103"),
            (DeclineCode.INVALID_EXPIRY, "129 140 141"),
            (DeclineCode.AUTHENTICATION_FAILED, "105"),
            (DeclineCode.TOKEN_UNUSABLE, "125 800 802 803"),
            (DeclineCode.INVALID_REQUEST, "000 14_030 104 108 110 111 117 128 130 131 132 133 134 135 136 139"),
            (DeclineCode.INVALID_REQUEST, "167 170 171 172 174 175 177 180 182 702 902 906 907 908"),
        )
        for number in numbers.split()
    }
)
"""Normalised code by the errorCode of a request that was refused before anything was made of it."""

IN_PROGRESS: Final = "704"
"""The errorCode for a key whose first request is still being processed (API idempotency)."""

REFUSED_STATUSES: Final = frozenset({400, 401, 403, 422})
"""HTTP statuses of requests that were refused for what they are (Response handling)."""

CREDENTIAL_STATUSES: Final = frozenset({401, 403})

CLEAR_ERROR_TYPES: Final = frozenset({"validation", "security", "configuration"})
"""The errorType of such a refusal; `internal` and any other say nothing of what was done."""

_CHECKS: Final = MappingProxyType(
    {"Y": Check.MATCH, "N": Check.NO_MATCH, "U": Check.UNAVAILABLE, "-": Check.NOT_CHECKED}
)
# Street and postal code, then the numbers of avsResult that say so.
_AVS: Final = (
    ("UU", "0 3 4"),
    ("YN", "1"),
    ("NN", "2 26"),
    ("--", "5 18 22"),
    ("NY", "6"),
    ("YY", "7 20 24"),
    ("-U", "8"),
    ("YU", "9"),
    ("NU", "10"),
    ("U-", "11"),
    ("Y-", "12 21 25"),
    ("N-", "13"),
    ("UY", "14"),
    ("-Y", "15 19 23"),
    ("UN", "16"),
    ("-N", "17"),
)
AVS_RESULTS: Final = MappingProxyType(
    {number: (_CHECKS[pair[0]], _CHECKS[pair[1]]) for pair, numbers in _AVS for number in numbers.split()}
)
"""Checks of street and postal code by the number that begins avsResult."""

CVC_RESULTS: Final = MappingProxyType(
    {
        "0": Check.UNAVAILABLE,
        "1": Check.MATCH,
        "2": Check.NO_MATCH,
        "3": Check.NOT_CHECKED,
        "4": Check.NOT_CHECKED,
        "5": Check.UNAVAILABLE,
        "6": Check.NOT_CHECKED,
    }
)
"""Check of the card code by the number that begins cvcResult."""
