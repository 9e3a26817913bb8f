"""What each normalised code means, in one sentence for engineers. Data; nothing here is meant for shoppers."""

from types import MappingProxyType
from typing import Final

UNNAMED_CODE: Final = "The payment was not accepted, for a reason that has no description here; see raw_code."

DECLINE_MESSAGES: Final = MappingProxyType(
    {
        # Funds and limits.
        "insufficient_funds": "The account does not have enough funds or credit for this amount.",
        "amount_limit_exceeded": "The amount is above what the issuer allows for this card.",
        "frequency_limit_exceeded": "The card was used more often than its issuer allows.",
        # The issuer said no without saying why.
        "do_not_honor": "The issuer refused without giving a reason.",
        "generic_decline": "The issuer or the PSP refused without giving a reason.",
        "refer_to_issuer": "The issuer wants to be called by the cardholder before it approves.",
        "policy_decline": "The issuer's own policy does not allow this payment.",
        "lifecycle_decline": "The card's data changed or the card was replaced.",
        "unknown_decline": "The payment was refused with a code that Payera does not know; see raw_code.",
        # The card can't be used any more.
        "lost_card": "The card was reported lost; show the shopper a general refusal only.",
        "stolen_card": "The card was reported stolen; show the shopper a general refusal only.",
        "pickup_card": "The issuer wants the card withdrawn; show the shopper a general refusal only.",
        "account_closed": "The account behind the card is closed.",
        "account_not_found": "The card has no account of the kind that was asked for.",
        "invalid_card_number": "The issuer has no card with this number.",
        "issuer_not_found": "No issuer was found for this card number.",
        "restricted_card": "The issuer does not allow this card here or for this kind of payment.",
        # The cardholder withdrew the consent.
        "payment_stopped": "The cardholder told the issuer to stop this payment.",
        "recurring_revoked": "The cardholder told the issuer to stop charges of this merchant.",
        "cardholder_blocked": "The cardholder has blocked payments like this one.",
        "mandate_invalid": "The mandate for charging this account is missing or no longer valid.",
        # Something the shopper entered or must do.
        "expired_card": "The card has expired.",
        "invalid_expiry": "The expiry date is not the card's.",
        "incorrect_cvc": "The card verification code is wrong.",
        "cvc_required": "The PSP or the merchant's own setting needs the card verification code, and none was there.",
        "avs_mismatch": "The billing address is not the one the issuer knows.",
        "verification_failed": "The issuer could not verify the cardholder.",
        "incorrect_pin": "The PIN is wrong or could not be checked.",
        "pin_tries_exceeded": "The PIN was entered wrongly too often.",
        "card_not_activated": "The card was not activated by its holder yet.",
        "invalid_amount": "The PSP or the issuer does not accept this amount.",
        "currency_not_supported": "The PSP account or the card does not take this currency.",
        "card_not_supported": "The PSP account does not take this kind of card.",
        # Fraud and risk.
        "issuer_suspected_fraud": "The issuer suspects fraud; show the shopper a general refusal only.",
        "security_violation": "The issuer found the card data or the transaction not secure.",
        "blocked_by_risk": "The PSP's risk rules blocked the payment.",
        # The networks' rules about retries; no PSP was asked.
        "retry_limit_reached": "The card was tried as often as its network allows for now; no PSP was asked.",
        "do_not_retry": "The card's network forbids to try this card again; no PSP was asked.",
        # Authentication of the cardholder.
        "authentication_required": "The issuer wants the cardholder to be authenticated first.",
        "authentication_failed": "The cardholder could not be authenticated.",
        "authentication_abandoned": "The cardholder left the authentication before it ended.",
        "authentication_unavailable": "The issuer's authentication could not be reached.",
        # Permissions and setup.
        "transaction_not_permitted": "The issuer does not allow this card to make such payments.",
        "merchant_configuration": "The PSP account is not set up for this payment; an operator must look at it.",
        "legal_block": "The payment is blocked for legal reasons.",
        # Technical, and nothing was charged.
        "issuer_unavailable": "The issuer could not be reached, and nothing was charged.",
        "issuer_technical_error": "The issuer or the network had a technical fault, and nothing was charged.",
        "psp_unavailable": "The PSP could not be reached or did not take the request, and nothing was charged.",
        "psp_timeout": "The PSP did not answer in time; the outcome is being settled.",
        "connectors_unavailable": "The service that talks to PSPs could not be reached, and nothing was charged.",
        "connectors_timeout": "The service that talks to PSPs did not answer in time; the outcome is being settled.",
        "connectors_error": "The call to the service that talks to PSPs broke off; the outcome is being settled.",
        # The state of the request.
        "invalid_request": "The PSP did not understand the request; an operator must look at it.",
        "invalid_transaction": "The operation is not allowed for this card or in this state of the payment.",
        "reversed_unknown": "Nobody could tell whether it was charged, so the PSP took it back; nothing is charged.",
        "not_charged": "An operator found out at the PSP that nothing was charged.",
        "duplicate_transaction": "The PSP took the payment for a repetition of an earlier one.",
        "authorization_expired": "The authorization has expired and can no longer be captured.",
        "customer_canceled": "The shopper cancelled the payment.",
        "reenter_transaction": "The network asks for the payment to be sent again.",
        "token_unusable": "The token stands for no card that can be charged any more.",
        "token_used": "The token was used for another payment already.",
    }
)
"""One sentence per code of Payera's vocabulary."""


def decline_message(code: str) -> str:
    """Give the sentence for a normalised code; a code without one gets a sentence that points to the raw code."""
    return DECLINE_MESSAGES.get(code, UNNAMED_CODE)
