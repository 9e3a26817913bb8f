"""Asks for, approves and lists what nobody may do alone: bringing cards out or in, destroying keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mesh.card_numbers import contains_card_number, mask_card_numbers
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.application.ports.card_envelopes import CardEnvelopes, PublicKeyRefused
from vault_svc.application.ports.operation_store import (
    ControlledOperation,
    NotReady,
    OperationKind,
    OperationStore,
)
from vault_svc.domain.token import Actor, MerchantId

OPERATION_PREFIX: Final = "cop"
APPROVERS_NEEDED: Final = 2
# Names of what an operation keeps in its parameters.
PUBLIC_KEY: Final = "public_key"
PUBLIC_KEY_DIGEST: Final = "public_key_digest"
KEY_VERSION: Final = "key_version"


class OperationState(StrEnum):
    """How far an operation is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    BEGUN = "begun"
    FINISHED = "finished"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What is asked for: a public key, as text, for an export alone; a key's version for a destruction alone."""

    kind: OperationKind
    merchant_id: MerchantId
    public_key: str = ""
    key_version: int = 0


@dataclass(frozen=True, slots=True)
class ControlledOperations:
    """Requests, approvals, cancellations, the list. Who approves is told by the API key, not which people have it."""

    store: OperationStore
    envelopes: CardEnvelopes
    new_operation_id: Callable[[], str]

    async def request(self, wanted: OperationRequest, actor: Actor) -> ControlledOperation:
        """Keep a request. Raises Refusal(INVALID_FIELD) that names the rule which the request breaks."""
        parameters = self._parameters_of(wanted)
        operation_id = self.new_operation_id()
        await self.store.request(operation_id, wanted.kind, wanted.merchant_id, parameters, actor)
        return await self._present(operation_id)

    async def approve(self, operation_id: str, actor: Actor) -> ControlledOperation:
        """Approve with the actor's key, once. Raises Refusal(OPERATION_NOT_FOUND) or (OPERATION_NOT_READY)."""
        require_operation_id(operation_id)
        try:
            found = await self.store.approve(operation_id, actor)
        except NotReady as reason:
            raise not_ready(operation_id, reason) from None
        if not found:
            raise operation_not_found(operation_id)
        return await self._present(operation_id)

    async def cancel(self, operation_id: str, actor: Actor) -> ControlledOperation:
        """Take an operation back, for good. Raises Refusal(OPERATION_NOT_FOUND) or (OPERATION_NOT_READY)."""
        require_operation_id(operation_id)
        try:
            found = await self.store.cancel(operation_id, actor)
        except NotReady as reason:
            raise not_ready(operation_id, reason) from None
        if not found:
            raise operation_not_found(operation_id)
        return await self._present(operation_id)

    async def list(self, limit: int, before: str) -> tuple[Sequence[ControlledOperation], bool]:
        """Give a page of operations, newest first, and whether there are more."""
        found = await self.store.list(limit + 1, before)
        return found[:limit], len(found) > limit

    async def _present(self, operation_id: str) -> ControlledOperation:
        operation = await self.store.get(operation_id)
        if operation is None:
            raise operation_not_found(operation_id)
        return operation

    def _parameters_of(self, wanted: OperationRequest) -> Mapping[str, Any]:
        exports, destroys = wanted.kind is OperationKind.EXPORT_CARDS, wanted.kind is OperationKind.DESTROY_DATA_KEY
        if contains_card_number(wanted.merchant_id):
            raise _invalid("merchant_id", "it looks like a card number.")
        if bool(wanted.key_version) != destroys:
            rule = "name the version of the data key." if destroys else "it is for a destruction alone."
            raise _invalid("key_version", rule)
        if wanted.public_key and not exports:
            raise _invalid("public_key", "it is for an export alone; for an import the vault makes one.")
        if not exports:
            return {KEY_VERSION: wanted.key_version} if destroys else {}
        try:
            key = self.envelopes.read_public_key(wanted.public_key)
        except PublicKeyRefused as refused:
            raise _invalid("public_key", str(refused)) from None
        return {PUBLIC_KEY: dict(key.jwk), PUBLIC_KEY_DIGEST: key.digest}


def state_of(operation: ControlledOperation, now: datetime) -> OperationState:
    """Tell how far an operation is: it expires when it is not begun within a day, or not finished within seven more."""
    if operation.cancelled_by:
        return OperationState.CANCELLED
    if _is_finished(operation):
        return OperationState.FINISHED
    if operation.expires_at <= now:
        return OperationState.EXPIRED
    if operation.begun_by:
        return OperationState.BEGUN
    return OperationState.APPROVED if len(operation.approvers) >= APPROVERS_NEEDED else OperationState.REQUESTED


def require_operation_id(operation_id: str) -> None:
    """Refuse what is no operation's id: whatever came in its place must not reach the audit."""
    if not is_id(OPERATION_PREFIX, operation_id):
        raise operation_not_found(operation_id)


def operation_not_found(operation_id: str) -> Refusal:
    """Give the refusal for an operation that there is not, or of another kind."""
    return Refusal(Reason.OPERATION_NOT_FOUND, operation_id=mask_card_numbers(operation_id))


def not_ready(operation_id: str, reason: NotReady) -> Refusal:
    """Give the refusal for an operation that can't go on."""
    return Refusal(Reason.OPERATION_NOT_READY, operation_id=operation_id, state=reason.state)


async def finished_by(store: OperationStore, operation_id: str, actor: Actor) -> bool:
    """Tell whether this actor has finished the operation: then its last answer was lost and may be given again."""
    operation = await store.get(operation_id)
    return operation is not None and _is_finished(operation) and operation.begun_by == actor.name


def _is_finished(operation: ControlledOperation) -> bool:
    if operation.finished_at is None or operation.cancelled_by:
        return False
    return operation.finished_at < operation.expires_at


def _invalid(field: str, rule: str) -> Refusal:
    return Refusal(Reason.INVALID_FIELD, violations=[Violation(field, rule)], field=field, detail=f"`{field}`: {rule}")
