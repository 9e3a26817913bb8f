"""Serves `payera.vault.v1.CardTransferService`: cards on their way to or from another vault."""

import json
from dataclasses import dataclass
from typing import Any, Final

import grpc
from payera.vault.v1 import key_service_pb2 as contract
from payera.vault.v1 import key_service_pb2_grpc as stubs

from vault_svc.adapters.grpc import page_tokens
from vault_svc.adapters.grpc.operation_service import operator
from vault_svc.application.export_cards import ExportCards
from vault_svc.application.import_cards import ImportCards, ImportKeys

SERVICE_NAME: Final = contract.DESCRIPTOR.services_by_name["CardTransferService"].full_name
DEFAULT_PAGE_SIZE: Final = 100
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class TransferUseCases:
    """What the service calls."""

    export_cards: ExportCards
    import_keys: ImportKeys
    import_cards: ImportCards


class CardTransferService(stubs.CardTransferServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, use_cases: TransferUseCases) -> None:
        self._use = use_cases

    async def ExportCards(  # noqa: N802 - named by the contract
        self,
        request: contract.ExportCardsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ExportCardsResponse:
        """Give a page of an export."""
        scope = ("export_cards", request.operation_id)
        position = page_tokens.decode(scope, request.page_token)
        page = await self._use.export_cards(
            request.operation_id, position, request.page_size or DEFAULT_PAGE_SIZE, operator()
        )
        return contract.ExportCardsResponse(
            cards=page.envelopes,
            unreadable_tokens=page.unreadable,
            next_page_token=page_tokens.encode(scope, page.next_position) if page.next_position else "",
        )

    async def GetImportKey(  # noqa: N802
        self,
        request: contract.GetImportKeyRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.GetImportKeyResponse:
        """Give the public key of an import."""
        jwk = await self._use.import_keys.public_key(request.operation_id, operator())
        return contract.GetImportKeyResponse(public_key=json.dumps(dict(jwk), separators=(",", ":"), sort_keys=True))

    async def ImportCards(  # noqa: N802
        self,
        request: contract.ImportCardsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ImportCardsResponse:
        """Take a page of an import."""
        lines = await self._use.import_cards(request.operation_id, request.cards, operator(), last=request.last)
        return contract.ImportCardsResponse(
            cards=[
                contract.ImportedCard(token_id=line.token_id, error=line.error, source_id=line.source_id)
                for line in lines
            ]
        )
