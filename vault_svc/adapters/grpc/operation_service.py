"""Serves `payera.vault.v1.ControlledOperationService`: what two people have to approve before anyone does it."""

from dataclasses import dataclass
from typing import Any, Final

import grpc
from payera.vault.v1 import key_service_pb2 as contract
from payera.vault.v1 import key_service_pb2_grpc as stubs

from mesh.context import current
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.adapters.grpc import page_tokens
from vault_svc.application.controlled_operations import (
    KEY_VERSION,
    PUBLIC_KEY_DIGEST,
    ControlledOperations,
    OperationRequest,
    state_of,
)
from vault_svc.application.destroy_data_key import DestroyDataKey
from vault_svc.application.ports.clock import Clock
from vault_svc.application.ports.operation_store import ControlledOperation, OperationKind
from vault_svc.domain.token import Actor, MerchantId

SERVICE_NAME: Final = contract.DESCRIPTOR.services_by_name["ControlledOperationService"].full_name
DEFAULT_PAGE_SIZE: Final = 50
_SCOPE: Final = ("controlled_operations",)
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class OperationUseCases:
    """What the service calls."""

    operations: ControlledOperations
    destroy_data_key: DestroyDataKey
    clock: Clock


class ControlledOperationService(stubs.ControlledOperationServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, use_cases: OperationUseCases) -> None:
        self._use = use_cases

    async def RequestOperation(  # noqa: N802 - named by the contract
        self,
        request: contract.RequestOperationRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ControlledOperation:
        """Ask for an operation."""
        wanted = OperationRequest(
            OperationKind(request.kind), MerchantId(request.merchant_id), request.public_key, request.key_version
        )
        return self._message(await self._use.operations.request(wanted, operator()))

    async def ApproveOperation(  # noqa: N802
        self,
        request: contract.ApproveOperationRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ControlledOperation:
        """Approve an operation with the calling key."""
        return self._message(await self._use.operations.approve(request.operation_id, operator()))

    async def CancelOperation(  # noqa: N802
        self,
        request: contract.CancelOperationRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ControlledOperation:
        """Take an operation back."""
        return self._message(await self._use.operations.cancel(request.operation_id, operator()))

    async def ListOperations(  # noqa: N802
        self,
        request: contract.ListOperationsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListOperationsResponse:
        """List operations, newest first."""
        before = page_tokens.decode(_SCOPE, request.page_token)
        found, more = await self._use.operations.list(request.page_size or DEFAULT_PAGE_SIZE, before)
        return contract.ListOperationsResponse(
            operations=[self._message(operation) for operation in found],
            next_page_token=page_tokens.encode(_SCOPE, found[-1].operation_id) if more else "",
        )

    async def DestroyDataKey(  # noqa: N802
        self,
        request: contract.DestroyDataKeyRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.DestroyDataKeyResponse:
        """Destroy the data key of an approved operation."""
        cards = await self._use.destroy_data_key(request.operation_id, operator())
        return contract.DestroyDataKeyResponse(cards=cards)

    def _message(self, operation: ControlledOperation) -> contract.ControlledOperation:
        message = contract.ControlledOperation(
            id=operation.operation_id,
            kind=operation.kind.value,
            merchant_id=operation.merchant_id,
            state=state_of(operation, self._use.clock.now()).value,
            requested_by=operation.requested_by,
            approvers=operation.approvers,
            public_key_digest=str(operation.parameters.get(PUBLIC_KEY_DIGEST, "")),
            key_version=int(operation.parameters.get(KEY_VERSION, 0)),
        )
        message.create_time.FromDatetime(operation.requested_at)
        message.expire_time.FromDatetime(operation.expires_at)
        return message


def operator() -> Actor:
    """Give who calls: the id of the operator's key, by which approvers are told apart."""
    call = current()
    if call.principal is None:
        raise Refusal(Reason.API_KEY_SCOPE, scope="operator")
    return Actor(call.principal.key_id, call.request_id)
