"""An in-memory store of merchants and API keys with the rules of the stored procedures."""

import copy
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.ports import NewApiKey, View
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.faults import Faults

JSON = dict[str, Any]
KEYS_MAX = 100


@dataclass
class FakeMerchantStore:
    """Implements the `MerchantStore` and `ApiKeyStore` ports; `merchants` may be shared with a payment store."""

    merchants: set[str] = field(default_factory=set)
    views: dict[str, JSON] = field(default_factory=dict)
    keys: dict[bytes, JSON] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    look_ups: int = 0
    now_us: int = 1_700_000_000_000_000

    async def create_merchant(self, merchant_id: str, name: str) -> View:
        self.now_us += 1
        self.merchants.add(merchant_id)
        self.views[merchant_id] = {
            "id": merchant_id,
            "name": name,
            "card_code_required": False,
            "cascade": {},
            "created_us": self.now_us,
        }
        return copy.deepcopy(self.views[merchant_id])

    async def configure_merchant(self, merchant_id: str, *, card_code_required: bool, cascade: View) -> View:
        self._require(merchant_id)
        self.views[merchant_id]["card_code_required"] = card_code_required
        self.views[merchant_id]["cascade"] = dict(cascade)
        return copy.deepcopy(self.views[merchant_id])

    async def get_merchant(self, merchant_id: str) -> View:
        self._require(merchant_id)
        return copy.deepcopy(self.views[merchant_id])

    async def list_merchants(self, before_us: int | None, before_id: str | None, limit: int) -> list[View]:
        ordered = sorted(self.views.values(), key=lambda item: (item["created_us"], item["id"]), reverse=True)
        if before_us is not None:
            ordered = [item for item in ordered if (item["created_us"], item["id"]) < (before_us, before_id)]
        return [copy.deepcopy(item) for item in ordered[:limit]]

    async def create_api_key(self, new: NewApiKey) -> View:
        self._require(new.merchant_id)
        active = [
            key for key in self.keys.values() if key["merchant_id"] == new.merchant_id and key["revoked_us"] is None
        ]
        if len(active) >= KEYS_MAX:
            raise Refusal(Reason.API_KEY_LIMIT, limit=KEYS_MAX)
        return self.add_key(new)

    def add_key(self, new: NewApiKey) -> View:
        """Keep a key without asking whose it is, as the administrator does with an operator's."""
        self.now_us += 1
        self.keys[new.sha256] = {
            "id": new.id,
            "merchant_id": new.merchant_id,
            "scope": new.scope,
            "live": new.live,
            "prefix": new.prefix,
            "created_us": self.now_us,
            "revoked_us": None,
        }
        return copy.deepcopy(self.keys[new.sha256])

    async def list_api_keys(self, merchant_id: str) -> list[View]:
        self._require(merchant_id)
        found = [key for key in self.keys.values() if key["merchant_id"] == merchant_id]
        return [copy.deepcopy(key) for key in sorted(found, key=lambda key: -key["created_us"])]

    async def revoke_api_key(self, key_id: str) -> View:
        for key in self.keys.values():
            if key["id"] == key_id:
                self.now_us += 1
                key["revoked_us"] = key["revoked_us"] or self.now_us
                return copy.deepcopy(key)
        raise Refusal(Reason.API_KEY_NOT_FOUND, key_id=key_id)

    async def look_up_key(self, sha256: bytes) -> View | None:
        self.look_ups += 1
        self.faults.before("look_up_key")
        return copy.deepcopy(self.keys.get(sha256))

    def _require(self, merchant_id: str | None) -> None:
        if merchant_id not in self.merchants:
            raise Refusal(Reason.MERCHANT_NOT_FOUND, merchant_id=merchant_id or "")
