"""A payment, its attempts and its modifications as recorded, and the states they may be in."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings
from gateway_svc.domain.stored_credentials import StoredCredential
from gateway_svc.domain.three_ds import Exemption, ThreeDsResult


class PaymentStatus(StrEnum):
    """Where a payment stands; docs/architecture.md tells what each means."""

    PROCESSING = "PROCESSING"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    AUTHORIZED = "AUTHORIZED"
    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"
    VOIDED = "VOIDED"


class AttemptStatus(StrEnum):
    """Where one authorization at one PSP account stands.

    PENDING is acknowledged by the PSP, which decides later; ACTION_REQUIRED waits for the shopper at the PSP.
    """

    SENDING = "SENDING"
    PENDING = "PENDING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"


class CancelStatus(StrEnum):
    """Where the cancelling of an attempt stands that the shopper did not complete; SENT is not answered clearly."""

    NONE = "NONE"
    SENT = "SENT"
    DONE = "DONE"
    REFUSED = "REFUSED"


class ReversalStatus(StrEnum):
    """Where the last reversal of an attempt stands; SENT is not answered clearly.

    One that was done leaves no such status: it ends the attempt.
    """

    NONE = "NONE"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REFUSED = "REFUSED"


class ModificationStatus(StrEnum):
    """Where a capture, void or refund stands; PENDING is acknowledged by the PSP, which says later what came of it."""

    SENDING = "SENDING"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class ModificationKind(StrEnum):
    """The operations on an authorized or captured payment."""

    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"


class CaptureMethod(StrEnum):
    """When an authorized amount is captured."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


class ThreeDsPreference(StrEnum):
    """What the PSP's own 3-D Secure is to do for a payment; AUTOMATIC leaves it to the PSP."""

    AUTOMATIC = "AUTOMATIC"
    CHALLENGE = "CHALLENGE"
    SKIP = "SKIP"


PAYMENT_TRANSITIONS: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PROCESSING: frozenset(
        {
            PaymentStatus.REQUIRES_ACTION,
            PaymentStatus.AUTHORIZED,
            PaymentStatus.SUCCEEDED,
            PaymentStatus.DECLINED,
            PaymentStatus.FAILED,
        }
    ),
    PaymentStatus.REQUIRES_ACTION: frozenset(
        {PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED, PaymentStatus.SUCCEEDED, PaymentStatus.DECLINED}
    ),
    PaymentStatus.AUTHORIZED: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.VOIDED}),
    # Only when the PSP takes a capture back afterwards.
    PaymentStatus.SUCCEEDED: frozenset({PaymentStatus.AUTHORIZED}),
    PaymentStatus.DECLINED: frozenset(),
    PaymentStatus.FAILED: frozenset(),
    PaymentStatus.VOIDED: frozenset(),
}

ATTEMPT_TRANSITIONS: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    AttemptStatus.SENDING: frozenset(
        {
            AttemptStatus.APPROVED,
            AttemptStatus.DECLINED,
            AttemptStatus.NOT_SENT,
            AttemptStatus.UNKNOWN,
            AttemptStatus.PENDING,
            AttemptStatus.ACTION_REQUIRED,
        }
    ),
    # What may have reached a PSP can't become "not sent" by a later call that was not sent.
    AttemptStatus.UNKNOWN: frozenset(
        {AttemptStatus.APPROVED, AttemptStatus.DECLINED, AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
    ),
    # Nor does what waits for the shopper.
    AttemptStatus.ACTION_REQUIRED: frozenset({AttemptStatus.APPROVED, AttemptStatus.DECLINED, AttemptStatus.PENDING}),
    # What a PSP has acknowledged does not become doubtful by a question that is not answered.
    AttemptStatus.PENDING: frozenset({AttemptStatus.APPROVED, AttemptStatus.DECLINED, AttemptStatus.ACTION_REQUIRED}),
    AttemptStatus.APPROVED: frozenset(),
    AttemptStatus.DECLINED: frozenset(),
    AttemptStatus.NOT_SENT: frozenset(),
}

