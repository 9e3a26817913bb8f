"""Destroys a data key, and with it every card under it."""

from dataclasses import dataclass

from vault_svc.application.controlled_operations import not_ready, operation_not_found, require_operation_id
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.operation_store import NotReady, OperationStore
from vault_svc.domain.token import Actor


@dataclass(frozen=True, slots=True)
class DestroyDataKey:
    """Carries out what two people approved. There is no way back, but for a backup until that expires."""

    store: OperationStore
    keys: DataKeys

    async def __call__(self, operation_id: str, actor: Actor) -> int:
        """Give how many cards can never be read again.

        Raises Refusal(OPERATION_NOT_FOUND), or (OPERATION_NOT_READY) without two approvers, for a key that still seals
        new cards, and for one that is not there.
        """
        require_operation_id(operation_id)
        try:
            cards = await self.store.destroy_data_key(operation_id, actor)
        except NotReady as reason:
            raise not_ready(operation_id, reason) from None
        if cards is None:
            raise operation_not_found(operation_id)
        operation = await self.store.get(operation_id)
        if operation is not None:
            self.keys.forget(operation.merchant_id)
        return cards
