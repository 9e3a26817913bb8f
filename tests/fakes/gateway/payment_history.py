"""The history of the payments that a fake payment store has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway_svc.application.page_tokens import Position
from gateway_svc.application.ports import View
from tests.fakes.gateway.payment_rules import page
from tests.fakes.gateway.payment_store import FakePaymentStore

CARD_FACTS = ("brand", "bin", "funding", "issuer_country")


@dataclass
class FakePaymentHistory:
    """Implements the `PaymentHistory` port."""

    store: FakePaymentStore

    async def list_routed(
        self, merchant_id: str, begin_us: int, end_us: int, before: Position | None, limit: int
    ) -> Sequence[View]:
        found = [
            _routed(payment)
            for payment in self.store.payments.values()
            if payment["merchant_id"] == merchant_id and begin_us <= payment["created_us"] < end_us
        ]
        position = {} if before is None else {"before_us": before.before_us, "before_id": before.before_id}
        return page(found, position, limit)


def _routed(payment: dict[str, Any]) -> dict[str, Any]:
    attempts = payment["attempts"]
    return {
        **{name: payment[name] for name in ("id", "amount", "currency", "created_us", "metadata", "status")},
        **{name: payment["card"].get(name, "") for name in CARD_FACTS},
        "initiator": (payment["stored_credential"] or {}).get("initiator", "CUSTOMER"),
        "three_ds": "NONE" if payment["three_ds"] is None else "EXTERNAL",
        "first_account": attempts[0]["account"] if attempts else "",
    }
