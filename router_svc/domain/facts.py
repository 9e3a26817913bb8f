"""What is known of a payment when it is routed, and of the accounts that it could go to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Initiator(StrEnum):
    """Who starts a payment: the customer (CIT), or the merchant with a stored credential (MIT)."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class ThreeDs(StrEnum):
    """What is known of 3-D Secure before the payment is sent."""

    NONE = "none"
    FRICTIONLESS = "frictionless"
    CHALLENGE = "challenge"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A payment as rules and learning see it.

    `amount` is in minor units of `currency` (ISO 4217). `brand` and `funding` are the vault's words, lower case, empty
    when not known; `bin` has six to eight digits or is empty; `issuer_country` is ISO 3166-1 alpha-2 or empty. `at` is
    in UTC and the only time there is: ranking asks no clock.
    """

    merchant_id: str
    payment_id: str
    amount: int
    currency: str
    at: datetime
    method: str = "card"
    brand: str = ""
    bin: str = ""
    funding: str = ""
    issuer_country: str = ""
    initiator: Initiator = Initiator.CUSTOMER
    three_ds: ThreeDs = ThreeDs.NONE
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What an account costs for an approved payment: parts of a million of the amount, and minor units by currency.

    `fixed` is the fee for each payment and `scheme_ppm` the networks' share by brand. `cross_border_ppm` comes on top
    when the issuer's country is not `country`. A currency without a fixed fee has none.
    """

    percentage_ppm: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
    scheme_ppm: Mapping[str, int] = field(default_factory=dict)
    cross_border_ppm: int = 0
    country: str = ""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a merchant's PSP account takes: its connector's capabilities narrowed by the account's own settings.

    Empty sets mean all. `limits` has the smallest and largest amount of an authorization in minor units by currency.
    """

    account: str
    connector: str
    methods: frozenset[str] = frozenset({"card"})
    brands: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    issuer_countries: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    fees: FeeSchedule = FeeSchedule()
    disabled: bool = False
