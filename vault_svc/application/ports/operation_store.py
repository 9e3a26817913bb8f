"""Where operations that need two approvers are kept, and what they act on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from vault_svc.application.ports.card_store import SealedCard
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Actor, MerchantId, TokenId


class OperationKind(StrEnum):
    """What needs two approvers."""

    EXPORT_CARDS = "export_cards"
    IMPORT_CARDS = "import_cards"
    DESTROY_DATA_KEY = "destroy_data_key"


class NotReady(Exception):  # noqa: N818 - an answer, not a fault
    """The operation can't be approved or begun; the text says why in words for people."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledOperation:
    """An operation as it is kept. Times are UTC; `begun_by` is empty and `finished_at` None until then.

    `expires_at` is before when it must be begun, and once it is, before when it must be finished: what is closed later
    was ended, not finished. `cancelled_by` is empty unless it was taken back.
    """

    operation_id: str
    kind: OperationKind
    merchant_id: MerchantId
    parameters: Mapping[str, Any]
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    begun_by: str
    finished_at: datetime | None
    approvers: tuple[str, ...]
    cancelled_by: str = ""


@dataclass(frozen=True, slots=True)
class CardToExport:
    """A permanent card with what opens it, and the expiry that its row tells."""

    token_id: TokenId
    customer_id: str
    data_key: StoredDataKey
    sealed: SealedCard
    expiry: Expiry


class OperationStore(Protocol):
    """Every method is one transaction, its audit record included. Raises Refusal(UNAVAILABLE) while out of reach."""

    async def request(
        self,
        operation_id: str,
        kind: OperationKind,
        merchant_id: MerchantId,
        parameters: Mapping[str, Any],
        actor: Actor,
    ) -> None:
        """Keep a request; it is good for a day."""
        ...

    async def approve(self, operation_id: str, actor: Actor) -> bool:
        """Count an approval, once per actor; tell whether there is such an operation. Raises NotReady."""
        ...

    async def get(self, operation_id: str) -> ControlledOperation | None:
        """Give an operation, None when there is none."""
        ...

    async def list(self, limit: int, before: str) -> Sequence[ControlledOperation]:
        """List operations, newest first, from the one before `before` on (empty: from the newest)."""
        ...

    async def begin(self, operation_id: str, kind: OperationKind, actor: Actor) -> MerchantId | None:
        """Begin an approved operation, or go on with it; None when there is none of this kind. Raises NotReady."""
        ...

    async def cancel(self, operation_id: str, actor: Actor) -> bool:
        """Take back what this actor requested, approved or began; tell whether there is such an operation.

        Again it has no effect. Raises NotReady.
        """
        ...

    async def finish(self, operation_id: str, actor: Actor, detail: str) -> bool:
        """Close an operation that this actor began; tell whether it was open, and not over."""
        ...

    async def end_overdue(self, limit: int) -> int:
        """Close operations that were begun more than seven days ago, at most `limit`; give how many.

        The private half of an import's key goes.
        """
        ...

    async def destroy_data_key(self, operation_id: str, actor: Actor) -> int | None:
        """Destroy the data key of an approved operation; give how many cards were under it, None for no operation.

        Raises NotReady.
        """
        ...

    async def cards_to_export(
        self, operation_id: str, actor: Actor, after: str, limit: int
    ) -> Sequence[CardToExport] | None:
        """Begin or continue an export and give a page of cards after a token; None for no operation.

        Raises NotReady.
        """
        ...
