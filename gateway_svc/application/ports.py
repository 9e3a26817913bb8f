"""What the gateway's use cases and workflows need from the outside, in their own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import Attempt, CancelStatus, Candidate, Modification, Payment, ThreeDsPreference
from gateway_svc.domain.resolution import Means
from gateway_svc.domain.reversal import ReversalVerdict
from gateway_svc.domain.routing import RouteDecision
from gateway_svc.domain.shopper_action import SHOPPER_SECONDS
from gateway_svc.domain.stored_credentials import Initiator, StoredCredential
from gateway_svc.domain.three_ds import Cryptogram, Exemption, ThreeDsResult, ThreeDsState

View = Mapping[str, Any]
"""A payment, refund or other resource as the stored procedures show it (JSON)."""


class Disposition(StrEnum):
    """What an idempotency key made of a call."""

    NONE = "NONE"
    CREATED = "CREATED"
    STARTED = "STARTED"
    REPLAYED = "REPLAYED"
    IN_FLIGHT = "IN_FLIGHT"
    RESUME = "RESUME"
    DECLINED = "DECLINED"


@dataclass(frozen=True, slots=True)
class Operation:
    """Who asked for what: a merchant's idempotency key and the hash over operation and body."""

    merchant_id: str
    idempotency_key: str
    request_hash: bytes
    lease_ms: int


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment to begin; ``amount`` in minor units of ``currency``. A ``card_on_file`` is sent without its code.

    ``fingerprint`` is the card's at the vault, by which its tries are counted; its token stands in when it has none.
    ``decision`` is where ``candidates`` come from; it is recorded with the payment. ``action_seconds`` is how long the
    shopper has when a PSP wants something of them. The cryptogram of ``three_ds`` is kept apart and encrypted until the
    payment is settled.
    """

    id: str
    amount: int
    currency: str
    capture_method: str
    token: str
    card: Mapping[str, Any]
    merchant_reference: str
    description: str
    metadata: Mapping[str, str]
    statement_descriptor: str
    candidates: Sequence[Candidate]
    store_card: bool = False
    card_on_file: bool = False
    fingerprint: str = ""
    three_ds_preference: ThreeDsPreference = ThreeDsPreference.AUTOMATIC
    decision: RouteDecision | None = None
    return_url: str = field(default="", repr=False)
    action_seconds: int = SHOPPER_SECONDS
    stored_credential: StoredCredential | None = None
    three_ds: ThreeDsResult | None = None
    exemption: Exemption | None = None


@dataclass(frozen=True, slots=True)
class NewModification:
    """A capture, void or refund to begin; ``amount`` None means all that is left."""

    id: str
    kind: str
    payment_id: str
    amount: int | None
    final: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What beginning an operation came to; ``answer`` is the stored answer of a replay."""

    disposition: Disposition
    payment: View | None
    modification: View | None
    answer: View | None


