"""The database as the simulator sees it: the stored procedures' rules in memory, each call a transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway_svc.domain.cascade_policy import MAX_CASCADE_SECONDS, Decline, max_attempts
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import (
    ATTEMPT_TRANSITIONS,
    MODIFICATION_TRANSITIONS,
    PAYMENT_TRANSITIONS,
    Attempt,
    AttemptStatus,
    Candidate,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)
from gateway_svc.domain.reversal import believes_approval, is_taken_back
from tests.fakes.gateway.retries import Retries, Tried
from tests.simulator.record import (
    EPOCH_US,
    NO_DECLINE,
    OPEN_ATTEMPT,
    OPEN_MODIFICATION,
    Begun,
    IllegalTransition,
    KeyRow,
    Move,
    Order,
    Refused,
    Row,
)

KEEP_GRACE_MS = 5_000


class Books:
    """Payments, keys, ledger and events of one simulated world.

    Not ``guarded``, ``ending`` or ``holding`` are planted bugs.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        retries: Retries,
        *,
        guarded: bool = True,
        ending: bool = True,
        holding: bool = True,
    ) -> None:
        self._now = clock
        self._retries = retries
        self._guarded = guarded
        self._ending = ending
        self._holding = holding
        self.moves: list[Move] = []
        self.rows: dict[str, Row] = {}
        self.keys: dict[str, KeyRow] = {}
        self.ledger: list[tuple[str, str, str, int]] = []
        self.to_keep: dict[str, int] = {}
        # Set by the drivers: takes an approval of what has ended without money, and the PSP's own id of it.
        self.told_late: Callable[[Row, Attempt, str], None] = lambda _row, _attempt, _psp_reference: None

    def begin_payment(self, key: str, request_hash: str, payment_id: str, order: Order, lease_ms: int) -> Begun:
        """Begin a payment with its first attempt SENDING, or tell what the key stands for.

        DECLINED when the card's network forbids another try: the payment has ended without any attempt.
        """
        known = self._known(key, request_hash, lease_ms)
        if known is not None:
            return known
        candidates = tuple(Candidate(account, f"priority {place}") for place, account in enumerate(order.accounts, 1))
        payment = Payment(
            id=payment_id,
            merchant_id="mer_1",
            status=PaymentStatus.PROCESSING,
            amount=order.amount,
            currency="EUR",
            capture_method=order.method,
            token="tok_1",
            attempts=(),
            candidates=candidates,
            code_required=order.code_required,
            brand=order.card.brand,
            begun_us=self._now_us(),
            cascade=order.cascade,
        )
        row = Row(payment, self._now(), self._now(), key_of={payment_id: key})
        row.store_card, row.card, row.by_merchant = order.store_card, order.card.name, order.by_merchant
        self.rows[payment_id] = row
        self.keys[key] = KeyRow(request_hash, payment_id, payment_id, self._now() + lease_ms)
        refusal = self._retries.begin(self._tried(row, 1, order.accounts[0]))
        if not refusal:
            self._add_attempt(row, 1, order.accounts[0])
        self.emit(row, "PAYMENT_CREATED")
        if refusal:
            self.end_unsent(row)
            return Begun("DECLINED", payment_id, payment_id, self.keys[key].answer)
        return Begun("CREATED", payment_id, payment_id)

    def release_lease(self, key: str) -> None:
        """Let a repetition resume at once."""
        self.keys[key].lease_until = self._now()

    def load(self, payment_id: str) -> Payment:
        """Return the payment with the ages of its attempts."""
        row, now = self.rows[payment_id], self._now()
        payment = row.payment
        ages = [(now - row.begun_ms[attempt.id]) // 1000 for attempt in payment.attempts]
        if row.aged is None or row.aged[0] is not payment or row.aged[1] != ages:
            # Most are read in the second of their begin; making them anew would take longer than all else.
            if any(ages):
                attempts = zip(payment.attempts, ages, strict=True)
                aged = tuple(_aged(row, attempt, age, now) if age else attempt for attempt, age in attempts)
                payment = replace(payment, attempts=aged)
            row.aged = (row.payment, ages, payment)
        return row.aged[2]

    def begin_attempt(self, payment_id: str, ordinal: int, account: str) -> bool:
        """Begin a cascade's next attempt; False when it stands there already, or when the payment has ended instead."""
        row = self.rows[payment_id]
        existing = next((a for a in row.payment.attempts if a.ordinal == ordinal), None)
        if (existing is not None and existing.account == account) or row.payment.under_review:
            return False
        tried = {attempt.account for attempt in row.payment.attempts}
        if (
            row.payment.status is not PaymentStatus.PROCESSING
            or any(a.status in OPEN_ATTEMPT or a.status is AttemptStatus.APPROVED for a in row.payment.attempts)
            or ordinal != len(row.payment.attempts) + 1
            or ordinal > max_attempts(row.payment.cascade)
            or account in tried
        ):
            raise IllegalTransition(f"attempt {ordinal} of {payment_id} at {account}")
        late = self._now() - row.created_ms > MAX_CASCADE_SECONDS * 1000
        if late or self._retries.begin(self._tried(row, ordinal, account)):
            if self._ending:
                self.end_unsent(row)
            return False
        self._add_attempt(row, ordinal, account)
        self.emit(row, "ATTEMPT_STARTED")
        return True

    def record_attempt(
        self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool, decided: bool = False
    ) -> None:
        """Record what became of an attempt; the first definite record wins.

        ``decided`` tells that an operator says so. An approval of what may have been reversed is held back.
        """
        row = self.rows[payment_id]
        attempt = next(a for a in row.payment.attempts if a.id == attempt_id)
        row.updated_ms = self._now()
        if attempt.status not in OPEN_ATTEMPT:
            if _contradicts(attempt, verdict):
                self.told_late(row, attempt, verdict.psp_reference)
            return
        status, payment_status = self._believed(
            attempt, verdict if decided else self._held(row, attempt, verdict), asked=asked
        )
        changed = replace(
            attempt,
            status=status,
            psp_reference=verdict.psp_reference or attempt.psp_reference,
            code=verdict.code,
            raw_code=verdict.raw_code,
            network_code=verdict.details.get("network_code", ""),
            advice_code=verdict.details.get("advice_code", ""),
            asks=attempt.asks + asked,
            not_founds=attempt.not_founds + 1 if verdict.not_found else 0,
        )
        if status is not attempt.status and status not in ATTEMPT_TRANSITIONS[attempt.status]:
            raise IllegalTransition(f"{attempt.id} {attempt.status} to {status}")
        if payment_status is not row.payment.status and payment_status not in PAYMENT_TRANSITIONS[row.payment.status]:
            raise IllegalTransition(f"{payment_id} {row.payment.status} to {payment_status}")
        attempts = tuple(changed if a.id == attempt_id else a for a in row.payment.attempts)
        row.payment = replace(row.payment, attempts=attempts, status=payment_status)
        if status is AttemptStatus.APPROVED:
            self._post_approval(row, changed)
            if row.store_card:
                self.to_keep[payment_id] = self._now() + KEEP_GRACE_MS
        if status is not attempt.status:
            self.emit(row, f"ATTEMPT_{status}")
        if status not in OPEN_ATTEMPT:
            self._note_end(row, changed)
        self._hear_held(row, changed, verdict, decided=decided)
        if payment_status is not PaymentStatus.PROCESSING:
            self._answer(row, payment_id, row.state())

    def take_tokens(self) -> list[str]:
        """Hand out the payments whose token the vault is to be told of now; each comes again until it is dropped."""
        due = [payment_id for payment_id, due_ms in self.to_keep.items() if due_ms <= self._now()]
        for payment_id in due:
            self.to_keep[payment_id] = self._now() + KEEP_GRACE_MS
        return due

    def drop_token(self, payment_id: str) -> None:
        """Forget a token that the vault was told of."""
        self.to_keep.pop(payment_id, None)

    def begin_modification(
        self,
        key: str,
        request_hash: str,
        modification_id: str,
        kind: ModificationKind,
        payment_id: str,
        amount: int,
        lease_ms: int,
        *,
        final: bool,
    ) -> Begun:
        """Begin a capture, void or refund SENDING, or tell what the key stands for."""
        known = self._known(key, request_hash, lease_ms)
        if known is not None:
            return known
        row = self.rows[payment_id]
        self._guard(row, kind, amount, final=final)
        approved = next(a for a in row.payment.attempts if a.status is AttemptStatus.APPROVED)
        modification = Modification(
            id=modification_id,
            payment_id=payment_id,
            kind=kind,
            account=approved.account,
            payment_psp_reference=approved.psp_reference,
            status=ModificationStatus.SENDING,
            amount=amount,
            currency="EUR",
            final=final,
        )
        row.modifications.append(modification)
        row.begun_ms[modification_id] = self._now()
        row.key_of[modification_id] = key
        row.updated_ms = self._now()
        self.keys[key] = KeyRow(request_hash, payment_id, modification_id, self._now() + lease_ms)
        self.emit(row, "MODIFICATION_STARTED")
        return Begun("STARTED", payment_id, modification_id)

    def load_modification(self, payment_id: str, modification_id: str) -> Modification:
        """Return a modification with its age."""
        row = self.rows[payment_id]
        found = next(m for m in row.modifications if m.id == modification_id)
        return replace(found, age_seconds=(self._now() - row.begun_ms[modification_id]) // 1000)

    def record_modification(
        self, payment_id: str, modification_id: str, verdict: ModificationVerdict, *, asked: bool
    ) -> None:
        """Record what became of a modification; the first definite record wins."""
        row = self.rows[payment_id]
        index = next(i for i, m in enumerate(row.modifications) if m.id == modification_id)
        before = row.modifications[index]
        row.updated_ms = self._now()
        if before.status not in OPEN_MODIFICATION:
            return
        pending = before.status is ModificationStatus.PENDING
        others = bool(before.asks) or asked or pending
        if verdict.status is ModificationStatus.FAILED and others and not self._is_definite(verdict):
            verdict = replace(verdict, status=ModificationStatus.UNKNOWN)
        if verdict.status is ModificationStatus.UNKNOWN and pending:
            verdict = replace(verdict, status=ModificationStatus.PENDING)
        if verdict.status is not before.status and verdict.status not in MODIFICATION_TRANSITIONS[before.status]:
            raise IllegalTransition(f"{before.id} {before.status} to {verdict.status}")
        row.modifications[index] = replace(
            before,
            status=verdict.status,
            psp_reference=verdict.psp_reference or before.psp_reference,
            asks=before.asks + asked,
            not_founds=before.not_founds + 1 if verdict.not_found else 0,
        )
        if verdict.status is ModificationStatus.SUCCEEDED:
            self._post_modification(row, before)
        if verdict.status is not before.status:
            self.emit(row, f"{before.kind}_{verdict.status}")
        if verdict.status not in OPEN_MODIFICATION:
            self._answer(row, modification_id, {"modification": modification_id, "status": verdict.status})

    def require_review(self, payment_id: str, reference: str) -> None:
        """Hand an operation to an operator."""
        row = self.rows[payment_id]
        for index, modification in enumerate(row.modifications):
            if modification.id == reference:
                row.modifications[index] = replace(modification, under_review=True)
        if any(attempt.id == reference for attempt in row.payment.attempts):
            row.reviews.add(reference)
            row.payment = replace(row.payment, under_review=True)
        self.emit(row, "REVIEW_REQUIRED")

    def stalled(self, grace_ms: int) -> list[tuple[str, str | None]]:
        """List (payment id, modification id or None) of what nobody has moved for ``grace_ms``."""
        stalled: list[tuple[str, str | None]] = []
        for row in self.rows.values():
            if self._now() - row.updated_ms < grace_ms:
                continue
            if row.payment.status is PaymentStatus.PROCESSING and not row.payment.under_review:
                stalled.append((row.payment.id, None))
            stalled.extend(
                (row.payment.id, m.id)
                for m in row.modifications
                if m.status in OPEN_MODIFICATION and not m.under_review
            )
        return stalled

    def _is_definite(self, verdict: AttemptVerdict | ModificationVerdict) -> bool:
        named = bool(verdict.psp_reference) and verdict.code != "duplicate_transaction"
        return named or not self._guarded

    def _known(self, key: str, request_hash: str, lease_ms: int) -> Begun | None:
        row = self.keys.get(key)
        if row is None:
            return None
        if row.request_hash != request_hash:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        if row.answer is not None:
            return Begun("REPLAYED", row.payment_id, row.reference, row.answer)
        if row.lease_until > self._now():
            return Begun("IN_FLIGHT", row.payment_id, row.reference)
        row.lease_until = self._now() + lease_ms
        return Begun("RESUME", row.payment_id, row.reference)

    def _guard(self, row: Row, kind: ModificationKind, amount: int, *, final: bool) -> None:
        status = row.payment.status
        if kind is ModificationKind.REFUND:
            if row.captured == 0:
                raise Refused("PAYMENT_NOT_REFUNDABLE")
            if amount > row.captured - row.refunded - row.pending(ModificationKind.REFUND):
                raise Refused("REFUND_EXCEEDS_CAPTURED")
            return
        if status is not PaymentStatus.AUTHORIZED:
            raise Refused(f"PAYMENT_NOT_{'CAPTUR' if kind is ModificationKind.CAPTURE else 'VOID'}ABLE")
        self._guard_open(row, kind, amount, final=final)

    def _guard_open(self, row: Row, kind: ModificationKind, amount: int, *, final: bool) -> None:
        captures = row.under_way(ModificationKind.CAPTURE)
        if row.under_way(ModificationKind.VOID) or any(capture.final for capture in captures):
            raise Refused("MODIFICATION_IN_PROGRESS")
        if kind is ModificationKind.VOID:
            if row.captured:
                raise Refused("PAYMENT_NOT_VOIDABLE")
            if captures:
                raise Refused("MODIFICATION_IN_PROGRESS")
            return
        if final and captures:
            raise Refused("MODIFICATION_IN_PROGRESS")
        if amount > row.authorized - row.captured - row.pending(ModificationKind.CAPTURE):
            raise Refused("CAPTURE_EXCEEDS_AUTHORIZED")

    def _held(self, row: Row, attempt: Attempt, verdict: AttemptVerdict) -> AttemptVerdict:
        """Hold an approval back while a reversal may have released what was approved."""
        approved = verdict.attempt_status is AttemptStatus.APPROVED
        if not approved or not self._holding or believes_approval(attempt):
            return verdict
        row.held[attempt.id] = verdict
        return replace(verdict, attempt_status=AttemptStatus.UNKNOWN, payment_status=PaymentStatus.PROCESSING)

    def _hear_held(self, row: Row, attempt: Attempt, verdict: AttemptVerdict, *, decided: bool) -> None:
        """Hand over an attempt that has ended while an approval of something else was held back."""
        held = row.held.get(attempt.id)
        ended = attempt.status is AttemptStatus.DECLINED and not decided
        if ended and held is not None and held.psp_reference != verdict.psp_reference:
            self.told_late(row, attempt, held.psp_reference)

    def _believed(
        self, attempt: Attempt, verdict: AttemptVerdict, *, asked: bool
    ) -> tuple[AttemptStatus, PaymentStatus]:
        """Give what a verdict comes to once it is known what has come since the call."""
        status, payment_status = verdict.attempt_status, verdict.payment_status
        pending = attempt.status is AttemptStatus.PENDING
        others = bool(attempt.asks) or asked or pending
        unsent = status is AttemptStatus.NOT_SENT and (others or attempt.status is AttemptStatus.UNKNOWN)
        if unsent or (status is AttemptStatus.DECLINED and others and not self._is_definite(verdict)):
            status, payment_status = AttemptStatus.UNKNOWN, PaymentStatus.PROCESSING
        if status is AttemptStatus.UNKNOWN and pending:
            status = AttemptStatus.PENDING
        return status, payment_status

    def _now_us(self) -> int:
        return EPOCH_US + self._now() * 1000

    def _add_attempt(self, row: Row, ordinal: int, account: str) -> None:
        attempt = Attempt(f"{row.payment.id}_{ordinal}", ordinal, account, AttemptStatus.SENDING)
        row.payment = replace(row.payment, attempts=(*row.payment.attempts, attempt))
        row.begun_ms[attempt.id] = self._now()
        self.moves.append(Move(row.payment.id, attempt.id, ordinal, None, NO_DECLINE, self._now()))

    def _note_end(self, row: Row, attempt: Attempt) -> None:
        decline = Decline(attempt.code, attempt.network_code, attempt.advice_code, row.payment.brand)
        begun_us = EPOCH_US + row.begun_ms[attempt.id] * 1000
        tried = self._tried(row, attempt.ordinal, attempt.account, begun_us)
        self._retries.end(tried, attempt.status.value, decline, self._now_us())
        self.moves.append(Move(row.payment.id, attempt.id, attempt.ordinal, attempt.status, decline, self._now()))

    def _tried(self, row: Row, ordinal: int, account: str, begun_us: int | None = None) -> Tried:
        payment = row.payment
        return Tried(
            payment.merchant_id,
            row.card,
            payment.brand,
            f"{payment.id}_{ordinal}",
            payment.amount,
            payment.currency,
            self._now_us() if begun_us is None else begun_us,
            account,
            row.by_merchant,
        )

    def end_unsent(self, row: Row) -> None:
        """End a payment of which no further attempt may begin."""
        attempts = row.payment.attempts
        declined = not attempts or any(attempt.status is AttemptStatus.DECLINED for attempt in attempts)
        late = self._now() - row.created_ms > MAX_CASCADE_SECONDS * 1000
        status = PaymentStatus.FAILED if late and not declined else PaymentStatus.DECLINED
        row.payment = replace(row.payment, status=status)
        self.emit(row, f"PAYMENT_{status}")
        self._answer(row, row.payment.id, row.state())

    def _post_approval(self, row: Row, attempt: Attempt) -> None:
        row.authorized = row.payment.amount
        if row.payment.capture_method is CaptureMethod.AUTOMATIC:
            row.captured = row.payment.amount
            self._post(attempt.id, "psp_receivable", "merchant_pending", row.payment.amount)
        else:
            self._post(attempt.id, "auth_hold", "auth_hold_contra", row.payment.amount)

    def _post_modification(self, row: Row, modification: Modification) -> None:
        if modification.kind is ModificationKind.REFUND:
            row.refunded += modification.amount
            self._post(modification.id, "merchant_pending", "psp_receivable", modification.amount)
            return
        held = row.authorized - row.captured
        if modification.kind is ModificationKind.VOID:
            self._post(modification.id, "auth_hold_contra", "auth_hold", held)
            row.payment = replace(row.payment, status=PaymentStatus.VOIDED)
            return
        row.captured += modification.amount
        last = modification.final or row.captured == row.authorized
        self._post(modification.id, "psp_receivable", "merchant_pending", modification.amount)
        self._post(f"{modification.id}:hold", "auth_hold_contra", "auth_hold", held if last else modification.amount)
        if last:
            row.payment = replace(row.payment, status=PaymentStatus.SUCCEEDED)

    def _post(self, journal: str, debit: str, credit: str, amount: int) -> None:
        self.ledger.append((journal, debit, credit, amount))

    def _answer(self, row: Row, reference: str, answer: dict[str, Any]) -> None:
        key = self.keys[row.key_of[reference]]
        if key.answer is None:
            key.answer = answer

    def emit(self, row: Row, event: str) -> None:
        """Add an event."""
        row.events.append((len(row.events) + 1, event, row.state()))


def _aged(row: Row, attempt: Attempt, age_seconds: int, now_ms: int) -> Attempt:
    if not attempt.reversals:
        return replace(attempt, age_seconds=age_seconds)
    reversal_age = (now_ms - row.reversed_ms[attempt.id]) // 1000
    return replace(attempt, age_seconds=age_seconds, reversal_age_seconds=reversal_age)


def _contradicts(attempt: Attempt, verdict: AttemptVerdict) -> bool:
    """Tell whether a PSP says that it has approved what is recorded as ended otherwise."""
    approved = verdict.attempt_status is AttemptStatus.APPROVED and attempt.status is not AttemptStatus.APPROVED
    return approved and not is_taken_back(attempt, verdict.psp_reference)
