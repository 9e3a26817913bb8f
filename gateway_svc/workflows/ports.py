"""What the activities need of the outside: the part of the application's ports that the durable driver uses."""

from typing import Protocol

from gateway_svc.application.ports import View
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import CancelStatus
from gateway_svc.domain.reversal import ReversalVerdict
from gateway_svc.domain.three_ds import Cryptogram


class StepStore(Protocol):
    """The part of `PaymentStore` that loads, begins and records steps; refusals are `mesh.refusal.Refusal`."""

    async def load_payment(self, payment_id: str) -> View:
        """Read a payment, whoever's it is."""
        ...

    async def load_cryptogram(self, payment_id: str) -> Cryptogram:
        """Read what proves a payment's authentication, to send it; empty when there is none, or no longer."""
        ...

    async def begin_attempt(self, payment_id: str, ordinal: int, account: str, reason: str) -> tuple[bool, View]:
        """Begin a cascade's next attempt; False when it was begun before, or when the payment has ended instead."""
        ...

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> View:
        """Record what became of an attempt; the first definite record wins. Returns the payment as it stands."""
        ...

    async def end_action(self, attempt_id: str) -> View:
        """Record that the shopper of an attempt can't act any more. Returns the payment as it stands."""
        ...

    async def record_cancel(self, attempt_id: str, number: int, cancel: CancelStatus) -> tuple[bool, View]:
        """Record where an attempt's cancelling ``number`` (from 1) stands; False when that does not fit any more."""
        ...

    async def begin_reversal(self, payment_id: str, attempt_id: str, number: int) -> tuple[bool, View]:
        """Record that an attempt's reversal ``number`` (from 1) is about to be sent: no approval is believed from then.

        False when that does not fit any more, so that nothing is to be sent.
        """
        ...

    async def record_reversal(
        self, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict
    ) -> View:
        """Record what the PSP says of a reversal. Returns the payment as it stands."""
        ...

    async def load_modification(self, modification_id: str) -> tuple[View, View]:
        """Read a modification and its payment."""
        ...

    async def record_modification(
        self, modification_id: str, verdict: ModificationVerdict, *, asked: bool, reversal: bool = False
    ) -> tuple[View, View]:
        """Record what became of a modification. Returns modification and payment as they stand."""
        ...

    async def require_review(self, payment_id: str, reference: str) -> None:
        """Hand an attempt or modification to an operator."""
        ...


class StalledStore(Protocol):
    """The part of `PaymentStore` that the sweep needs."""

    async def stalled_work(self, grace_ms: int, limit: int) -> list[tuple[str, str]]:
        """Hand out (``PAYMENT`` or ``MODIFICATION``, id) of what nobody has moved for ``grace_ms``, in turns.

        What moved since it was last handed out comes first, so that no long wait hides what a crash has left.
        """
        ...

    async def purge_idempotency_keys(self, limit: int) -> int:
        """Delete at most ``limit`` expired idempotency keys of final operations, and tell how many."""
        ...

    async def purge_retries(self, limit: int) -> int:
        """Forget at most ``limit`` attempts, and cards, that no rule about retries counts any more; tell how many."""
        ...


class Crashes(Protocol):
    """Points at which a test may end the process; `mesh.crashpoints.CrashPoints` is one."""

    async def reach(self, name: str) -> None:
        """Return at once unless a test has armed ``name``."""
        ...


class StepObserver(Protocol):
    """Counts what the durable driver does."""

    def stepped(self, kind: str, step: str) -> None:
        """Note that one ``step`` (start, ask, repeat, reverse, cancel, review) was carried out on a ``kind``.

        A ``kind`` is a payment or a modification.
        """
        ...

    def swept(self, seen: int, started: int) -> None:
        """Note what a sweep found, and for how much of it a workflow was started."""
        ...


class TokenObserver(Protocol):
    """Counts what became of the tokens that the vault is to keep."""

    def kept(self, result: str, count: int) -> None:
        """Note that telling the vault of ``count`` tokens came to ``result`` (kept, refused, left)."""
        ...


class WorkStarter(Protocol):
    """Starts the workflow of one piece of work."""

    async def start(self, kind: str, reference: str) -> None:
        """Start the workflow of a ``PAYMENT`` or ``MODIFICATION``; one that runs already is left as it is."""
        ...
