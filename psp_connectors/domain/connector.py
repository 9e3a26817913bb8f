"""The contract of a connector: two pure functions, its capabilities as data, and the account it speaks for.

A connector never does I/O and holds no state. `build` says what to send, `parse` says what an answer means; the
shared runtime sends, keeps deadlines, classifies what left the machine, and guards the money rules that hold for
every PSP (`domain.guard`). A PSP that answers "accepted, will say later" is parsed as PENDING, one that sends the
shopper away as ACTION_REQUIRED. Bodies are bytes, so that JSON, forms and XML are alike; several hosts of one PSP
are several URLs in `build`; credentials and settings come with the account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from psp_connectors.domain.cards import Secret
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Operation, OperationKind
from psp_connectors.domain.outcomes import CallCode, Outcome


class Unsendable(Exception):  # noqa: N818 - not a failure of ours: the operation cannot be put to this PSP
    """The operation cannot be asked of this PSP, such as a currency it does not take; nothing was sent."""

    def __init__(self, code: DeclineCode | CallCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One of our accounts at a PSP. `secrets` and `settings` hold what a connector needs beside the API key."""

    name: str
    connector: str
    base_url: str
    api_key: Secret
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a PSP can do through its connector; empty `currencies` means all."""

    operations: frozenset[OperationKind]
    brands: tuple[str, ...]
    currencies: tuple[str, ...]
    sync_by_reference: bool
    idempotency_window_seconds: int
    idempotency_key_max_length: int
    multiple_captures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A PSP's connector.

    `build` raises Unsendable and nothing else. `parse` never raises: an answer it can't read is UNKNOWN. It reports
    the amount the PSP says it acted on in ISO 4217 minor units, and UNKNOWN when amount, currency or reference
    differ from what was asked. For a sync, DECLINED means that the PSP's books hold the operation as declined; a PSP
    that refuses to answer the question is UNKNOWN, since nothing is learnt of the operation. A DECLINED without a
    `psp_reference` means that the PSP refused this very request before making an operation of it.
    """

    name: str
    capabilities: Capabilities
    build: Callable[[Operation, Account], HttpRequest]
    parse: Callable[[Operation, HttpResponse], Outcome]
