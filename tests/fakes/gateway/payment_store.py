"""An in-memory payment store with the rules of the stored procedures; the contract suite holds both equal."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway_svc.application.ports import (
    Begun,
    Disposition,
    NewModification,
    NewPayment,
    Operation,
    TokenToKeep,
    View,
)
from gateway_svc.domain.cascade_policy import MAX_ATTEMPTS, MAX_CASCADE_SECONDS
from gateway_svc.domain.core import OPEN_PAYMENTS, AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import (
    ATTEMPT_TRANSITIONS,
    MODIFICATION_TRANSITIONS,
    AttemptStatus,
    CancelStatus,
    ModificationStatus,
)
from gateway_svc.domain.routing import RouteDecision
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway import actions
from tests.fakes.gateway.agreements import FakeAgreements
from tests.fakes.gateway.decisions import FakeDecisions
from tests.fakes.gateway.faults import Faults
from tests.fakes.gateway.payment_rules import (
    OPEN,
    KeyRow,
    allowed_amount,
    capture_to_refund,
    change,
    count_pending,
    decline_of,
    failed_modification,
    is_definite,
    new_attempt,
    new_payment,
    open_modification,
    page,
    settle,
)
from tests.fakes.gateway.refunds import RefundReader
from tests.fakes.gateway.retries import Retries, Tried, said_of, tried_of
from tests.fakes.gateway.reversals import FakeReversals, ReversingStore
from tests.fakes.gateway.reviews import FakeReviews
from tests.fakes.gateway.tokens_to_keep import FakeTokensToKeep

JSON = dict[str, Any]
_OF_THE_PSP = ("details", "expected_us")


@dataclass
class FakePaymentStore(FakeAgreements, RefundReader, ReversingStore):
    """Implements the `PaymentStore` and `TokensToKeep` ports; `faults` makes methods fail, `calls` tells of calls.

    `need_codes` has the merchants whose first payments with a card need its code, `cascades` the settings of those who
    let fewer declined payments move on.
    """

    merchants: set[str] = field(default_factory=set)
    need_codes: set[str] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    payments: dict[str, JSON] = field(default_factory=dict)
    modifications: dict[str, JSON] = field(default_factory=dict)
    keys: dict[tuple[str, str], KeyRow] = field(default_factory=dict)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)
    now_us: int = 1_795_680_000_000_000
    retries: Retries = field(default_factory=Retries)
    card_keys: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    cascades: dict[str, JSON] = field(default_factory=dict)
    decisions: FakeDecisions = field(default_factory=FakeDecisions)
    tokens: FakeTokensToKeep = field(default_factory=FakeTokensToKeep)
    reviews: FakeReviews = field(default_factory=FakeReviews)
    reversals: FakeReversals = field(default_factory=FakeReversals)

    async def take_tokens_to_keep(self, limit: int) -> list[TokenToKeep]:
        self._enter("take_tokens_to_keep")
        return await self.tokens.take_tokens_to_keep(limit)

    async def drop_token_to_keep(self, payment_id: str) -> None:
        self._enter("drop_token_to_keep")
        await self.tokens.drop_token_to_keep(payment_id)
        self._leave("drop_token_to_keep")

    async def begin_payment(self, operation: Operation, new: NewPayment) -> Begun:
        self._enter("begin_payment")
        begun = self._known(operation, "PAYMENT", take_lease=True)
        if begun is None:
            if not new.candidates:
                raise Refusal(Reason.NO_ELIGIBLE_ACCOUNT, detail="no account is eligible")
            if operation.merchant_id not in self.merchants:
                raise Refusal(Reason.MERCHANT_NOT_FOUND, merchant_id=operation.merchant_id)
            for other in self.payments.values():
                same = (other["merchant_id"], other["merchant_reference"]) == (
                    operation.merchant_id,
                    new.merchant_reference,
                )
                if same and new.merchant_reference:
                    raise Refusal(Reason.MERCHANT_REFERENCE_TAKEN, payment_id=other["id"])
            self.payments[new.id] = self._new_payment(operation.merchant_id, new)
            self.card_keys[new.id] = new.fingerprint or new.token
            self.decisions.keep(new)
            self._keep_key(operation, "PAYMENT", new.id, None)
            refusal = self.retries.begin(self._tried(self.payments[new.id], 1, self.now_us))
            if refusal:
                self.payments[new.id]["attempts"] = []
                answer = self._end_unsent(self.payments[new.id], refusal)
                begun = Begun(Disposition.DECLINED, answer, None, answer)
            else:
                begun = Begun(Disposition.CREATED, self._payment_view(new.id), None, None)
        self._leave("begin_payment")
        return begun

    async def begin_modification(self, operation: Operation, new: NewModification) -> Begun:
        self._enter("begin_modification")
        begun = self._known(operation, new.kind, take_lease=True)
        if begun is None:
            payment = self._owned(operation.merchant_id, new.payment_id)
            final = new.kind == "CAPTURE" and new.final is not False
            amount = allowed_amount(payment, new, final=final)
            approved = next(attempt for attempt in payment["attempts"] if attempt["status"] == "APPROVED")
            self.modifications[new.id] = {
                "id": new.id,
                "payment_id": payment["id"],
                "merchant_id": payment["merchant_id"],
                "kind": new.kind,
                "account": approved["account"],
                "payment_psp_reference": approved["psp_reference"],
                "capture_psp_reference": capture_to_refund(self.modifications, payment, new.kind, amount, approved),
                "status": "SENDING",
                "amount": amount,
                "currency": payment["currency"],
                "final": final,
                "reason": new.reason,
                "code": "",
                "raw_code": "",
                "psp_reference": "",
                "details": {},
                "expected_us": None,
                "reversed": False,
                "asks": 0,
                "not_founds": 0,
                "under_review": False,
                "created_us": self._tick(),
                "updated_us": self.now_us,
            }
            count_pending(payment, self.modifications[new.id], 1)
            self._touch(payment, event=True)
            self._keep_key(operation, new.kind, payment["id"], new.id)
            begun = Begun(
                Disposition.STARTED,
                self._payment_view(payment["id"]),
                copy.deepcopy(self.modifications[new.id]),
                None,
            )
        self._leave("begin_modification")
        return begun

    async def find_operation(self, operation: Operation) -> Begun:
        self._enter("find_operation")
        begun = self._known(operation, None, take_lease=False)
        self._leave("find_operation")
        return begun or Begun(Disposition.NONE, None, None, None)

    async def release_lease(self, operation: Operation) -> None:
        self._enter("release_lease")
        row = self.keys.get((operation.merchant_id, operation.idempotency_key))
        if row is not None:
            row.lease_until = None
        self._leave("release_lease")

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> View:
        self._enter("record_attempt")
        payment = self._any(payment_id)
        attempt = next(item for item in payment["attempts"] if item["id"] == attempt_id)
        if attempt["status"] in OPEN:
            status, payment_status = verdict.attempt_status.value, verdict.payment_status.value
            decided = attempt_id == self.reviews.deciding
            others = bool(attempt["asks"] or asked or attempt["status"] in actions.ACKNOWLEDGED)
            unsent = status == "NOT_SENT" and (others or attempt["status"] == "UNKNOWN")
            unsure = others and not decided and not is_definite(verdict)
            if unsent or (status == "DECLINED" and unsure):
                status, payment_status = "UNKNOWN", "PROCESSING"
            if self.reversals.hold(attempt, verdict, decided=decided):
                status, payment_status = "UNKNOWN", "PROCESSING"
            status, payment_status = actions.stays(payment, attempt, status, payment_status, decided=decided)
            allowed = ATTEMPT_TRANSITIONS[AttemptStatus(attempt["status"])]
            waited = (attempt["status"], payment["status"]) == (actions.WAITING, "PROCESSING")
            attempt["late_asks"] += asked and waited
            first = change(attempt, status, verdict, allowed, self.now_us + 1, asked=asked)
            payment["status"] = payment_status
            actions.note_action(payment, attempt, verdict, self.now_us + 1, first=first)
            payment["amount_authorized"] = payment["amount"] if status == "APPROVED" else 0
            payment["amount_captured"] = payment["amount"] if payment_status == "SUCCEEDED" else 0
            self.reviews.recorded(payment, attempt, verdict, self.now_us, asked=asked)
            if payment_status in {"DECLINED", "FAILED"}:
                payment["decline"] = decline_of(payment)
            if payment["store_card"] and payment_status in {"AUTHORIZED", "SUCCEEDED"}:
                self.tokens.note(TokenToKeep(payment_id, payment["merchant_id"], payment["token"]))
                self.link(payment, verdict)
            self._touch(payment, event=first)
            self.forget(payment)
            tried = self._tried(payment, attempt["ordinal"], attempt["created_us"])
            self.retries.end(tried, status, said_of(verdict, tried.brand), self.now_us)
            if payment_status not in OPEN_PAYMENTS:
                self._keep_answer(payment_id, self._payment_view(payment_id))
            if not decided:
                self._hear_held(payment, attempt, verdict)
        else:
            if self.reviews.late(payment, attempt, verdict, self.now_us):
                self._touch(payment, event=True)
            self._leave("record_attempt")
            return self._answer_of(payment_id) or self._payment_view(payment_id)
        self._leave("record_attempt")
        return self._payment_view(payment_id)

    async def begin_attempt(self, payment_id: str, ordinal: int, account: str, reason: str) -> tuple[bool, View]:
        self._enter("begin_attempt")
        payment = self._any(payment_id)
        attempts = payment["attempts"]
        begun = (
            payment_id not in self.ended
            and not payment["under_review"]
            and not any((item["ordinal"], item["account"]) == (ordinal, account) for item in attempts)
        )
        if begun:
            fits = (
                payment["status"] == "PROCESSING"
                and ordinal == len(attempts) + 1
                and all(item["status"] in {"DECLINED", "NOT_SENT"} for item in attempts)
                and account not in {item["account"] for item in attempts}
                and account in {item["account"] for item in payment["candidates"]}
                and ordinal <= payment["cascade"].get("max_attempts", MAX_ATTEMPTS)
            )
            if not fits:
                message = "no such step"
                raise AssertionError(message)
            now_us = self._tick()
            late = now_us - payment["created_us"] > MAX_CASCADE_SECONDS * 1_000_000
            refusal = "" if late else self.retries.begin(self._tried(payment, ordinal, now_us))
            if late or refusal:
                self._leave("begin_attempt")
                return False, self._end_unsent(payment, refusal)
            attempts.append(new_attempt(payment_id, ordinal, account, reason, now_us))
            self._touch(payment, event=True)
        self._leave("begin_attempt")
        return begun, self._payment_view(payment_id)

    async def end_action(self, attempt_id: str) -> View:
        payment = self._any(attempt_id.rpartition("_")[0])
        if actions.end_action(payment, self._operation(payment, attempt_id)):
            self._touch(payment, event=True)
        return self._payment_view(payment["id"])

    async def record_cancel(self, attempt_id: str, number: int, cancel: CancelStatus) -> tuple[bool, View]:
        payment = self._any(attempt_id.rpartition("_")[0])
        recorded = actions.record_cancel(payment, self._operation(payment, attempt_id), number, cancel)
        return recorded, self._payment_view(payment["id"])

    async def record_modification(
        self, modification_id: str, verdict: ModificationVerdict, *, asked: bool, reversal: bool = False
    ) -> tuple[View, View]:
        self._enter("record_modification")
        modification = self.modifications[modification_id]
        payment = self._any(modification["payment_id"])
        if modification["status"] in OPEN:
            allowed = MODIFICATION_TRANSITIONS[ModificationStatus(modification["status"])]
            pending = modification["status"] == "PENDING"
            if verdict.status is ModificationStatus.FAILED and (modification["asks"] or asked or pending):
                unsure = replace(verdict, status=ModificationStatus.UNKNOWN)
                believed = is_definite(verdict) or modification_id == self.reviews.deciding
                verdict = verdict if believed else unsure
            if verdict.status is ModificationStatus.UNKNOWN and pending:
                verdict = replace(verdict, status=ModificationStatus.PENDING)
            first = change(modification, verdict.status.value, verdict, allowed, self.now_us + 1, asked=asked)
            modification["reversed"] = reversal and verdict.status is ModificationStatus.FAILED
            modification["updated_us"] = self._tick()
            if verdict.status.value not in OPEN:
                count_pending(payment, modification, -1)
                if verdict.status is ModificationStatus.SUCCEEDED:
                    settle(payment, modification)
            self.reviews.recorded(payment, modification, verdict, self.now_us, asked=asked)
            self._touch(payment, event=first)
            if verdict.status.value not in OPEN:
                refund = modification["kind"] == "REFUND"
                answer = copy.deepcopy(modification) if refund else self._payment_view(payment["id"])
                self._keep_answer(modification_id, answer)
        elif self.reviews.late(payment, modification, verdict, self.now_us):
            self._touch(payment, event=True)
        elif modification["kind"] != "REFUND":
            self._leave("record_modification")
            return copy.deepcopy(modification), self._answer_of(modification_id) or self._payment_view(payment["id"])
        self._leave("record_modification")
        return copy.deepcopy(modification), self._payment_view(payment["id"])

    async def find_modification(self, modification_id: str) -> View | None:
        self._enter("find_modification")
        return copy.deepcopy(self.modifications.get(modification_id))

    async def find_open_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        self._enter("find_open_modification")
        return open_modification(self.modifications, payment_id, kind, amount, psp_reference)

    async def find_failed_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        self._enter("find_failed_modification")
        return failed_modification(self.modifications, payment_id, kind, amount, psp_reference)

    async def reverse_modification(self, modification_id: str, code: str, raw_code: str) -> bool:
        self._enter("reverse_modification")
        modification = self.modifications[modification_id]
        payment = self._any(modification["payment_id"])
        if modification["status"] != "SUCCEEDED":
            return bool(modification["status"] == "FAILED" and modification["reversed"])
        kind, amount = modification["kind"], modification["amount"]
        given_back = payment["amount_refunded"] + payment["amount_refund_pending"]
        if kind == "VOID" or (kind == "CAPTURE" and given_back):
            return False
        modification |= {"status": "FAILED", "reversed": True, "code": code, "raw_code": raw_code}
        modification["updated_us"] = self._tick()
        payment["amount_captured" if kind == "CAPTURE" else "amount_refunded"] -= amount
        closed = any(
            (item["payment_id"], item["kind"], item["status"], item["final"])
            == (payment["id"], "CAPTURE", "SUCCEEDED", True)
            for item in self.modifications.values()
        )
        payment["status"] = "AUTHORIZED" if kind == "CAPTURE" and not closed else payment["status"]
        self._touch(payment, event=True)
        return True

    async def report_contradiction(self, payment_id: str, reference: str, told: View) -> None:
        self._enter("report_contradiction")
        payment = self._any(payment_id)
        record = self._operation(payment, reference)
        if self.reviews.contradict(payment, record, told, self._tick()):
            self._touch(payment, event=True)

    async def load_payment(self, payment_id: str) -> View:
        self._enter("load_payment")
        self._any(payment_id)
        view = self._payment_view(payment_id)
        ages = self.reviews.ages, self.reversals.ages
        view["attempts"] = [it | ages[0](it, self.now_us) | ages[1](it, self.now_us) for it in view["attempts"]]
        return view

    async def load_modification(self, modification_id: str) -> tuple[View, View]:
        self._enter("load_modification")
        modification = copy.deepcopy(self.modifications[modification_id])
        modification |= self.reviews.ages(modification, self.now_us)
        return modification, self._payment_view(modification["payment_id"])

    async def require_review(self, payment_id: str, reference: str) -> None:
        self._enter("require_review")
        payment = self._any(payment_id)
        record = self._operation(payment, reference)
        waits = record["status"] in OPEN or (payment["status"] in OPEN_PAYMENTS and "kind" not in record)
        if waits and self.reviews.open(payment, record, "UNKNOWN", None, self._tick()):
            self._touch(payment, event=True)

    async def stalled_work(self, grace_ms: int, limit: int) -> list[tuple[str, str]]:
        before = self.now_us - grace_ms * 1000
        work = actions.stalled(self.payments, self.modifications, OPEN)
        return [(kind, name) for updated_us, kind, name in work if updated_us < before][:limit]

    async def get_payment(self, merchant_id: str, payment_id: str) -> View:
        self._enter("get_payment")
        return self._payment_view(self._owned(merchant_id, payment_id)["id"])

    async def get_routing(self, merchant_id: str, payment_id: str) -> tuple[View, RouteDecision | None]:
        self._enter("get_routing")
        payment = self._payment_view(self._owned(merchant_id, payment_id)["id"])
        return payment, self.decisions.of(payment_id)

    async def list_payments(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        self._enter("list_payments")
        return page(actions.listed(self.payments, merchant_id, filters, self.now_us), filters, limit)

    def _operation(self, payment: JSON, reference: str) -> JSON:
        return next(it for it in (*payment["attempts"], *self.modifications.values()) if it["id"] == reference)

    def _tried(self, payment: JSON, ordinal: int, begun_us: int) -> Tried:
        return tried_of(payment, self.card_keys.get(payment["id"], ""), ordinal, begun_us)

    def _end_unsent(self, payment: JSON, code: str) -> JSON:
        declined = code or any(item["status"] == "DECLINED" for item in payment["attempts"])
        payment["status"] = "DECLINED" if declined else "FAILED"
        payment["decline"] = {"code": code, "raw_code": ""} if code else decline_of(payment)
        self.ended.add(payment["id"])
        self.forget(payment)
        self._touch(payment, event=True)
        self._keep_answer(payment["id"], self._payment_view(payment["id"]))
        return self._payment_view(payment["id"])

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        self.faults.before(method)

    def _leave(self, method: str) -> None:
        self.faults.after(method)

    def _tick(self) -> int:
        self.now_us += 1
        return self.now_us

    def _touch(self, payment: JSON, *, event: bool) -> None:
        payment["updated_us"] = self._tick()
        payment["seq"] += event

    def _known(self, operation: Operation, kind: str | None, *, take_lease: bool) -> Begun | None:
        row = self.keys.get((operation.merchant_id, operation.idempotency_key))
        if row is None:
            return None
        if row.request_hash != operation.request_hash or kind not in {None, row.operation}:
            raise Refusal(Reason.IDEMPOTENCY_KEY_REUSED)
        if row.answer is not None:
            disposition = Disposition.REPLAYED
        elif row.lease_until is not None and row.lease_until > self.clock():
            disposition = Disposition.IN_FLIGHT
        else:
            disposition = Disposition.RESUME
            if take_lease:
                row.lease_until = self.clock() + operation.lease_ms / 1000
        modification = self.modifications.get(row.modification_id or "")
        return Begun(
            disposition,
            self._payment_view(row.payment_id),
            copy.deepcopy(modification),
            copy.deepcopy(row.answer),
        )

    def _keep_key(self, operation: Operation, kind: str, payment_id: str, modification_id: str | None) -> None:
        name = (operation.merchant_id, operation.idempotency_key)
        lease_until = self.clock() + operation.lease_ms / 1000
        self.keys[name] = KeyRow(kind, operation.request_hash, payment_id, modification_id, lease_until)
        self.owners[modification_id or payment_id] = name

    def _keep_answer(self, reference: str, answer: JSON) -> None:
        row = self.keys[self.owners[reference]]
        row.answer, row.lease_until = row.answer or answer, None

    def _answer_of(self, reference: str) -> JSON | None:
        return copy.deepcopy(self.keys[self.owners[reference]].answer)

    def _any(self, payment_id: str) -> JSON:
        payment = self.payments.get(payment_id)
        if payment is None:
            raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id=payment_id)
        return payment

    def _owned(self, merchant_id: str, payment_id: str) -> JSON:
        payment = self._any(payment_id)
        if payment["merchant_id"] != merchant_id:
            raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id=payment_id)
        return payment

    def _payment_view(self, payment_id: str) -> JSON:
        view = actions.shown_action(copy.deepcopy(self.payments[payment_id]), self.now_us)
        for name, kind, keys in (("captures", "CAPTURE", ("amount", "final")), ("voids", "VOID", ())):
            view[name] = [
                {key: item[key] for key in ("id", *keys, "status", "code", "raw_code", *_OF_THE_PSP, "created_us")}
                for item in self.modifications.values()
                if (item["payment_id"], item["kind"]) == (payment_id, kind)
            ]
        return view

    def _new_payment(self, merchant_id: str, new: NewPayment) -> JSON:
        kept = new.card_on_file or (merchant_id, new.token) in self.tokens.kept
        return new_payment(
            merchant_id,
            new,
            self._tick(),
            code_required=merchant_id in self.need_codes and not kept,
            agreed=self.agreed(merchant_id, new, kept=kept),
            cascade=copy.deepcopy(self.cascades.get(merchant_id, {})),
        )
