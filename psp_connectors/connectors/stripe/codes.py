"""Stripe's codes in Payera's words, as data.

Sources: Stripe docs, Decline codes, Error codes, Failed refunds; PaymentIntent.cancellation_reason and the list of
error codes in the official SDK.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.outcomes import Check


def _table(rows: tuple[tuple[DeclineCode, str], ...]) -> Mapping[str, DeclineCode]:
    def pairs() -> Iterator[tuple[str, DeclineCode]]:
        for code, names in rows:
            for name in names.split():
                yield name, code

    return MappingProxyType(dict(pairs()))


DECLINES: Final = _table(
    (
        (
            DeclineCode.AUTHENTICATION_REQUIRED,
            (
                "authentication_required offline_pin_required online_or_offline_pin_required "
                "mobile_device_authentication_required authentication_not_handled"
            ),
        ),
        (DeclineCode.REFER_TO_ISSUER, "approve_with_id call_issuer"),
        (DeclineCode.CARD_NOT_SUPPORTED, "card_not_supported"),
        (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "card_velocity_exceeded"),
        (DeclineCode.FREQUENCY_LIMIT_EXCEEDED, "withdrawal_count_limit_exceeded"),
        (DeclineCode.CURRENCY_NOT_SUPPORTED, "currency_not_supported"),
        (DeclineCode.DO_NOT_HONOR, "do_not_honor"),
        (
            DeclineCode.GENERIC_DECLINE,
            (
                "do_not_try_again generic_decline no_action_taken testmode_decline try_again_later "
                "previously_declined_do_not_retry new_account_information_available"
            ),
        ),
        (DeclineCode.DUPLICATE_TRANSACTION, "duplicate_transaction"),
        (DeclineCode.EXPIRED_CARD, "expired_card"),
        (DeclineCode.ISSUER_SUSPECTED_FRAUD, "fraudulent"),
        (DeclineCode.BLOCKED_BY_RISK, "merchant_blacklist highest_risk_level elevated_risk_level rule"),
        (DeclineCode.AVS_MISMATCH, "incorrect_address incorrect_zip incorrect_postal_code"),
        (DeclineCode.INCORRECT_CVC, "incorrect_cvc invalid_cvc"),
        (DeclineCode.INVALID_CARD_NUMBER, "incorrect_number invalid_number"),
        (DeclineCode.INVALID_EXPIRY, "invalid_expiry_month invalid_expiry_year"),
        (DeclineCode.INCORRECT_PIN, "incorrect_pin invalid_pin"),
        (DeclineCode.PIN_TRIES_EXCEEDED, "pin_try_exceeded"),
        (DeclineCode.INSUFFICIENT_FUNDS, "insufficient_funds"),
        (DeclineCode.ACCOUNT_NOT_FOUND, "invalid_account"),
        (DeclineCode.INVALID_AMOUNT, "invalid_amount"),
        (DeclineCode.ISSUER_UNAVAILABLE, "issuer_not_available"),
        (DeclineCode.LOST_CARD, "lost_card"),
        (DeclineCode.STOLEN_CARD, "stolen_card"),
        (DeclineCode.PICKUP_CARD, "pickup_card"),
        (DeclineCode.TRANSACTION_NOT_PERMITTED, "not_permitted service_not_allowed transaction_not_allowed"),
        (DeclineCode.ISSUER_TECHNICAL_ERROR, "processing_error"),
        (DeclineCode.REENTER_TRANSACTION, "reenter_transaction"),
        (DeclineCode.RESTRICTED_CARD, "restricted_card"),
        (DeclineCode.RECURRING_REVOKED, "revocation_of_all_authorizations revocation_of_authorization"),
        (DeclineCode.SECURITY_VIOLATION, "security_violation"),
        (DeclineCode.PAYMENT_STOPPED, "stop_payment_order"),
        # Instalment and partial plans that this connector never asks for.
        (DeclineCode.INVALID_TRANSACTION, "invalid_transaction"),
    )
)
"""Normalised code by `decline_code`."""

ERRORS: Final = _table(
    (
        (DeclineCode.ACCOUNT_CLOSED, "account_closed"),
        (DeclineCode.INVALID_AMOUNT, "amount_too_large amount_too_small invalid_charge_amount"),
        (
            DeclineCode.MERCHANT_CONFIGURATION,
            (
                "api_key_expired platform_api_key_expired secret_key_required livemode_mismatch "
                "testmode_charges_only tls_version_unsupported account_invalid account_country_invalid_address "
                "account_error_country_change_requires_additional_steps account_information_mismatch "
                "capability_not_active platform_account_required not_allowed_on_standard_account "
                "payment_method_unactivated application_fees_not_allowed transfers_not_allowed "
                "payment_method_configuration_failures authentication_failure request_blocked action_blocked "
                "approval_required"
            ),
        ),
        (DeclineCode.AUTHENTICATION_REQUIRED, "authentication_required payment_intent_action_required"),
        (
            DeclineCode.AUTHENTICATION_FAILED,
            "payment_intent_authentication_failure setup_intent_authentication_failure",
        ),
        (
            DeclineCode.AUTHENTICATION_ABANDONED,
            "payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired",
        ),
        (
            DeclineCode.AUTHENTICATION_UNAVAILABLE,
            "three_d_secure_authentication_not_supported three_d_secure_authentication_upstream_error",
        ),
        (DeclineCode.AUTHORIZATION_EXPIRED, "capture_charge_authorization_expired charge_expired_for_capture"),
        (
            DeclineCode.INVALID_TRANSACTION,
            (
                "capture_unauthorized_payment charge_already_captured charge_already_refunded charge_disputed "
                "charge_not_refundable refund_disputed_payment payment_intent_unexpected_state "
                "setup_intent_unexpected_state payment_method_unexpected_state intent_invalid_state "
                "status_transition_invalid return_intent_already_processed"
            ),
        ),
        (DeclineCode.AMOUNT_LIMIT_EXCEEDED, "charge_exceeds_source_limit charge_exceeds_transaction_limit"),
        (
            DeclineCode.FREQUENCY_LIMIT_EXCEEDED,
            "card_decline_rate_limit_exceeded payment_intent_rate_limit_exceeded",
        ),
        (DeclineCode.PSP_UNAVAILABLE, "rate_limit"),
        (
            DeclineCode.GENERIC_DECLINE,
            "card_declined payment_intent_payment_attempt_failed setup_attempt_failed payment_method_provider_decline",
        ),
        (DeclineCode.CUSTOMER_CANCELED, "payment_method_customer_decline"),
        (DeclineCode.EXPIRED_CARD, "expired_card expired_payment_method"),
        (DeclineCode.AVS_MISMATCH, "incorrect_address incorrect_zip incorrect_postal_code postal_code_invalid"),
        (DeclineCode.INCORRECT_CVC, "incorrect_cvc invalid_cvc"),
        (DeclineCode.INVALID_CARD_NUMBER, "incorrect_number invalid_number"),
        (DeclineCode.INVALID_EXPIRY, "invalid_expiry_month invalid_expiry_year"),
        (DeclineCode.INSUFFICIENT_FUNDS, "insufficient_funds balance_insufficient"),
        (DeclineCode.ISSUER_TECHNICAL_ERROR, "processing_error"),
        (DeclineCode.REFER_TO_ISSUER, "refer_to_customer"),
        (DeclineCode.PSP_TIMEOUT, "payment_method_provider_timeout"),
        (
            DeclineCode.CARD_NOT_SUPPORTED,
            (
                "invalid_card_type payment_method_not_available payment_method_unsupported_type "
                "payment_intent_incompatible_payment_method payment_method_restricted token_card_network_invalid"
            ),
        ),
        (DeclineCode.CURRENCY_NOT_SUPPORTED, "payment_method_currency_mismatch"),
        (
            DeclineCode.MANDATE_INVALID,
            "payment_intent_mandate_invalid setup_intent_mandate_invalid india_recurring_payment_mandate_canceled",
        ),
        (DeclineCode.RECURRING_REVOKED, "debit_not_authorized"),
        (
            DeclineCode.INVALID_REQUEST,
            (
                "charge_invalid_parameter country_code_invalid country_unsupported email_invalid "
                "invalid_characters invalid_source_usage missing parameter_invalid_empty parameter_invalid_integer "
                "parameter_invalid_string_blank parameter_invalid_string_empty parameter_missing parameter_unknown "
                "parameters_exclusive payment_intent_invalid_parameter "
                "payment_method_billing_details_address_missing payment_method_invalid_parameter "
                "payment_method_invalid_parameter_testmode resource_already_exists resource_missing "
                "setup_intent_invalid_parameter shipping_address_invalid state_unsupported token_already_used "
                "token_in_use url_invalid"
            ),
        ),
    )
)
"""Normalised code by `code` of an error."""

NEVER_OURS: Final = (
    "account_number_",
    "account_token_",
    "acss_",
    "alipay_",
    "anomalous_",
    "balance_invalid",
    "bank_account_",
    "billing_",
    "bitcoin_",
    "cardholder_",
    "clearing_",
    "coupon_",
    "customer_",
    "dispute_",
    "failed_tax",
    "financial_",
    "forwarding_",
    "instant_",
    "intent_verification",
    "invalid_canceled",
    "invalid_mandate_reference",
    "invalid_tax",
    "invoice_",
    "no_account",
    "out_of_",
    "ownership_",
    "payment_evaluation",
    "payment_intent_konbini",
    "payment_method_bank",
    "payment_method_microdeposit",
    "payout",
    "product_",
    "progressive_",
    "routing_",
    "sepa_",
    "service_",
    "setup_intent_mobile",
    "shipping_calc",
    "siret_",
    "sku_",
    "smart_",
    "storer_",
    "stripe_",
    "subscription_",
    "tax",
    "terminal_",
    "transfer_",
)
"""Beginnings of error codes of products that no request of ours touches: bank debits, invoices, terminals, payouts."""

CONFLICTS: Final = frozenset({"idempotency_key_in_use", "lock_timeout"})
"""Another request with the key, or on the object, is in progress."""

CANCELLATIONS: Final = MappingProxyType(
    {
        "abandoned": DeclineCode.CUSTOMER_CANCELED,
        "automatic": DeclineCode.AUTHORIZATION_EXPIRED,
        "duplicate": DeclineCode.DUPLICATE_TRANSACTION,
        "failed_invoice": DeclineCode.GENERIC_DECLINE,
        "fraudulent": DeclineCode.BLOCKED_BY_RISK,
        "requested_by_customer": DeclineCode.CUSTOMER_CANCELED,
        "void_invoice": DeclineCode.CUSTOMER_CANCELED,
    }
)
"""Normalised code by `cancellation_reason`."""

REFUND_FAILURES: Final = MappingProxyType(
    {
        "lost_or_stolen_card": DeclineCode.RESTRICTED_CARD,
        "expired_or_canceled_card": DeclineCode.ACCOUNT_CLOSED,
        "charge_for_pending_refund_disputed": DeclineCode.INVALID_TRANSACTION,
        "insufficient_funds": DeclineCode.INSUFFICIENT_FUNDS,
        "declined": DeclineCode.GENERIC_DECLINE,
        "merchant_request": DeclineCode.CUSTOMER_CANCELED,
        "unknown": DeclineCode.GENERIC_DECLINE,
    }
)
"""Normalised code by `failure_reason` of a refund."""

CHECKS: Final = MappingProxyType(
    {
        "pass": Check.MATCH,
        "fail": Check.NO_MATCH,
        "unavailable": Check.UNAVAILABLE,
        "unchecked": Check.NOT_CHECKED,
    }
)
"""The issuer's checks."""
