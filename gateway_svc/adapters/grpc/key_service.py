"""The rpc of payera.keys.v1.KeyService: whose key it is, for services that take API keys at the edge."""

from typing import Any, Final

import grpc
from payera.keys.v1 import key_service_pb2 as messages
from payera.keys.v1 import key_service_pb2_grpc as stubs

from gateway_svc.application.ports import ApiKeyStore

SERVICE: Final = "payera.keys.v1.KeyService"

Context = grpc.aio.ServicerContext[Any, Any]


class KeyServicer(stubs.KeyServiceServicer):
    """Answers from the store, past this service's own cache: the caller keeps the answer for 5 seconds itself."""

    def __init__(self, keys: ApiKeyStore) -> None:
        self._keys = keys

    async def LookUpKey(  # noqa: N802 - named by the contract
        self, request: messages.LookUpKeyRequest, context: Context
    ) -> messages.LookUpKeyResponse:
        """Look a key up by its SHA-256."""
        del context
        view = await self._keys.look_up_key(request.key_sha256)
        if view is None:
            return messages.LookUpKeyResponse()
        revoked = view["revoked_us"] is not None
        return messages.LookUpKeyResponse(
            state=messages.LookUpKeyResponse.STATE_REVOKED if revoked else messages.LookUpKeyResponse.STATE_ACTIVE,
            merchant_id=view["merchant_id"] or "",
            scope=view["scope"],
            key_id=view["id"],
            live=view["live"],
        )
