"""Checkout.com's codes in Payera's words, as data.

Sources: "API response codes" (five characters, of which the last two are a network's response code in the 200xx range),
"Error codes" of the /payments endpoint, "AVS codes" and "CVV response codes".
"""

from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.issuer_checks import AVS_CHECKS
from psp_connectors.domain.network_codes import decline_of
from psp_connectors.domain.outcomes import Check

APPROVED: Final = "10000"
APPROVED_RANGE: Final = "10"
PARTIAL_APPROVAL: Final = "10010"

LATE_RESPONSE: Final = "20068"
"""The issuer did not answer in time: whether it holds money is not known until the reversal is through."""

IN_PROGRESS: Final = frozenset({"20009", "20118"})
"""The request is still being worked on."""

_NETWORK_RANGE: Final = "200"
_NETWORK_LENGTH: Final = 5

_DECLINES: Final = (
    (DeclineCode.REFER_TO_ISSUER, "20001 20002 20060 20066 30035 30037"),
    (DeclineCode.MERCHANT_CONFIGURATION, "20003 20058 20102 20112 20117 20122 20157"),
    (DeclineCode.PICKUP_CARD, "20004 20067 30004 30007"),
    (DeclineCode.DO_NOT_HONOR, "20005"),
    (DeclineCode.GENERIC_DECLINE, "20046 20097 20099 20108 20197 20170"),
    (DeclineCode.INVALID_REQUEST, "20006 20030 20107 20113 20115 20116 20119 20120 20123 20193 20158 200T2"),
    (DeclineCode.INVALID_TRANSACTION, "20012 20018 20020 20021 20033 20104 20105 20109 20110 20111"),
    (DeclineCode.INVALID_AMOUNT, "20013 20042 30020"),
    (DeclineCode.INVALID_CARD_NUMBER, "20014 20087"),
    (DeclineCode.ISSUER_NOT_FOUND, "30015 20031"),
    (
        DeclineCode.TRANSACTION_NOT_PERMITTED,
        ("20010 20015 20023 20032 20040 20045 20057 20081 20103 20156 2005C 200T3 30016 30017 30018 30019 30045 20024"),
    ),
    (DeclineCode.CUSTOMER_CANCELED, "20017"),
    (DeclineCode.REENTER_TRANSACTION, "20019"),
    (
        DeclineCode.ISSUER_TECHNICAL_ERROR,
        "20022 20025 20026 20027 20028 20029 20084 20085 20086 20088 20089 20090 20095 20096 20098 200S4 200T5",
    ),
    (DeclineCode.PIN_TRIES_EXCEEDED, "20038 20075 30038"),
    (DeclineCode.ACCOUNT_NOT_FOUND, "20039 20044 20052 20053 20056 20083"),
    (DeclineCode.ACCOUNT_CLOSED, "30046"),
    (DeclineCode.INSUFFICIENT_FUNDS, "20051"),
    (DeclineCode.EXPIRED_CARD, "20054 30033"),
    (DeclineCode.INCORRECT_PIN, "20055 200O5"),
    (DeclineCode.ISSUER_SUSPECTED_FRAUD, "20059 20183 30034"),
    (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "20061 20121 200P1 200P9 30021"),
    (DeclineCode.RESTRICTED_CARD, "20062 30036"),
    (DeclineCode.SECURITY_VIOLATION, "20063"),
    (DeclineCode.LEGAL_BLOCK, "20064 20093 30044"),
    (DeclineCode.FREQUENCY_LIMIT_EXCEEDED, "20065 30022"),
    (DeclineCode.CARD_NOT_ACTIVATED, "20016 20072 20078"),
    (DeclineCode.INCORRECT_CVC, "20082 200N7"),
    (DeclineCode.ISSUER_UNAVAILABLE, "20091 20092 200N0"),
    (DeclineCode.DUPLICATE_TRANSACTION, "20094"),
    (DeclineCode.VERIFICATION_FAILED, "2006P"),
    (DeclineCode.CARDHOLDER_BLOCKED, "2009G"),
    (DeclineCode.PAYMENT_STOPPED, "200R0"),
    (DeclineCode.RECURRING_REVOKED, "200R1 200R3"),
    (DeclineCode.INVALID_EXPIRY, "20100"),
    (DeclineCode.TOKEN_UNUSABLE, "20101 20114"),
    (DeclineCode.CURRENCY_NOT_SUPPORTED, "20106"),
    (DeclineCode.CVC_REQUIRED, "20124"),
    (DeclineCode.AUTHENTICATION_UNAVAILABLE, "20150 20153 20155 20159"),
    (DeclineCode.AUTHENTICATION_FAILED, "20151"),
    (DeclineCode.AUTHENTICATION_ABANDONED, "20152"),
    (DeclineCode.AUTHENTICATION_REQUIRED, "20154 2001A 20070 44301"),
    (DeclineCode.LIFECYCLE_DECLINE, "20179"),
    (DeclineCode.POLICY_DECLINE, "20182"),
    (DeclineCode.LOST_CARD, "30041"),
    (DeclineCode.STOLEN_CARD, "30043"),
    (
        DeclineCode.BLOCKED_BY_RISK,
        (
            "40101 40201 40202 40203 40204 40205 41101 41201 41202 41203 41204 41205 41206 41301 42101 42201 42202 "
            "42203 42204 42206 42301 43101 43102 43201 43202 43203 43204 43205 43206 43301"
        ),
    ),
)

