"""Looks API keys up at the gateway, which owns them, and remembers the answers for seconds."""

from collections.abc import Callable
from typing import Final

import grpc
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.keys.v1 import key_service_pb2_grpc as keys_grpc

from mesh.authentication import KeyRecord
from mesh.channels import call_metadata
from mesh.context import KeyScope, Principal
from mesh.expiring_cache import ExpiringCache
from mesh.reasons import Reason
from mesh.refusal import Refusal

# The contract allows five seconds, counted from the moment the gateway was asked.
_KNOWN_SECONDS: Final = 5.0
# A key that was just made works within this time, should somebody have tried it before.
_UNKNOWN_SECONDS: Final = 2.0
_ANSWERS_MAX: Final = 10_000
_TIMEOUT_SECONDS: Final = 2.0
_SCOPES: Final = frozenset(scope.value for scope in KeyScope)


class KeyLookUp:
    """Tells whose API key it is.

    What is known of a key is kept for five seconds, that it is unknown for two; both hold while the gateway is away.
    At most 10,000 of each are kept, and calls at the same time for one key ask once.
    """

    def __init__(self, channel: grpc.aio.Channel, *, monotonic: Callable[[], float]) -> None:
        self._stub = keys_grpc.KeyServiceStub(channel)
        self._answers: ExpiringCache[bytes, KeyRecord | None] = ExpiringCache(
            life_seconds=_KNOWN_SECONDS,
            none_life_seconds=_UNKNOWN_SECONDS,
            entries_max=_ANSWERS_MAX,
            monotonic=monotonic,
        )

    async def look_up(self, key_sha256: bytes) -> KeyRecord | None:
        """Give what is known of the key, None for an unknown one. Raises Refusal(UNAVAILABLE) without the gateway."""
        return await self._answers.get_or_load(key_sha256, lambda: self._ask(key_sha256))

    async def _ask(self, key_sha256: bytes) -> KeyRecord | None:
        try:
            answer = await self._stub.LookUpKey(
                keys_pb2.LookUpKeyRequest(key_sha256=key_sha256), timeout=_TIMEOUT_SECONDS, metadata=call_metadata()
            )
        except grpc.aio.AioRpcError as error:
            raise Refusal(Reason.UNAVAILABLE) from error
        return _record_of(answer)


def _record_of(answer: keys_pb2.LookUpKeyResponse) -> KeyRecord | None:
    states = keys_pb2.LookUpKeyResponse
    if answer.state not in {states.STATE_ACTIVE, states.STATE_REVOKED} or int(answer.scope) not in _SCOPES:
        return None
    principal = Principal(
        merchant_id=answer.merchant_id, scope=KeyScope(answer.scope), key_id=answer.key_id, live=answer.live
    )
    return KeyRecord(principal=principal, revoked=answer.state == states.STATE_REVOKED)
