"""How refunds are read in the in-memory payment store."""

import copy
from collections.abc import Mapping
from typing import Any

from gateway_svc.application.ports import View
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.payment_rules import page

JSON = dict[str, Any]


class RefundReader:
    """The part of the in-memory payment store that reads refunds."""

    modifications: dict[str, JSON]

    async def get_refund(self, merchant_id: str, refund_id: str) -> View:
        self._enter("get_refund")
        modification = self.modifications.get(refund_id)
        if modification is None or (modification["merchant_id"], modification["kind"]) != (merchant_id, "REFUND"):
            raise Refusal(Reason.REFUND_NOT_FOUND, refund_id=refund_id)
        return copy.deepcopy(modification)

    async def list_refunds(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        self._enter("list_refunds")
        found = [
            modification
            for modification in self.modifications.values()
            if (modification["merchant_id"], modification["kind"]) == (merchant_id, "REFUND")
            and filters.get("payment_id") in {None, modification["payment_id"]}
        ]
        return page(found, filters, limit)

    def _enter(self, method: str) -> None:
        raise NotImplementedError
