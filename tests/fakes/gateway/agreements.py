"""Agreements and authentications of payments in memory, with the rules of the stored procedures."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.agreements import credential_view, result_view
from gateway_svc.application.ports import NewPayment
from gateway_svc.domain.core import OPEN_PAYMENTS, AttemptVerdict
from gateway_svc.domain.three_ds import NO_CRYPTOGRAM, Cryptogram
from mesh.reasons import Reason
from mesh.refusal import Refusal

JSON = dict[str, Any]
_LINK = ("network_transaction_id", "network_transaction_date")


@dataclass
class FakeAgreements:
    """The part of the payment store that knows of them; `links` are those of cards on file, by merchant and token."""

    cryptograms: dict[str, Cryptogram] = field(default_factory=dict)
    links: dict[tuple[str, str], JSON] = field(default_factory=dict)

    async def load_cryptogram(self, payment_id: str) -> Cryptogram:
        return self.cryptograms.get(payment_id, NO_CRYPTOGRAM)

    def agreed(self, merchant_id: str, new: NewPayment, *, kept: bool) -> JSON:
        """Give what a payment's view says of them, and keep the cryptogram; refuses as the procedure does."""
        credential = None if new.stored_credential is None else credential_view(new.stored_credential)
        if credential is not None and "network_transaction_id" not in credential:
            if credential["initiator"] == "MERCHANT" and not kept:
                raise Refusal(Reason.STORED_CREDENTIAL_UNKNOWN, token_id=new.token)
            credential |= self.links.get((merchant_id, new.token), {})
        if credential is not None:
            later = credential["initiator"] == "MERCHANT" or kept or "network_transaction_id" in credential
            credential["use"] = "SUBSEQUENT" if later else "FIRST"
        if new.three_ds is not None and new.three_ds.cryptogram:
            self.cryptograms[new.id] = new.three_ds.cryptogram
        result = None if new.three_ds is None else json.loads(json.dumps(result_view(new.three_ds)))
        exemption = None if new.exemption is None else new.exemption.value
        return {"stored_credential": credential, "three_ds": result, "exemption": exemption}

    def link(self, payment: JSON, verdict: AttemptVerdict) -> None:
        """Remember what the network knows the agreement by under which a card was put on file."""
        named = {name: text for name, text in (payment["stored_credential"] or {}).items() if name in _LINK}
        told = verdict.network_transaction_id
        if not named and re.fullmatch("[A-Za-z0-9]{9,36}", told):
            named = {"network_transaction_id": told}
        self.links.setdefault((payment["merchant_id"], payment["token"]), named)

    def forget(self, payment: JSON) -> None:
        """Forget the cryptogram of a payment that is settled."""
        if payment["status"] not in OPEN_PAYMENTS:
            self.cryptograms.pop(payment["id"], None)
