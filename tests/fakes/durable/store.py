"""An in-memory store that records as the stored procedures do."""

import copy
import time
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.ports import TokenToKeep
from gateway_svc.application.views import attempt_of
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import (
    ATTEMPT_TRANSITIONS,
    MODIFICATION_TRANSITIONS,
    PAYMENT_TRANSITIONS,
    AttemptStatus,
    CancelStatus,
    ModificationStatus,
    PaymentStatus,
)
from gateway_svc.domain.reversal import ReversalTold, ReversalVerdict, believes_approval
from gateway_svc.domain.three_ds import NO_CRYPTOGRAM, Cryptogram
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.reversals import taken_back
from tests.fakes.gateway.tokens_to_keep import FakeTokensToKeep

JSON = dict[str, Any]
FINAL_ATTEMPTS = {"APPROVED", "DECLINED", "NOT_SENT"}
WAITING = "ACTION_REQUIRED"


@dataclass
class FakeStore:
    """Payments and modifications by id; `away` refuses that many calls as a database that is away does.

    Of the payments in `stopped` a network's rule forbids any further attempt.
    """

    payments: dict[str, JSON] = field(default_factory=dict)
    modifications: dict[str, JSON] = field(default_factory=dict)
    begun_at: dict[str, float] = field(default_factory=dict)
    reversed_at: dict[str, float] = field(default_factory=dict)
    held: dict[str, AttemptVerdict] = field(default_factory=dict)
    away: int = 0
    record_away: int = 0
    records: list[tuple[str, str]] = field(default_factory=list)
    stalled: list[tuple[str, str]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    expired_keys: int = 0
    old_retries: int = 0
    stopped: set[str] = field(default_factory=set)
    action_seconds: int = 1800
    tokens: FakeTokensToKeep = field(default_factory=FakeTokensToKeep)
    cryptograms: dict[str, Cryptogram] = field(default_factory=dict)

    async def load_cryptogram(self, payment_id: str) -> Cryptogram:
        self._be_away()
        return self.cryptograms.get(payment_id, NO_CRYPTOGRAM)

    async def take_tokens_to_keep(self, limit: int) -> list[TokenToKeep]:
        self._be_away()
        return await self.tokens.take_tokens_to_keep(limit)

    async def drop_token_to_keep(self, payment_id: str) -> None:
        self._be_away()
        await self.tokens.drop_token_to_keep(payment_id)

    def add_payment(
        self,
        payment_id: str,
        *accounts: str,
        capture_method: str = "AUTOMATIC",
        store_card: bool = False,
        **attempt: Any,
    ) -> JSON:
        """Add a payment as the request leaves it: the first attempt is begun at the first account."""
        payment = {
            "id": payment_id,
            "merchant_id": "mer_secretmerchant",
            "status": "PROCESSING",
            "amount": 1050,
            "currency": "EUR",
            "capture_method": capture_method,
            "token": "tok_secrettoken",
            "statement_descriptor": "SECRET SHOP",
            "store_card": store_card,
            "candidates": [{"account": account, "reason": "secret reason"} for account in accounts],
            "attempts": [_attempt(payment_id, 1, accounts[0]) | attempt],
            "under_review": False,
            "card": {},
            "created_us": 1_795_680_000_000_000,
        }
        self.payments[payment_id] = payment
        self.begun_at[f"{payment_id}_1"] = time.monotonic() - attempt.get("age_seconds", 0)
        return payment

    def add_modification(self, modification_id: str, kind: str = "REFUND", **changes: Any) -> JSON:
        """Add a modification as the request leaves it: SENDING, or as `changes` say."""
        modification = {
            "id": modification_id,
            "payment_id": "pay_of_it",
            "kind": kind,
            "account": "psp_a",
            "payment_psp_reference": "psp-secret-1",
            "status": "SENDING",
            "amount": 500,
            "currency": "EUR",
            "final": True,
            "psp_reference": "",
            "asks": 0,
            "not_founds": 0,
            "under_review": False,
        } | changes
        self.modifications[modification_id] = modification
        self.begun_at[modification_id] = time.monotonic()
        return modification

    async def load_payment(self, payment_id: str) -> JSON:
        self._be_away()
        payment = self.payments.get(payment_id)
        if payment is None:
            raise Refusal(Reason.PAYMENT_NOT_FOUND)
        view = copy.deepcopy(payment)
        for attempt in view["attempts"]:
            attempt["age_seconds"] = int(time.monotonic() - self.begun_at[attempt["id"]])
            reversed_at = self.reversed_at.get(attempt["id"], time.monotonic())
            attempt["reversal_age_seconds"] = int(time.monotonic() - reversed_at)
        return view

    async def begin_attempt(self, payment_id: str, ordinal: int, account: str, reason: str) -> tuple[bool, JSON]:
        self._be_away()
        payment = self.payments[payment_id]
        attempts = payment["attempts"]
        if any(attempt["ordinal"] == ordinal and attempt["account"] == account for attempt in attempts):
            return False, copy.deepcopy(payment)
        assert payment["status"] == "PROCESSING"
        if payment_id in self.stopped:
            payment["status"] = "DECLINED"
            return False, copy.deepcopy(payment)
        assert all(attempt["status"] in {"DECLINED", "NOT_SENT"} for attempt in attempts)
        assert ordinal == len(attempts) + 1
        assert {"account": account, "reason": reason} in payment["candidates"]
        assert account not in {attempt["account"] for attempt in attempts}
        attempts.append(_attempt(payment_id, ordinal, account))
        self.begun_at[f"{payment_id}_{ordinal}"] = time.monotonic()
        return True, copy.deepcopy(payment)

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> JSON:
        self._be_away(recording=True)
        payment = self.payments[payment_id]
        attempt = next(attempt for attempt in payment["attempts"] if attempt["id"] == attempt_id)
        if attempt["status"] in FINAL_ATTEMPTS:
            return copy.deepcopy(payment)
        status = verdict.attempt_status
        if status is AttemptStatus.NOT_SENT and (asked or attempt["asks"] or attempt["status"] != "SENDING"):
            status = AttemptStatus.UNKNOWN
        if status is AttemptStatus.APPROVED and not believes_approval(attempt_of(attempt)):
            self.held[attempt_id] = verdict
            status = AttemptStatus.UNKNOWN
        if status is AttemptStatus.UNKNOWN and attempt["status"] == "PENDING":
            status = AttemptStatus.PENDING
        waited = (attempt["status"], payment["status"]) == (WAITING, "PROCESSING")
        attempt["late_asks"] = attempt.get("late_asks", 0) + (asked and waited)
        if attempt.get("cancel") in {"SENT", "DONE"} and status is not AttemptStatus.DECLINED:
            status = AttemptStatus.ACTION_REQUIRED
        if attempt["status"] != WAITING and verdict.payment_status is PaymentStatus.REQUIRES_ACTION:
            payment["status"], payment["next_action"] = "REQUIRES_ACTION", {"left_seconds": self.action_seconds}
        elif status in {AttemptStatus.PENDING, AttemptStatus.DECLINED} and payment["status"] == "REQUIRES_ACTION":
            payment["status"], payment["next_action"] = "PROCESSING", None
        _settle(attempt, status, verdict, ATTEMPT_TRANSITIONS[AttemptStatus(attempt["status"])], asked=asked)
        if status.value in FINAL_ATTEMPTS and verdict.payment_status is not PaymentStatus.PROCESSING:
            assert verdict.payment_status in PAYMENT_TRANSITIONS[PaymentStatus(payment["status"])]
            payment["status"] = verdict.payment_status.value
            if payment["store_card"] and payment["status"] in {"AUTHORIZED", "SUCCEEDED"}:
                self.tokens.note(TokenToKeep(payment_id, payment["merchant_id"], payment["token"]))
        self.records.append((attempt_id, status.value))
        return copy.deepcopy(payment)

    async def end_action(self, attempt_id: str) -> JSON:
        self._be_away(recording=True)
        payment = self.payments[attempt_id.rpartition("_")[0]]
        if payment["status"] == "REQUIRES_ACTION":
            payment["status"], payment["next_action"] = "PROCESSING", None
            self.records.append((attempt_id, "ACTION_EXPIRED"))
        return copy.deepcopy(payment)

    async def record_cancel(self, attempt_id: str, number: int, cancel: CancelStatus) -> tuple[bool, JSON]:
        self._be_away(recording=True)
        payment = self.payments[attempt_id.rpartition("_")[0]]
        attempt = next(attempt for attempt in payment["attempts"] if attempt["id"] == attempt_id)
        sent = cancel is CancelStatus.SENT
        fits = attempt["status"] == WAITING and payment["status"] == "PROCESSING"
        fits = fits and attempt.get("cancels", 0) == number - sent
        if fits:
            attempt |= {"cancel": cancel.value, "cancels": number}
            self.records.append((attempt_id, f"CANCEL {cancel}"))
        return fits, copy.deepcopy(payment)

    async def begin_reversal(self, payment_id: str, attempt_id: str, number: int) -> tuple[bool, JSON]:
        self._be_away()
        payment = self.payments[payment_id]
        attempt = next(attempt for attempt in payment["attempts"] if attempt["id"] == attempt_id)
        begun = attempt["status"] in {"SENDING", "UNKNOWN"} and attempt["reversals"] == number - 1
        if begun:
            attempt |= {"status": "UNKNOWN", "reversals": number, "reversal": "SENT"}
            self.reversed_at[attempt_id] = time.monotonic()
        return begun, copy.deepcopy(payment)

    async def record_reversal(
        self, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict
    ) -> JSON:
        self._be_away(recording=True)
        payment = self.payments[payment_id]
        attempt = next(attempt for attempt in payment["attempts"] if attempt["id"] == attempt_id)
        assert number == attempt["reversals"]
        if attempt["status"] in FINAL_ATTEMPTS:
            return copy.deepcopy(payment)
        if verdict.told is ReversalTold.CONFIRMED:
            return await self.record_attempt(payment_id, attempt_id, taken_back(verdict), asked=True)
        attempt["asks"] += 1
        if verdict.told is not ReversalTold.UNCLEAR:
            attempt["reversal"] = verdict.told.value
        self.records.append((attempt_id, f"REVERSAL_{verdict.told}"))
        held = self.held.get(attempt_id)
        if held is not None and believes_approval(attempt_of(attempt)):
            return await self.record_attempt(payment_id, attempt_id, held, asked=True)
        return copy.deepcopy(payment)

    async def load_modification(self, modification_id: str) -> tuple[JSON, JSON]:
        self._be_away()
        if modification_id not in self.modifications:
            raise Refusal(Reason.REFUND_NOT_FOUND)
        view = copy.deepcopy(self.modifications[modification_id])
        view["age_seconds"] = int(time.monotonic() - self.begun_at[modification_id])
        return view, {}

    async def record_modification(
        self, modification_id: str, verdict: ModificationVerdict, *, asked: bool, reversal: bool = False
    ) -> tuple[JSON, JSON]:
        self._be_away(recording=True)
        assert not reversal, "no step takes a success back"
        modification = self.modifications[modification_id]
        before = ModificationStatus(modification["status"])
        if before not in {ModificationStatus.SUCCEEDED, ModificationStatus.FAILED}:
            _settle(modification, verdict.status, verdict, MODIFICATION_TRANSITIONS[before], asked=asked)
            self.records.append((modification_id, verdict.status.value))
        return copy.deepcopy(modification), {}

    async def require_review(self, payment_id: str, reference: str) -> None:
        self._be_away()
        if reference in self.modifications:
            self.modifications[reference]["under_review"] = True
        else:
            self.payments[payment_id]["under_review"] = True

    async def stalled_work(self, grace_ms: int, limit: int) -> list[tuple[str, str]]:
        self._be_away()
        assert grace_ms > 0
        self.limits.append(limit)
        handed_out, self.stalled = self.stalled[:limit], self.stalled[limit:]
        return handed_out

    async def purge_idempotency_keys(self, limit: int) -> int:
        self._be_away()
        purged = min(limit, self.expired_keys)
        self.expired_keys -= purged
        return purged

    async def purge_retries(self, limit: int) -> int:
        self._be_away()
        purged = min(limit, self.old_retries)
        self.old_retries -= purged
        return purged

    def _be_away(self, *, recording: bool = False) -> None:
        if recording and self.record_away > 0:
            self.record_away -= 1
            raise Refusal(Reason.UNAVAILABLE)
        if self.away > 0:
            self.away -= 1
            raise Refusal(Reason.UNAVAILABLE)


def _attempt(payment_id: str, ordinal: int, account: str) -> JSON:
    return {
        "id": f"{payment_id}_{ordinal}",
        "ordinal": ordinal,
        "account": account,
        "status": "SENDING",
        "psp_reference": "",
        "code": "",
        "raw_code": "",
        "asks": 0,
        "not_founds": 0,
        "reversals": 0,
        "reversal": "NONE",
    }


def _settle(
    record: JSON,
    status: AttemptStatus | ModificationStatus,
    verdict: AttemptVerdict | ModificationVerdict,
    legal: frozenset[Any],
    *,
    asked: bool,
) -> None:
    if status.value != record["status"]:
        assert status in legal, f"{record['status']} -> {status}"
    record["asks"] += int(asked)
    if status.value in {"UNKNOWN", "PENDING"}:
        record["not_founds"] = record["not_founds"] + 1 if verdict.not_found else 0
    record |= {"status": status.value, "code": verdict.code, "raw_code": verdict.raw_code}
    record["psp_reference"] = verdict.psp_reference or record["psp_reference"]
