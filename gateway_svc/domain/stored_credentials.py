"""Who starts a payment with a stored card, and under which agreement: the networks' stored credential frameworks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Initiator(StrEnum):
    """Who starts a payment: the shopper, who is there (CIT), or the merchant by an agreement (MIT)."""

    CUSTOMER = "CUSTOMER"
    MERCHANT = "MERCHANT"


class CredentialReason(StrEnum):
    """Why a stored card is charged; the last five are the networks' industry practices."""

    CARD_ON_FILE = "CARD_ON_FILE"
    RECURRING = "RECURRING"
    INSTALLMENT = "INSTALLMENT"
    UNSCHEDULED = "UNSCHEDULED"
    RESUBMISSION = "RESUBMISSION"
    DELAYED_CHARGE = "DELAYED_CHARGE"
    NO_SHOW = "NO_SHOW"
    REAUTHORIZATION = "REAUTHORIZATION"
    PARTIAL_SHIPMENT = "PARTIAL_SHIPMENT"


class CredentialUse(StrEnum):
    """Whether a payment stores the card, or uses one that an earlier payment has stored."""

    FIRST = "FIRST"
    SUBSEQUENT = "SUBSEQUENT"


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """The agreement a payment belongs to; ``initiator`` and ``reason`` are None when a request left them out.

    ``network_transaction_id`` is that of the payment that set the agreement up, ``network_transaction_date`` its
    settlement date (MMDD); both may be empty. ``use`` is decided by the record when the payment begins.
    """

    initiator: Initiator | None
    reason: CredentialReason | None
    network_transaction_id: str = ""
    network_transaction_date: str = ""
    use: CredentialUse = CredentialUse.FIRST


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a request breaks: ``field`` is a path in its body, ``rule`` tells what must be, and what to do."""

    field: str
    rule: str


_OF_THE_SHOPPER: Final = frozenset(
    {
        CredentialReason.CARD_ON_FILE,
        CredentialReason.RECURRING,
        CredentialReason.INSTALLMENT,
        CredentialReason.UNSCHEDULED,
    }
)
_OF_THE_MERCHANT: Final = frozenset(CredentialReason) - {CredentialReason.CARD_ON_FILE}
_FIELD: Final = "stored_credential"
_VISA_ID: Final = re.compile(r"(?!3[47])[0-9]{15}\Z")


def faults_of_credential(credential: StoredCredential) -> Iterator[Fault]:
    """Give what is wrong with an agreement as requested, field by field."""
    if credential.initiator is None:
        yield Fault(f"{_FIELD}.initiator", "must say who starts the payment: CUSTOMER or MERCHANT")
    if credential.reason is None:
        yield Fault(f"{_FIELD}.reason", f"must say why the card is charged: {_listed(frozenset(CredentialReason))}")
    elif credential.initiator is Initiator.CUSTOMER and credential.reason not in _OF_THE_SHOPPER:
        yield Fault(
            f"{_FIELD}.reason",
            f"{credential.reason} is for payments that the merchant starts; with initiator CUSTOMER it must be one of"
            f" {_listed(_OF_THE_SHOPPER)}",
        )
    elif credential.initiator is Initiator.MERCHANT and credential.reason not in _OF_THE_MERCHANT:
        yield Fault(
            f"{_FIELD}.reason",
            f"{credential.reason} is for shoppers who pay with a card on file; with initiator MERCHANT it must be one"
            f" of {_listed(_OF_THE_MERCHANT)}",
        )
    if credential.network_transaction_date and not credential.network_transaction_id:
        yield Fault(
            f"{_FIELD}.network_transaction_date", "belongs to `network_transaction_id`; send both or leave both out"
        )


def initiator_of(credential: StoredCredential | None) -> Initiator:
    """Give who starts a payment; without an agreement the shopper does."""
    return (credential.initiator if credential is not None else None) or Initiator.CUSTOMER


def is_id_of_visa(network_transaction_id: str) -> bool:
    """Tell whether an id is of Visa's kind: 15 digits, whose check digit may be right by chance.

    Only American Express' card numbers have as many, and those begin otherwise.
    """
    return _VISA_ID.match(network_transaction_id) is not None


def _listed(reasons: frozenset[CredentialReason]) -> str:
    return ", ".join(reason for reason in CredentialReason if reason in reasons)
