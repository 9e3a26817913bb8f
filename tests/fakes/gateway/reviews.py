"""What the in-memory payment store keeps for operators, by the rules of the stored procedures."""

import copy
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.ports import View
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from tests.fakes.gateway.payment_rules import ages, is_definite

JSON = dict[str, Any]
OPEN = {"SENDING", "UNKNOWN", "PENDING", "ACTION_REQUIRED"}
CHARGED = {"APPROVED", "SUCCEEDED"}
NOT_CHARGED = {"DECLINED", "NOT_SENT", "FAILED"}


@dataclass
class FakeReviews:
    """Reviews by the id of their attempt or modification; `deciding` is the one that an operator decides now."""

    rows: dict[str, JSON] = field(default_factory=dict)
    inquiries: dict[str, list[JSON]] = field(default_factory=dict)
    decisions: dict[str, list[JSON]] = field(default_factory=dict)
    contradictions: dict[str, list[JSON]] = field(default_factory=dict)
    again: dict[str, tuple[int, int]] = field(default_factory=dict)
    deciding: str = ""

    def ages(self, record: JSON, now_us: int) -> JSON:
        """Give how old an operation is, and since when and from which count of asks its schedule runs."""
        asks, since_us = self.again.get(record["id"], (0, record["created_us"]))
        return ages(record, now_us) | {"asks_before": asks, "settling_seconds": (now_us - since_us) // 1_000_000}

    def waits(self, payment_id: str) -> bool:
        """Tell whether an operator must look at anything of a payment."""
        return any(row["payment_id"] == payment_id and row["closed_us"] is None for row in self.rows.values())

    def is_open(self, reference: str) -> bool:
        """Tell whether a review is in the queue."""
        return reference in self.rows and self.rows[reference]["closed_us"] is None

    def open(self, payment: JSON, record: JSON, cause: str, told: View | None, now_us: int) -> bool:
        """Put an operation into the queue, or new evidence to it; tell whether it was not there."""
        reference = record["id"]
        news = not self.is_open(reference)
        row = self.rows.get(reference, {"version": 0, "opened_us": now_us})
        if not news and (cause == "UNKNOWN" or row["told"] == told):
            return False
        self.rows[reference] = {
            "id": reference,
            "payment_id": payment["id"],
            "merchant_id": payment["merchant_id"],
            "account": record["account"],
            "kind": record.get("kind", "AUTHORIZE"),
            "cause": cause,
            "told": copy.deepcopy(told),
            "version": row["version"] + 1,
            "opened_us": now_us if news else row["opened_us"],
            "closed_us": None,
        }
        self.flag(payment, record)
        return news

    def close(self, reference: str, now_us: int) -> None:
        """Take an operation out of the queue; nothing happens when it is not in it."""
        if self.is_open(reference):
            self.rows[reference]["version"] += 1
            self.rows[reference]["closed_us"] = now_us

    def recorded(
        self, payment: JSON, record: JSON, verdict: AttemptVerdict | ModificationVerdict, now_us: int, *, asked: bool
    ) -> None:
        """Take in what was recorded of an operation."""
        if record["status"] not in OPEN:
            self.close(record["id"], now_us)
        elif asked and payment["status"] != "REQUIRES_ACTION":
            told = verdict.attempt_status if isinstance(verdict, AttemptVerdict) else verdict.status
            said = {
                "number": record["asks"],
                "told": "NOT_FOUND" if verdict.not_found else told.value,
                "code": verdict.code,
                "raw_code": verdict.raw_code,
                "psp_reference": verdict.psp_reference,
                "asked_us": now_us,
            }
            self.inquiries.setdefault(record["id"], []).append(said)
        self.flag(payment, record)

    def late(self, payment: JSON, record: JSON, verdict: AttemptVerdict | ModificationVerdict, now_us: int) -> bool:
        """Take in what is told of an operation that is settled; tell whether it has to be looked at again."""
        told = (verdict.attempt_status if isinstance(verdict, AttemptVerdict) else verdict.status).value
        taken_back = record["code"] == "reversed_unknown" and record["psp_reference"] == verdict.psp_reference
        if taken_back or record.get("reversed", False) or not self._contradicts(record, verdict, told):
            return False
        said = {
            "kind": {"SUCCEEDED": "APPROVED", "FAILED": "DECLINED"}.get(told, told),
            "code": verdict.code,
            "raw_code": verdict.raw_code,
            "psp_reference": verdict.psp_reference,
        }
        return self.contradict(payment, record, said, now_us)

    def contradict(self, payment: JSON, record: JSON, told: View, now_us: int) -> bool:
        """Take in what a PSP says against the record; tell whether it was not under review."""
        fact = _fact_of(told, record, payment)
        if self.is_open(record["id"]):
            row = self.rows[record["id"]]
            known = [said["fact"] for said in self.contradictions.get(record["id"], []) if _since(said, row)]
            if fact in known:
                return False
        said = {"fact": fact, "told": copy.deepcopy(dict(told)), "told_us": now_us}
        self.contradictions.setdefault(record["id"], []).append(said)
        return self.open(payment, record, "CONTRADICTION", told, now_us)

    def _contradicts(self, record: JSON, verdict: AttemptVerdict | ModificationVerdict, told: str) -> bool:
        if record["status"] in NOT_CHARGED:
            return told in CHARGED or (told in OPEN and verdict.code == "amount_mismatch")
        if told in CHARGED:
            references = {verdict.psp_reference, record["psp_reference"]}
            return record.get("kind") != "VOID" and "" not in references and len(references) > 1
        return told not in OPEN and is_definite(verdict) and record["id"] in self.decisions

    def flag(self, payment: JSON, record: JSON) -> None:
        """Make payment and modification tell whether they are under review."""
        payment["under_review"] = self.waits(payment["id"])
        if "under_review" in record:
            record["under_review"] = self.is_open(record["id"])


def _since(said: JSON, row: JSON) -> bool:
    return bool(said["told_us"] >= row["opened_us"])


def _fact_of(told: View, record: JSON, payment: JSON) -> JSON:
    """Give what makes two words of a PSP one, whichever way they came; what was left unsaid is as asked for."""
    return {
        "subject": told.get("subject") or record.get("kind", "AUTHORIZE"),
        "kind": told["kind"],
        "code": "" if told["kind"] == "APPROVED" else told.get("code", ""),
        "psp_reference": told.get("psp_reference", ""),
        "amount": told.get("amount") or record.get("amount", payment["amount"]),
        "currency": told.get("currency") or payment["currency"],
        "reversal": told.get("reversal", False),
    }
