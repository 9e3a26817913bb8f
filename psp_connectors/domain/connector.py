"""The contract of a connector: pure functions, its capabilities as data, and the account it speaks for.

A connector never does I/O and holds no state. `build` says what to send, `parse` says what an answer means; the
shared runtime sends, keeps deadlines, classifies what left the machine, and guards the money rules that hold for
every PSP (`domain.guard`). A PSP that answers "accepted, will say later" is parsed as PENDING, one that sends the
shopper away as ACTION_REQUIRED. Bodies are bytes, so that JSON, forms and XML are alike; several hosts of one PSP
are several URLs in `build`; credentials and settings come with the account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from psp_connectors.domain.capabilities import Capabilities
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.fees import FeeSchedule
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import CallCode, Outcome
from psp_connectors.domain.webhooks import RawWebhook, WebhookContext, WebhookReading


class Unsendable(Exception):  # noqa: N818 - not a failure of ours: the operation cannot be put to this PSP
    """The operation cannot be asked of this PSP, such as a currency it does not take; nothing was sent."""

    def __init__(self, code: DeclineCode | CallCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


NO_TOKEN: Final = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits:
    """What one account may ask of its PSP: calls at once, and calls a second (0: no bound of ours)."""

    concurrent_calls: int = 64
    calls_per_second: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One of our accounts at a PSP.

    `secrets` and `settings` hold what a connector needs beside the API key, by the names of its `AccountShape`.
    `access_token` is there while a connector with a `TokenGrant` builds. An account with a `merchant_id` is that
    merchant's alone. A disabled account takes no new authorization; what was authorized can still be captured, voided,
    refunded and asked about. Empty `brands` means all that the connector takes. `fees` is None when they are not known.
    """

    name: str
    connector: str
    base_url: str
    api_key: Secret
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    access_token: Secret = NO_TOKEN
    merchant_id: str = ""
    disabled: bool = False
    brands: tuple[str, ...] = ()
    limits: AccountLimits = AccountLimits()
    fees: FeeSchedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountField:
    """One secret or setting of an account: its name, what it is, and whether the connector can do without it."""

    name: str
    meaning: str
    required: bool = True
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountShape:
    """What an account of this connector consists of, beside its base address: data for `psp_accounts` and its docs.

    `live_url` and `test_url` are the PSP's own base addresses, empty where each account has one of its own.
    """

    api_key: str
    secrets: tuple[AccountField, ...] = ()
    settings: tuple[AccountField, ...] = ()
    live_url: str = ""
    test_url: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An OAuth token: its text, and for how many seconds from now it is good."""

    text: Secret
    lifetime_seconds: int


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """How a connector gets the access token that its requests carry (OAuth 2.0 client credentials).

    `parse` gives None for an answer that is no token.
    """

    build: Callable[[Account], HttpRequest]
    parse: Callable[[HttpResponse], AccessToken | None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of an account's credentials came to; `detail` is for people and holds no secret."""

    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """How an account's credentials are tried without moving money."""

    build: Callable[[Account], HttpRequest]
    parse: Callable[[Account, HttpResponse], CheckResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A PSP's connector.

    `build` raises Unsendable and nothing else. `parse` never raises: an answer it can't read is UNKNOWN. It reports
    the amount the PSP says it acted on in ISO 4217 minor units, and UNKNOWN when amount, currency or reference
    differ from what was asked. For a sync, DECLINED means that the PSP's books hold the operation as declined; a PSP
    that refuses to answer the question is UNKNOWN, since nothing is learnt of the operation. A DECLINED without a
    `psp_reference` means that the PSP refused this very request before making an operation of it.

    `read_webhook` never raises: what it can't read or verify is FORGED. `read_webhook`, `grant` and `check` are None
    for a PSP that has no such thing.
    """

    name: str
    capabilities: Capabilities
    shape: AccountShape
    build: Callable[[Operation, Account], HttpRequest]
    parse: Callable[[Operation, HttpResponse], Outcome]
    read_webhook: Callable[[RawWebhook, Account, WebhookContext], WebhookReading] | None = None
    grant: TokenGrant | None = None
    check: AccountCheck | None = None
