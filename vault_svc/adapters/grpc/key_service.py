"""Serves `payera.vault.v1.KeyManagementService`: what operators ask about keys and their rotation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from payera.vault.v1 import key_service_pb2 as messages
from payera.vault.v1 import key_service_pb2_grpc as stubs

from mesh.context import current
from vault_svc.adapters.grpc import page_tokens
from vault_svc.application.key_inventory import InventoryKey, KeyKind, ListKeys
from vault_svc.application.ports.rotations import RotationKind, RotationReport, Rotations
from vault_svc.application.rotate_keys import RotateKeys

SERVICE_NAME: Final = messages.DESCRIPTOR.services_by_name["KeyManagementService"].full_name
NO_ROTATION: Final = "none"
"""The state of a rotation that never was, or is so long ago that nobody remembers it."""
_LIST: Final = ("vault_keys",)
_KINDS: Final[Mapping[int, RotationKind]] = {
    messages.VaultKey.KEY_ENCRYPTION_KEY: RotationKind.KEY_ENCRYPTION_KEY,
    messages.VaultKey.DATA_KEY: RotationKind.DATA_KEY,
    messages.VaultKey.FINGERPRINT_KEY: RotationKind.FINGERPRINT_KEY,
}
_NUMBERS: Final[Mapping[KeyKind, messages.VaultKey.Kind]] = {
    KeyKind.KEY_ENCRYPTION_KEY: messages.VaultKey.KEY_ENCRYPTION_KEY,
    KeyKind.DATA_KEY: messages.VaultKey.DATA_KEY,
    KeyKind.FINGERPRINT_KEY: messages.VaultKey.FINGERPRINT_KEY,
    KeyKind.IMPORT_KEY: messages.VaultKey.IMPORT_KEY,
}


@dataclass(frozen=True, slots=True)
class KeyUseCases:
    """What the service calls."""

    list: ListKeys
    rotate: RotateKeys
    rotations: Rotations


class KeyManagementService(stubs.KeyManagementServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, use_cases: KeyUseCases) -> None:
        self._use_cases = use_cases

    async def ListKeys(  # noqa: N802 - named by the contract
        self,
        request: messages.ListKeysRequest,
        context: grpc.aio.ServicerContext[messages.ListKeysRequest, messages.ListKeysResponse],  # noqa: ARG002
    ) -> messages.ListKeysResponse:
        """List every key without its bytes."""
        page = await self._use_cases.list(request.page_size, page_tokens.decode(_LIST, request.page_token))
        following = page_tokens.encode(_LIST, page.next_position) if page.next_position else ""
        return messages.ListKeysResponse(keys=map(_key_message, page.keys), next_page_token=following)

    async def RotateKeys(  # noqa: N802 - named by the contract
        self,
        request: messages.RotateKeysRequest,
        context: grpc.aio.ServicerContext[messages.RotateKeysRequest, messages.KeyRotation],  # noqa: ARG002
    ) -> messages.KeyRotation:
        """Start a rotation, or tell of the one that runs."""
        principal = current().principal
        return _rotation_message(
            await self._use_cases.rotate(
                _KINDS[request.kind],
                merchant_id=request.merchant_id,
                older_than_days=request.older_than_days,
                requested_by="" if principal is None else principal.key_id,
            )
        )

    async def GetKeyRotation(  # noqa: N802 - named by the contract
        self,
        request: messages.GetKeyRotationRequest,
        context: grpc.aio.ServicerContext[messages.GetKeyRotationRequest, messages.KeyRotation],  # noqa: ARG002
    ) -> messages.KeyRotation:
        """Tell how far the newest rotation of a kind is."""
        report = await self._use_cases.rotations.find(_KINDS[request.kind])
        if report is None:
            return messages.KeyRotation(kind=request.kind, state=NO_ROTATION)
        return _rotation_message(report)


def _key_message(key: InventoryKey) -> messages.VaultKey:
    message = messages.VaultKey(
        id=key.key_id,
        kind=_NUMBERS[key.kind],
        state=key.state,
        algorithm=key.algorithm,
        strength_bits=key.strength_bits,
        owner=key.owner,
        wrapped_by=key.wrapped_by,
        rows=key.rows,
    )
    if key.created_at is not None:
        message.create_time.FromDatetime(key.created_at)
    if key.due_at is not None:
        message.due_time.FromDatetime(key.due_at)
    return message


def _rotation_message(report: RotationReport) -> messages.KeyRotation:
    message = messages.KeyRotation(
        kind=_NUMBERS[KeyKind(report.kind.value)],
        state=report.state.value,
        keys_done=report.counts.keys_done,
        cards_done=report.counts.cards_done,
        keys_destroyed=report.counts.keys_destroyed,
    )
    message.start_time.FromDatetime(report.started_at)
    if report.ended_at is not None:
        message.end_time.FromDatetime(report.ended_at)
    return message
