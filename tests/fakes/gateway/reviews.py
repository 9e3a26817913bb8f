"""What the in-memory payment store keeps for operators, by the rules of the stored procedures."""

import copy
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.ports import View
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from tests.fakes.gateway.payment_rules import ages, is_definite

JSON = dict[str, Any]
OPEN = {"SENDING", "UNKNOWN", "PENDING"}
CHARGED = {"APPROVED", "SUCCEEDED"}
NOT_CHARGED = {"DECLINED", "NOT_SENT", "FAILED"}


@dataclass
class FakeReviews:
    """Reviews by the id of their attempt or modification; `deciding` is the one that an operator decides now."""

    rows: dict[str, JSON] = field(default_factory=dict)
    inquiries: dict[str, list[JSON]] = field(default_factory=dict)
    decisions: dict[str, list[JSON]] = field(default_factory=dict)
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
        elif asked:
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
        against = (told in CHARGED and record["status"] in NOT_CHARGED) or (
            told in {"DECLINED", "FAILED"} and record["status"] in CHARGED and is_definite(verdict)
        )
        if not against or record.get("reversed", False) or record["id"] not in self.decisions:
            return False
        kind = told if "kind" not in record else "APPROVED" if told in CHARGED else "DECLINED"
        said = {
            "kind": kind,
            "code": verdict.code,
            "raw_code": verdict.raw_code,
            "psp_reference": verdict.psp_reference,
        }
        return self.open(payment, record, "CONTRADICTION", said, now_us)

    def flag(self, payment: JSON, record: JSON) -> None:
        """Make payment and modification tell whether they are under review."""
        payment["under_review"] = self.waits(payment["id"])
        if "under_review" in record:
            record["under_review"] = self.is_open(record["id"])
