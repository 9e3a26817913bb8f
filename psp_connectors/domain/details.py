"""What may accompany a card operation: who pays, under which agreement, how they were authenticated. All optional.

Field names are those of the networks and of EMV 3-D Secure; each connector says in its capabilities which of them its
PSP takes, and puts none of them where the PSP has no place for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from psp_connectors.domain.cards import NO_ADDRESS, Address, Redacted


class Initiator(StrEnum):
    """Who starts a charge on a stored credential (Visa and Mastercard stored credential frameworks)."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class CredentialUse(StrEnum):
    """Whether a credential is about to be stored, or was stored before."""

    FIRST = "first"
    SUBSEQUENT = "subsequent"


class CredentialReason(StrEnum):
    """Why a stored credential is charged; the last five are the networks' industry practices."""

    CARD_ON_FILE = "card_on_file"
    RECURRING = "recurring"
    INSTALLMENT = "installment"
    UNSCHEDULED = "unscheduled"
    RESUBMISSION = "resubmission"
    DELAYED_CHARGE = "delayed_charge"
    NO_SHOW = "no_show"
    REAUTHORIZATION = "reauthorization"
    PARTIAL_SHIPMENT = "partial_shipment"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """The agreement a charge belongs to.

    `network_transaction_id` is that of the customer-initiated set-up, which a merchant-initiated charge must name;
    `network_transaction_date` (MMDD) belongs to a Mastercard's.
    """

    initiator: Initiator
    use: CredentialUse
    reason: CredentialReason
    network_transaction_id: str = ""
    network_transaction_date: str = ""


class Cryptogram(Redacted):
    """A cardholder authentication value (CAVV, AAV), base64 as the directory server gave it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeDsResult:
    """An authentication done elsewhere: what EMV 3-D Secure 2 calls ARes and RReq.

    `trans_status` is that of the ARes (Y, A, C, N, U, R, I), `challenge_status` that of the RReq after a challenge,
    else empty. `eci` has two digits.
    """

    version: str
    eci: str
    cryptogram: Cryptogram
    ds_transaction_id: str
    trans_status: str
    challenge_status: str = ""


class Exemption(StrEnum):
    """An exemption from strong customer authentication that the merchant asks for (RTS 2018/389, articles 13 to 18)."""

    LOW_VALUE = "low_value"
    TRANSACTION_RISK = "transaction_risk"
    TRUSTED_BENEFICIARY = "trusted_beneficiary"
    SECURE_CORPORATE = "secure_corporate"


class ThreeDsPreference(StrEnum):
    """What the PSP's own 3-D Secure is to do."""

    AUTOMATIC = "automatic"
    CHALLENGE = "challenge"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The shopper as far as known; `id` is the merchant's own. Its repr shows the id alone."""

    id: str = ""
    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    ip_address: str = field(default="", repr=False)
    address: Address = field(default=NO_ADDRESS, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level2:
    """Level 2 data of a purchasing card; `tax_amount` in minor units of the payment's currency."""

    customer_reference: str = ""
    tax_amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDetails:
    """Everything that may accompany an authorization or verification. `return_url` is where the shopper comes back to.

    `merchant_reference` is the merchant's own name for the payment, for reports at the PSP; never used to find it.
    """

    merchant_reference: str = ""
    description: str = ""
    return_url: str = ""
    customer: Customer = Customer()
    stored_credential: StoredCredential | None = None
    three_ds: ThreeDsResult | None = None
    three_ds_preference: ThreeDsPreference = ThreeDsPreference.AUTOMATIC
    exemption: Exemption | None = None
    level2: Level2 | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


NO_DETAILS = PaymentDetails()
"""A card operation that nothing accompanies."""