DECLINES: Final = MappingProxyType({raw: code for code, raws in _DECLINES for raw in raws.split()})
"""Normalised code by response code. 50xxx are answers to payouts, which are not made here."""

_REFUSALS: Final = (
    (
        DeclineCode.MERCHANT_CONFIGURATION,
        (
            "3ds_not_configured 3ds_not_supported business_invalid business_settings_missing channel_details_invalid "
            "channel_url_missing no_authorization_enabled_processors_available processing_channel_id_invalid "
            "processing_channel_id_required server_api_not_allowed aft_processor_not_matched "
            "billing_descriptor_city_invalid billing_descriptor_city_required billing_descriptor_name_invalid "
            "billing_descriptor_name_required"
        ),
    ),
    (DeclineCode.PSP_UNAVAILABLE, "api_calls_quota_exceeded too_many_requests"),
    (DeclineCode.ISSUER_UNAVAILABLE, "issuer_network_unavailable"),
    (DeclineCode.AUTHENTICATION_UNAVAILABLE, "3ds_malfunction 3ds_not_enabled_for_card"),
    (DeclineCode.AUTHENTICATION_REQUIRED, "3ds_payment_required"),
    (
        DeclineCode.INVALID_AMOUNT,
        (
            "amount_invalid amount_exceeds_balance capture_value_greater_than_authorized "
            "capture_value_greater_than_remaining_authorized refund_amount_exceeds_balance void_amount_invalid"
        ),
    ),
    (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "amount_limit_exceeded velocity_amount_limit_exceeded"),
    (DeclineCode.FREQUENCY_LIMIT_EXCEEDED, "velocity_count_limit_exceeded action_failure_limit_exceeded"),
    (DeclineCode.CURRENCY_NOT_SUPPORTED, "currency_invalid currency_required"),
    (DeclineCode.EXPIRED_CARD, "card_expired"),
    (
        DeclineCode.INVALID_EXPIRY,
        (
            "card_expiry_month_invalid card_expiry_month_required card_expiry_year_invalid card_expiry_year_required "
            "expiry_date_format_invalid"
        ),
    ),
    (DeclineCode.INVALID_CARD_NUMBER, "card_number_invalid card_number_required"),
    (DeclineCode.ACCOUNT_NOT_FOUND, "card_not_found"),
    (DeclineCode.RESTRICTED_CARD, "card_disabled"),
    (DeclineCode.INCORRECT_CVC, "cvv_invalid"),
    (DeclineCode.CARD_NOT_SUPPORTED, "payment_method_not_supported"),
    (DeclineCode.GENERIC_DECLINE, "card_authorization_failed refund_authorization_declined"),
    (DeclineCode.AUTHORIZATION_EXPIRED, "payment_expired"),
    (
        DeclineCode.INVALID_REQUEST,
        (
            "3ds_version_invalid 3ds_version_not_supported address_invalid card_holder_invalid charge_details_invalid "
            "city_invalid country_address_invalid country_invalid country_phone_code_invalid "
            "country_phone_code_length_invalid customer_email_invalid customer_id_invalid customer_not_found "
            "customer_number_invalid email_invalid email_required endpoint_invalid fail_url_invalid "
            "ip_address_invalid metadata_key_invalid parameter_invalid payment_invalid payment_source_required "
            "payment_type_invalid phone_number_invalid phone_number_length_invalid previous_payment_id_invalid "
            "processing_key_required processing_value_required request_invalid request_json_invalid "
            "risk_enabled_required source_invalid source_type_required success_url_invalid success_url_required "
            "zip_invalid"
        ),
    ),
)

