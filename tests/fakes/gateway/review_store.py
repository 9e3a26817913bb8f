"""The operators' queue over an in-memory payment store; the contract suite holds it equal to the procedures."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway_svc.application.ports import NewModification, View
from gateway_svc.application.review_ports import Evidence, NewDecision
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import AttemptStatus, ModificationStatus, PaymentStatus
from gateway_svc.domain.reviews import Effect
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.payment_rules import allowed_amount, count_pending
from tests.fakes.gateway.payment_store import FakePaymentStore

JSON = dict[str, Any]


@dataclass
class FakeReviewStore:
    """Implements the `ReviewStore` port; `decided` counts decisions that were acted upon."""

    payments: FakePaymentStore
    decided: int = 0

    async def list_reviews(self, filters: Mapping[str, str | int | None], limit: int) -> list[View]:
        after = (filters.get("after_us") or 0, filters.get("after_id") or "")
        found: list[JSON] = [
            row
            for row in self.payments.reviews.rows.values()
            if row["closed_us"] is None
            and (row["opened_us"], row["id"]) > after
            and all(filters.get(name) in {None, row[name]} for name in ("merchant_id", "account", "kind"))
        ]
        views: list[View] = [self._view(row) for row in sorted(found, key=lambda row: (row["opened_us"], row["id"]))]
        return views[:limit]

    async def get_review(self, reference: str) -> Evidence:
        row = self._row(reference)
        reviews = self.payments.reviews
        evidence = {
            "inquiries": reviews.inquiries.get(reference, []),
            "contradictions": [
                {"told": said["told"], "told_us": said["told_us"]} for said in reviews.contradictions.get(reference, [])
            ],
            "decisions": reviews.decisions.get(reference, []),
        }
        payment = await self.payments.load_payment(row["payment_id"])
        modification = None
        if row["kind"] != "AUTHORIZE":
            modification, _ = await self.payments.load_modification(reference)
        return Evidence(self._view(row) | copy.deepcopy(evidence), payment, modification)

    async def resolve_review(self, new: NewDecision) -> View:
        row = self._row(new.reference)
        payment = self.payments.payments[row["payment_id"]]
        reviews = self.payments.reviews
        for made in reviews.decisions.get(new.reference, []):
            wanted = (new.version, new.action, new.psp_reference, new.note, new.decided_by)
            if wanted == tuple(made[name] for name in ("version", "action", "psp_reference", "note", "decided_by")):
                return (await self.get_review(new.reference)).payment
        if row["closed_us"] is not None:
            raise Refusal(Reason.REVIEW_SETTLED, review_id=new.reference)
        record = self._record(payment, new.reference)
        if (row["version"], record["status"], payment["status"]) != (new.version, new.seen, new.seen_payment):
            raise Refusal(Reason.REVIEW_CHANGED, review_id=new.reference, version=row["version"])
        before = copy.deepcopy(payment), copy.deepcopy(record), copy.deepcopy(row)
        self._lift(payment, record)
        try:
            reviews.deciding = new.reference
            await self._act(payment, record, new)
        except Refusal:
            for now, then in zip((payment, record, row), before, strict=True):
                now.clear()
                now.update(then)
            raise
        finally:
            reviews.deciding = ""
        self._note(new)
        return (await self.get_review(new.reference)).payment

    async def _act(self, payment: JSON, record: JSON, new: NewDecision) -> None:
        effect = new.decision.effect
        if effect is Effect.ASK_AGAIN:
            self.payments.reviews.again[record["id"]] = record["asks"], self.payments.now_us
            record |= {"not_founds": 0, "psp_reference": record["psp_reference"] or new.psp_reference}
        elif effect is Effect.END:
            self.payments._end_unsent(payment, "")
        elif effect is Effect.TAKE_BACK and "kind" in record:
            if not await self.payments.reverse_modification(record["id"], new.decision.code, ""):
                raise _impossible(new)
            record["reversed"] = False
        elif effect is Effect.TAKE_BACK:
            self._take_back(payment, record, new)
        elif effect in {Effect.RECORD, Effect.REOPEN}:
            await self._record_anew(payment, record, new)

    async def _record_anew(self, payment: JSON, record: JSON, new: NewDecision) -> None:
        decision = new.decision
        if "kind" in record:
            if decision.effect is Effect.REOPEN:
                self._reopen(payment, record, new)
            status = ModificationStatus(decision.status)
            verdict = ModificationVerdict(status, decision.code, psp_reference=new.psp_reference)
            await self.payments.record_modification(record["id"], verdict, asked=False)
            return
        if decision.effect is Effect.REOPEN:
            if payment["status"] != "PROCESSING" or payment["attempts"][-1] is not record:
                raise _impossible(new)
            record["status"] = "UNKNOWN"
        states = AttemptStatus(decision.status), PaymentStatus(decision.payment_status)
        approved = AttemptVerdict(*states, decision.code, psp_reference=new.psp_reference)
        await self.payments.record_attempt(payment["id"], record["id"], approved, asked=False)

    def _reopen(self, payment: JSON, record: JSON, new: NewDecision) -> None:
        booked = any(made["effect"] == "TAKE_BACK" for made in self.payments.reviews.decisions.get(record["id"], []))
        if booked or record["reversed"]:
            raise _impossible(new)
        amount = None if record["kind"] == "VOID" else record["amount"]
        again = NewModification(record["id"], record["kind"], payment["id"], amount, record["final"], "")
        try:
            allowed_amount(payment, again, final=record["final"])
        except Refusal:
            raise _impossible(new) from None
        record["status"] = "UNKNOWN"
        count_pending(payment, record, 1)

    def _take_back(self, payment: JSON, record: JSON, new: NewDecision) -> None:
        used = payment["amount_capture_pending"] + payment["amount_refunded"] + payment["amount_refund_pending"]
        whole = (payment["status"] == "AUTHORIZED" and not payment["amount_captured"]) or (
            payment["status"] == "SUCCEEDED" and payment["capture_method"] == "AUTOMATIC"
        )
        if used or payment["void_pending"] or not whole:
            raise _impossible(new)
        record |= {"status": "DECLINED", "code": new.decision.code, "raw_code": ""}
        payment |= {"status": "VOIDED", "amount_captured": 0}
        self.payments._touch(payment, event=True)

    def _lift(self, payment: JSON, record: JSON) -> None:
        self.payments.reviews.close(record["id"], self.payments._tick())
        self.payments.reviews.flag(payment, record)
        self.payments._touch(payment, event=True)

    def _note(self, new: NewDecision) -> None:
        self.decided += 1
        made = {
            "version": new.version,
            "action": new.action.value,
            "effect": new.decision.effect.value,
            "psp_reference": new.psp_reference,
            "note": new.note,
            "decided_by": new.decided_by,
            "request_id": new.request_id,
            "decided_us": self.payments.now_us,
        }
        self.payments.reviews.decisions.setdefault(new.reference, []).append(made)

    def _row(self, reference: str) -> JSON:
        if reference not in self.payments.reviews.rows:
            raise Refusal(Reason.REVIEW_NOT_FOUND, review_id=reference)
        return self.payments.reviews.rows[reference]

    def _record(self, payment: JSON, reference: str) -> JSON:
        return self.payments._operation(payment, reference)

    def _view(self, row: JSON) -> JSON:
        payment = self.payments.payments[row["payment_id"]]
        record = self._record(payment, row["id"])
        names = ("status", "psp_reference", "code", "raw_code", "asks", "not_founds", "created_us")
        waits = row["closed_us"] is None
        return (
            copy.deepcopy(row)
            | {name: record[name] for name in names}
            | {
                "amount": record.get("amount", payment["amount"]),
                "currency": payment["currency"],
                "open_seconds": (self.payments.now_us - row["opened_us"]) // 1_000_000 if waits else 0,
            }
        )


def _impossible(new: NewDecision) -> Refusal:
    return Refusal(Reason.REVIEW_ACTION_NOT_POSSIBLE, review_id=new.reference, detail="")
