"""What a dialect is made of: see the package's docstring for how to write one."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from devstack.sandbox.account_needs import AccountNeeds
from devstack.sandbox.books import Books
from devstack.sandbox.faults import FaultOperation
from devstack.sandbox.incoming import Incoming, Reply
from devstack.sandbox.ledger import Charge, Decision, Entry, OperationType, Waiting
from devstack.sandbox.magic import Verdict
from devstack.sandbox.requests import CardFields
from devstack.sandbox.settings import AccountEntry
from devstack.sandbox.units import Units

ID_CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request that is answered with an error: nothing was done."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """How a PSP treats its idempotency key, for engine and docs.

    `header` is its name, `longest` how many characters it may have. The key is remembered for `seconds`. `waits` says
    that a second request with a key in use waits for the first; else it is turned away with IN_FLIGHT.
    """

    header: str
    longest: int
    seconds: int
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A request to perform an operation; amounts in ISO 4217 minor units, ids as the PSP's wire has them.

    `reference` is ours, empty when the caller gave none. `amount` None is all that is left. `currency` empty is that of
    the charge. `unique_reference` says that the PSP turns away a second operation of this type with this reference,
    `refused_at_once` that what the books refuse is not acknowledged first although the operation is to wait.
    `verdict` None is approved unless a magic amount says otherwise. `request` is for `answer`, and kept nowhere.
    """

    type: OperationType
    reference: str
    key: str
    fingerprint: bytes = field(default=b"", repr=False)
    charge: str = ""
    amount: int | None = 0
    currency: str = ""
    capture: bool = False
    final: bool = False
    card: CardFields | None = field(default=None, repr=False)
    verdict: Verdict | None = None
    waiting: Waiting = Waiting.NOTHING
    fails_later: str = ""
    unique_reference: bool = False
    refused_at_once: bool = False
    id: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    request: object = field(default=None, repr=False)

    @property
    def fault_operation(self) -> FaultOperation:
        """Give the name under which faults know it."""
        return FaultOperation(self.type.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question. `reference` is what faults and counts go by; `tell` gets the charges, none when nothing is known."""

    reference: str
    charges: Sequence[str]
    tell: Callable[[Sequence[Charge]], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """A request that decides an operation which waits, such as the completion of an order by its payer.

    `verdict` None is what the operation was meant to get. `answer` renders the charge afterwards; an operation that is
    decided already is rendered as it stands. `operation` is the books' id of it.
    """

    operation: str
    answer: Callable[[Charge], Reply]
    verdict: Verdict | None = None


Asked = Act | Ask | Settle | Reply
"""What a request comes to."""


class Denial(StrEnum):
    """Why an act never got into the books."""

    KEY_REUSED = "key_reused"
    IN_FLIGHT = "in_flight"
    REFERENCE_IN_USE = "reference_in_use"
    CHARGE_UNKNOWN = "charge_unknown"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that a webhook may tell of: an operation taken, or decided afterwards. `charge` is as of then."""

    entry: Entry
    charge: Charge
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A webhook to be sent. `id` is the event's.

    `name` is what the PSP's description calls it: a webhook of its, or a schema by its place (`#/components/...`).
    """

    id: str
    type: str
    reference: str
    content: object = field(repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A webhook ready to be delivered."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One line of the table of triggers: what to send, and what comes of it, in the PSP's words."""

    trigger: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What users read: title, calls, triggers, a call to try (`{url}`, `{key}`, and `{setting}` by name), remarks."""

    title: str
    version: str
    calls: tuple[str, ...]
    webhooks: tuple[str, ...]
    triggers: tuple[Trigger, ...]
    example: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """Where the PSP's own API description is: folder and file name, and the base path its paths are relative to."""

    folder: str
    api: tuple[str, ...]
    webhooks: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """One account, as a dialect sees it while it serves a request. `base_url` is where the caller reached us."""

    account: AccountEntry
    books: Books
    base_url: str = ""
    clock: Callable[[], float] = time.time

    def now(self) -> int:
        """Give the time in seconds since the epoch."""
        return int(self.clock())

    def new_id(self, prefix: str = "", length: int = 24, characters: str = ID_CHARACTERS) -> str:
        """Give a new random id."""
        return prefix + "".join(secrets.choice(characters) for _ in range(length))

    def setting(self, name: str) -> str:
        """Give a setting of the account; defaults were filled in at the start."""
        return self.account.settings.get(name, "")

    def seal(self, text: str) -> str:
        """Give a tag that only this account can have put on a text: hexadecimal, 32 characters."""
        key = self.account.api_key.encode()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


class Dialect(Protocol):
    """One PSP's wire API."""

    @property
    def name(self) -> str:
        """Give the name in the accounts file."""

    @property
    def units(self) -> Units:
        """Give the PSP's own units of currencies."""

    @property
    def idempotency(self) -> Idempotency:
        """Tell how the idempotency key is treated."""

    @property
    def needs(self) -> AccountNeeds:
        """Tell what an account consists of."""

    @property
    def guide(self) -> Guide:
        """Give what users read."""

    @property
    def description(self) -> Description | None:
        """Give the PSP's own API description, None when there is none."""

    def recognises(self, request: Incoming, account: AccountEntry) -> bool:
        """Tell whether a request bears this account's credentials."""

    def unauthorized(self, request: Incoming) -> Reply:
        """Give the answer to a request that bears no known credentials."""

    def read(self, request: Incoming, desk: Desk) -> Asked:
        """Read a request; raises Refused."""

    def answer(self, act: Act, entry: Entry, charge: Charge, desk: Desk, *, replayed: bool) -> Reply:
        """Render an operation, from the charge as it stood when the operation was taken."""

    def turned_away(self, act: Act, denial: Denial) -> Reply:
        """Give the answer to an act that never got into the books."""

    def failed(self) -> Reply:
        """Give the answer of a PSP that has broken down (HTTP 500)."""

    def invalid(self, findings: Sequence[str]) -> Reply:
        """Give the answer to a request that does not validate against the PSP's description."""

    def notices(self, happening: Happening, desk: Desk) -> Sequence[Notice]:
        """Give the webhooks of a happening."""

    def sign(self, notice: Notice, desk: Desk, now: int) -> Signed:
        """Give one delivery of a webhook at a time in seconds since the epoch, signed with the account's secrets."""