REFUSALS: Final = MappingProxyType({raw: code for code, raws in _REFUSALS for raw in raws.split()})
"""Normalised code by the error code of a request that was refused before anything was processed."""

DUPLICATES: Final = frozenset({"duplicate_requests_detected", "duplicate_request", "conflict"})
"""Error types and codes with which a request is refused because another one with its key is under way."""

AVS: Final = MappingProxyType(
    dict(AVS_CHECKS)
    | {
        "C": (Check.NOT_CHECKED, Check.NOT_CHECKED),
        "AE1": (Check.NO_MATCH, Check.MATCH),
        "AE2": (Check.MATCH, Check.MATCH),
        "AE3": (Check.MATCH, Check.NO_MATCH),
        "AE4": (Check.NO_MATCH, Check.NO_MATCH),
        "AE5": (Check.NO_MATCH, Check.MATCH),
        "AE6": (Check.MATCH, Check.MATCH),
        "AE7": (Check.MATCH, Check.NO_MATCH),
        "AE8": (Check.NO_MATCH, Check.NO_MATCH),
    }
)
"""Checks of street and postal code; AE1 to AE8 are American Express's, which look at the name as well."""

CVV: Final = MappingProxyType(
    {
        "Y": Check.MATCH,
        "M": Check.MATCH,
        "D": Check.NO_MATCH,
        "N": Check.NOT_CHECKED,
        "P": Check.NOT_CHECKED,
        "U": Check.UNAVAILABLE,
        "X": Check.UNAVAILABLE,
    }
)
"""Check of the card code. N is no mismatch here: no code came where there should be one."""

_SPECIAL_SCHEMES: Final = MappingProxyType(
    {
        "american express": "amex",
        "diners club": "diners",
        "diners club international": "diners",
        "china union pay": "unionpay",
        "union pay": "unionpay",
    }
)


def brand_of(scheme: str) -> str:
    """Give the brand by our name for it."""
    lowered = scheme.strip().lower()
    return _SPECIAL_SCHEMES.get(lowered, lowered.replace(" ", "_"))


def network_code_of(response_code: str) -> str:
    """Give the network's response code inside a response code, empty when there is none."""
    is_one = len(response_code) == _NETWORK_LENGTH and response_code.startswith(_NETWORK_RANGE)
    return response_code.removeprefix(_NETWORK_RANGE) if is_one else ""


def meaning_of(response_code: str, network_code: str, brand: str) -> DeclineCode | None:
    """Say why something was declined; None for a code that neither Checkout.com's list nor the networks' have.

    The network's own code decides where a brand uses it in a sense of its own, else Checkout.com's.
    """
    by_brand = decline_of(network_code, brand)
    if by_brand is not None and by_brand is not decline_of(network_code):
        return by_brand
    known = DECLINES.get(response_code)
    return known if known is not None else by_brand