class PaymentStore(Protocol):
    """The stored procedures that hold the money rules. Refusals are ``mesh.refusal.Refusal``."""

    async def begin_payment(self, operation: Operation, new: NewPayment) -> Begun:
        """Begin a payment with its first attempt SENDING, or tell what the key already stands for.

        DECLINED when the card's network forbids another try: the payment was created, has ended without any attempt,
        and the answer tells so. Refuses with STORED_CREDENTIAL_UNKNOWN a payment that the merchant starts with a card
        that is neither on file nor named to the network by an earlier payment.
        """
        ...

    async def begin_modification(self, operation: Operation, new: NewModification) -> Begun:
        """Begin a capture, void or refund SENDING, or tell what the key already stands for."""
        ...

    async def find_operation(self, operation: Operation) -> Begun:
        """Tell what the key stands for without beginning anything."""
        ...

    async def release_lease(self, operation: Operation) -> None:
        """Let a repetition of the operation resume at once."""
        ...

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> View:
        """Record what became of an attempt; the first definite record wins. Returns the payment as it stands.

        "Not sent", or a decline without a PSP's reference, is recorded as UNKNOWN once others have asked or repeated. A
        late record of an attempt whose payment is final returns the answer that the payment's key has. An approval of
        an attempt that may have been reversed is held back until `record_reversal` tells whether it stands. An approval
        of a payment with ``store_card`` also notes that the vault is to keep its token.
        """
        ...

    async def begin_attempt(self, payment_id: str, ordinal: int, account: str, reason: str) -> tuple[bool, View]:
        """Begin a cascade's next attempt; False when it was begun before and may have been sent.

        False, too, when the payment has ended instead: the card's network forbids another try, or it began too long
        ago.
        """
        ...

    async def end_action(self, attempt_id: str) -> View:
        """Record that the shopper of an attempt can't act any more: its payment is PROCESSING from then on.

        Changes nothing when its payment does not wait for the shopper any more.
        """
        ...

    async def record_cancel(self, attempt_id: str, number: int, cancel: CancelStatus) -> tuple[bool, View]:
        """Record that an attempt is about to be cancelled (SENT), or what the PSP made of that (DONE, REFUSED).

        ``number`` counts the cancellings of an attempt from 1. False when that does not fit any more, so that nothing
        is to be sent: the attempt has ended, the shopper may still act, another process is at it, an operator has it.
        """
        ...

    async def begin_reversal(self, payment_id: str, attempt_id: str, number: int) -> tuple[bool, View]:
        """Record that an attempt's reversal ``number`` (from 1) is about to be sent: no approval is believed from then.

        False when that does not fit any more, so that nothing is to be sent: the attempt has ended or was acknowledged,
        another process is at it, or an operator has the payment.
        """
        ...

    async def record_reversal(
        self, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict
    ) -> View:
        """Record what a PSP says of a reversal, None for the last one. Returns the payment as it stands.

        Confirmed, the attempt ends as declined. Refused, an approval that was held back is recorded, as long as no
        other reversal may have been done. A confirmation that contradicts a recorded approval goes to review.
        """
        ...

    async def record_modification(
        self, modification_id: str, verdict: ModificationVerdict, *, asked: bool, reversal: bool = False
    ) -> tuple[View, View]:
        """Record what became of a modification, as `record_attempt` does. Returns modification and payment.

        ``reversal`` tells of a failure that the PSP reports as following a success: a success told later is old news.
        """
        ...

    async def find_modification(self, modification_id: str) -> View | None:
        """Find a modification by its id, whoever's it is; None when there is none."""
        ...

    async def find_open_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        """Find the one modification of a kind (and amount) that is under way at a payment; None for none or several.

        One that the PSP has named otherwise is another. ``psp_reference`` may be empty.
        """
        ...

    async def find_failed_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        """Find the one modification that is recorded as failed and that a PSP may mean which says that it was done.

        None for none or several, and when one of that kind was done that the PSP may mean as well.
        """
        ...

    async def reverse_modification(self, modification_id: str, code: str, raw_code: str) -> bool:
        """Take back a capture or refund that had succeeded; its amount can be captured or refunded again.

        False when an operator must decide: a void, a capture of a payment of which money was given back or is about to
        be, one that was not recorded as succeeded. Taking back twice changes nothing.
        """
        ...

    async def report_contradiction(self, payment_id: str, reference: str, told: View) -> None:
        """Hand an attempt or modification whose PSP contradicts the record to an operator; changes no money.

        ``told`` is what the PSP said, as JSON; an operator who looks at it already is given what is new.
        """
        ...

    async def load_cryptogram(self, payment_id: str) -> Cryptogram:
        """Read what proves a payment's authentication, to send it; empty when there is none, or no longer.

        A worker's right; the gateway's servers have it from the request and never read it.
        """
        ...

    async def load_payment(self, payment_id: str) -> View:
        """Read a payment for the drivers, whoever's it is."""
        ...

    async def load_modification(self, modification_id: str) -> tuple[View, View]:
        """Read a modification and its payment for the drivers."""
        ...

    async def require_review(self, payment_id: str, reference: str) -> None:
        """Hand an attempt or modification to an operator."""
        ...

    async def stalled_work(self, grace_ms: int, limit: int) -> list[tuple[str, str]]:
        """Hand out (``PAYMENT`` or ``MODIFICATION``, id) of what nobody has moved for ``grace_ms``, in turns."""
        ...

    async def get_payment(self, merchant_id: str, payment_id: str) -> View:
        """Read a merchant's payment."""
        ...

    async def get_routing(self, merchant_id: str, payment_id: str) -> tuple[View, RouteDecision | None]:
        """Read a merchant's payment with its decision; None for one that began before decisions were recorded."""
        ...

    async def list_payments(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        """List a merchant's payments, newest first, keyset-paged by ``before_us`` and ``before_id``."""
        ...

    async def get_refund(self, merchant_id: str, refund_id: str) -> View:
        """Read a merchant's refund."""
        ...

    async def list_refunds(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        """List a merchant's refunds, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class TokenToKeep:
    """A token that the vault is to keep for good, and the payment that was approved with it."""

    payment_id: str
    merchant_id: str
    token: str


class TokensToKeep(Protocol):
    """What the vault is still to be told: noted with the approval, dropped when the vault has answered."""

    async def take_tokens_to_keep(self, limit: int) -> list[TokenToKeep]:
        """Hand out what is due, to one taker each; what is not dropped comes again after a while that grows."""
        ...

    async def drop_token_to_keep(self, payment_id: str) -> None:
        """Forget a token that the vault was told of; again without effect."""
        ...


class MerchantStore(Protocol):
    """Merchants, as operators manage them."""

    async def create_merchant(self, merchant_id: str, name: str) -> View:
        """Create a merchant without keys."""
        ...

    async def configure_merchant(self, merchant_id: str, *, card_code_required: bool, cascade: View) -> View:
        """Replace a merchant's settings; refuses with MERCHANT_NOT_FOUND."""
        ...

    async def get_merchant(self, merchant_id: str) -> View:
        """Read a merchant; refuses with MERCHANT_NOT_FOUND."""
        ...

    async def list_merchants(self, before_us: int | None, before_id: str | None, limit: int) -> list[View]:
        """List merchants, newest first, from before that position."""
        ...


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key to store: its hash and first characters, never the key. An operator's key has no merchant."""

    id: str
    merchant_id: str | None
    scope: int
    live: bool
    prefix: str
    sha256: bytes


class ApiKeyStore(Protocol):
    """API keys by their hash."""

    async def create_api_key(self, new: NewApiKey) -> View:
        """Store a key; refuses with MERCHANT_NOT_FOUND, or API_KEY_LIMIT at 100 active keys."""
        ...

    async def list_api_keys(self, merchant_id: str) -> list[View]:
        """List a merchant's keys, newest first; refuses with MERCHANT_NOT_FOUND."""
        ...

    async def revoke_api_key(self, key_id: str) -> View:
        """Revoke a key, again without effect; refuses with API_KEY_NOT_FOUND."""
        ...

    async def look_up_key(self, sha256: bytes) -> View | None:
        """Find a key by the SHA-256 over its UTF-8 bytes; None when there is none."""
        ...


class PspConnectors(Protocol):
    """Calls to PSPs. Never raises for what a PSP or the network does: that is an outcome.

    An error whose origin is uncertain is UNKNOWN; only an answer that provably precedes the PSP call is NOT_SENT.
    """

    async def authorize(
        self, payment: Payment, attempt: Attempt, *, timeout_ms: int, repetition: bool = False
    ) -> Outcome:
        """Send an attempt, with its idempotency key derived from its id; ``repetition`` when it was sent before."""
        ...

    async def means(self, account: str, operation: str) -> Means:
        """Give what the PSP of an account offers to settle AUTHORIZE, CAPTURE, VOID or REFUND.

        Refuses with UNAVAILABLE while that was never heard of; what was heard once serves on while nobody can be asked.
        """
        ...

    def takes(self) -> Mapping[str, AccountTakes]:
        """Give what is known of which payments the accounts take; an account of which nothing is known is left out."""
        ...

    async def cancel_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        """Tell the PSP to cancel an attempt that waits for the shopper; the key is derived from its id and ``number``.

        APPROVED says that nothing of it is held and nothing will be.
        """
        ...

    async def reverse_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        """Have the PSP take back an attempt by our reference; the key is derived from its id and ``number``.

        APPROVED says that the PSP has released it, and names the authorization where it can. DECLINED says that this
        reversal released nothing.
        """
        ...

    async def modify(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        """Send a capture, void or refund, with its idempotency key derived from its id."""
        ...

    async def ask_attempt(self, payment: Payment, attempt: Attempt, *, timeout_ms: int) -> Outcome:
        """Ask the PSP by our reference what became of an attempt; refuses with UNAVAILABLE while nobody can ask."""
        ...

    async def ask_modification(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        """Ask the PSP by our reference what became of a capture, void or refund; refuses like `ask_attempt`."""
        ...


@dataclass(frozen=True, slots=True)
class ToRoute:
    """What is known of a payment before it begins; ``amount`` in minor units of ``currency``."""

    merchant_id: str
    payment_id: str
    amount: int
    currency: str
    card: Mapping[str, Any]
    metadata: Mapping[str, str]
    method: str = "card"
    initiator: Initiator = Initiator.CUSTOMER
    three_ds: ThreeDsState = ThreeDsState.NONE


class Router(Protocol):
    """Ranks PSP accounts."""

    async def route(self, payment: ToRoute) -> RouteDecision:
        """Decide where a payment goes, also when that is nowhere; raises Refusal UNAVAILABLE when nobody can decide."""
        ...


@dataclass(frozen=True, slots=True)
class DescribedToken:
    """What may be shown of a token's card, and whether the vault has the token for good: such a card has no code.

    ``fingerprint`` is equal for all tokens of one card number of this merchant, empty when the vault has none of it.
    """

    card: Mapping[str, Any]
    on_file: bool = False
    fingerprint: str = ""


class CardTokens(Protocol):
    """What the gateway may know of cards."""

    async def describe(self, *, merchant_id: str, token: str) -> DescribedToken:
        """Tell what may be known of a merchant's token; raises Refusal TOKEN_NOT_FOUND or TOKEN_USED."""
        ...


class TokenVault(Protocol):
    """The part of the vault that keeps tokens."""

    async def keep(self, wanted: TokenToKeep, *, timeout_ms: int) -> None:
        """Keep a token for good; again without effect.

        Raises Refusal TOKEN_NOT_FOUND or TOKEN_USED when the vault will not, UNAVAILABLE when it could not be asked.
        """
        ...


class DurableDriver(Protocol):
    """Takes over what the request could not finish. Unreachable or slow is no error: the sweep finds the work later."""

    async def settle_payment(self, payment_id: str, *, wait_ms: int) -> None:
        """Start or join the payment's workflow and wait at most ``wait_ms`` for it to leave PROCESSING."""
        ...

    async def settle_modification(self, modification_id: str, *, wait_ms: int) -> None:
        """Start or join the modification's workflow and wait at most ``wait_ms`` for it to be settled."""
        ...


class Logger(Protocol):
    """Tells operators what happened; never given a secret."""

    def info(self, event: str, **values: object) -> object:
        """Write down what was done."""
        ...

    def warning(self, event: str, **values: object) -> object:
        """Write down something that healed or will heal by itself."""
        ...

    def error(self, event: str, **values: object) -> object:
        """Write down something that somebody should look at."""
        ...