MODIFICATION_TRANSITIONS: dict[ModificationStatus, frozenset[ModificationStatus]] = {
    ModificationStatus.SENDING: frozenset(
        {
            ModificationStatus.SUCCEEDED,
            ModificationStatus.FAILED,
            ModificationStatus.UNKNOWN,
            ModificationStatus.PENDING,
        }
    ),
    ModificationStatus.UNKNOWN: frozenset(
        {ModificationStatus.SUCCEEDED, ModificationStatus.FAILED, ModificationStatus.PENDING}
    ),
    ModificationStatus.PENDING: frozenset({ModificationStatus.SUCCEEDED, ModificationStatus.FAILED}),
    # A PSP may take a success back: a bank that sends a refund back, a capture that the scheme refuses afterwards.
    ModificationStatus.SUCCEEDED: frozenset({ModificationStatus.FAILED}),
    ModificationStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A PSP account the router ranked for this payment, in the order to be tried."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One authorization at one PSP account.

    ``asks`` counts the syncs and repetitions recorded since it was begun, ``not_founds`` how often in a row the PSP
    said that it knows no such operation, ``age_seconds`` how long ago it was begun, ``expected_age_seconds`` at which
    age the result of an acknowledged one is expected, 0 when nobody said. ``asks_before`` and ``settling_seconds`` tell
    where its schedule of asks stands, which begins again when an operator wants it. ``network_code`` and
    ``advice_code`` are the card network's, empty when the PSP told none. Of one that waits for the shopper,
    ``late_asks`` counts the asks since the shopper can't act any more, ``cancels`` how often the PSP was told to cancel
    it, and ``cancel`` tells what the PSP made of that. ``reversals`` counts how often the PSP was asked to take an
    attempt back of which nobody could tell what became of it, ``reversal`` tells where the last one stands, which was
    begun ``reversal_age_seconds`` ago.
    """

    id: str
    ordinal: int
    account: str
    status: AttemptStatus
    psp_reference: str = ""
    code: str = ""
    raw_code: str = ""
    asks: int = 0
    not_founds: int = 0
    age_seconds: int = 0
    expected_age_seconds: int = 0
    network_code: str = ""
    advice_code: str = ""
    asks_before: int = 0
    settling_seconds: int | None = None
    late_asks: int = 0
    cancel: CancelStatus = CancelStatus.NONE
    cancels: int = 0
    reversals: int = 0
    reversal: ReversalStatus = ReversalStatus.NONE
    reversal_age_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as recorded; ``amount`` in minor units of ``currency``.

    ``code_required`` says that no PSP may be asked without the card's code, which the vault gives once. ``brand`` is
    the card's, empty when it is not known, ``begun_us`` when the payment began in microseconds since the epoch,
    ``cascade`` the merchant's settings of that moment. Without ``attempts`` nobody was asked: a network forbade it.
    ``three_ds_preference``, ``stored_credential``, ``three_ds`` and ``exemption`` go along with every attempt. The PSP
    sends the shopper back to ``return_url``, which is empty for a payment whose shopper can't be sent anywhere.
    ``action_left_seconds`` is how long the shopper still has while the status is REQUIRES_ACTION.
    """

    id: str
    merchant_id: str
    status: PaymentStatus
    amount: int
    currency: str
    capture_method: CaptureMethod
    token: str
    attempts: tuple[Attempt, ...]
    candidates: tuple[Candidate, ...]
    under_review: bool = False
    statement_descriptor: str = ""
    code_required: bool = False
    brand: str = ""
    begun_us: int = 0
    cascade: CascadeSettings = UNRESTRICTED
    three_ds_preference: ThreeDsPreference = ThreeDsPreference.AUTOMATIC
    stored_credential: StoredCredential | None = None
    three_ds: ThreeDsResult | None = None
    exemption: Exemption | None = None
    return_url: str = field(default="", repr=False)
    action_left_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Modification:
    """A capture, void or refund as recorded; ``amount`` in minor units of ``currency``, 0 for a void.

    ``payment_psp_reference`` is the PSP's id of the payment, ``capture_psp_reference`` that of the capture a refund
    gives back, empty when no single capture has enough; ``psp_reference`` is that of the modification, once it is
    known.
    """

    id: str
    payment_id: str
    kind: ModificationKind
    account: str
    payment_psp_reference: str
    status: ModificationStatus
    amount: int
    currency: str
    final: bool = False
    asks: int = 0
    not_founds: int = 0
    age_seconds: int = 0
    under_review: bool = False
    psp_reference: str = ""
    capture_psp_reference: str = ""
    expected_age_seconds: int = 0
    asks_before: int = 0
    settling_seconds: int | None = None
