"""The ConnectorService: translates, calls the use case, translates back."""

from collections.abc import Mapping
from typing import Final

import grpc
from payera.connectors.v1 import connector_service_pb2 as contract
from payera.connectors.v1 import connector_service_pb2_grpc as stubs

from mesh import context as calls
from psp_connectors.adapters.grpc import translation
from psp_connectors.application import pages
from psp_connectors.application.perform_operation import PerformOperation
from psp_connectors.application.ports import Accounts
from psp_connectors.domain import operations
from psp_connectors.domain.connector import Connector
from psp_connectors.domain.outcomes import Outcome

ACCOUNTS_MAX: Final = 50
"""On one page."""
PAGE_BYTES_MAX: Final = 512 * 1024
"""Half of what a message may have: an account with limits and fees for every currency takes some 10 kB."""

_CAPABILITIES: Final = "capabilities"

SERVICE_NAME = contract.DESCRIPTOR.services_by_name["ConnectorService"].full_name


class ConnectorService(stubs.ConnectorServiceServicer):
    """Answers every call with an outcome; refuses only amounts that can't be."""

    def __init__(
        self,
        perform_operation: PerformOperation,
        accounts: Accounts,
        connectors: Mapping[str, Connector],
    ) -> None:
        self._perform_operation = perform_operation
        self._accounts = accounts
        self._connectors = connectors

    async def Authorize(  # noqa: N802 - the contract's name
        self,
        request: contract.AuthorizeRequest,
        context: grpc.aio.ServicerContext[contract.AuthorizeRequest, contract.AuthorizeResponse],  # noqa: ARG002
    ) -> contract.AuthorizeResponse:
        """Authorize an amount on a card."""
        order = translation.authorization_order(request)
        outcome = await self._perform_operation.authorize(request.account, order, calls.current().deadline)
        return contract.AuthorizeResponse(outcome=translation.outcome(outcome))

    async def Verify(  # noqa: N802
        self,
        request: contract.VerifyRequest,
        context: grpc.aio.ServicerContext[contract.VerifyRequest, contract.VerifyResponse],  # noqa: ARG002
    ) -> contract.VerifyResponse:
        """Ask whether a card is good, for no money."""
        order = translation.verification_order(request)
        outcome = await self._perform_operation.verify(request.account, order, calls.current().deadline)
        return contract.VerifyResponse(outcome=translation.outcome(outcome))

    async def Increment(  # noqa: N802
        self,
        request: contract.IncrementRequest,
        context: grpc.aio.ServicerContext[contract.IncrementRequest, contract.IncrementResponse],  # noqa: ARG002
    ) -> contract.IncrementResponse:
        """Hold more on an authorization."""
        outcome = await self._perform(request.account, translation.increment(request))
        return contract.IncrementResponse(outcome=translation.outcome(outcome))

    async def Capture(  # noqa: N802
        self,
        request: contract.CaptureRequest,
        context: grpc.aio.ServicerContext[contract.CaptureRequest, contract.CaptureResponse],  # noqa: ARG002
    ) -> contract.CaptureResponse:
        """Capture an authorized amount."""
        outcome = await self._perform(request.account, translation.capture(request))
        return contract.CaptureResponse(outcome=translation.outcome(outcome))

    async def Void(  # noqa: N802
        self,
        request: contract.VoidRequest,
        context: grpc.aio.ServicerContext[contract.VoidRequest, contract.VoidResponse],  # noqa: ARG002
    ) -> contract.VoidResponse:
        """Release an authorization."""
        outcome = await self._perform(request.account, translation.void(request))
        return contract.VoidResponse(outcome=translation.outcome(outcome))

    async def Reverse(  # noqa: N802
        self,
        request: contract.ReverseRequest,
        context: grpc.aio.ServicerContext[contract.ReverseRequest, contract.ReverseResponse],  # noqa: ARG002
    ) -> contract.ReverseResponse:
        """Take back an authorization that is known by our reference alone."""
        outcome = await self._perform(request.account, translation.reversal(request))
        return contract.ReverseResponse(outcome=translation.outcome(outcome))

    async def Refund(  # noqa: N802
        self,
        request: contract.RefundRequest,
        context: grpc.aio.ServicerContext[contract.RefundRequest, contract.RefundResponse],  # noqa: ARG002
    ) -> contract.RefundResponse:
        """Give a captured amount back."""
        outcome = await self._perform(request.account, translation.refund(request))
        return contract.RefundResponse(outcome=translation.outcome(outcome))

    async def Sync(  # noqa: N802
        self,
        request: contract.SyncRequest,
        context: grpc.aio.ServicerContext[contract.SyncRequest, contract.SyncResponse],  # noqa: ARG002
    ) -> contract.SyncResponse:
        """Ask what became of an operation."""
        outcome = await self._perform(request.account, translation.sync(request))
        return contract.SyncResponse(outcome=translation.outcome(outcome))

    async def ListCapabilities(  # noqa: N802
        self,
        request: contract.ListCapabilitiesRequest,
        context: grpc.aio.ServicerContext[contract.ListCapabilitiesRequest, contract.ListCapabilitiesResponse],  # noqa: ARG002
    ) -> contract.ListCapabilitiesResponse:
        """List the accounts, ordered by name, with what their connectors can do."""
        after = pages.decode(_CAPABILITIES, request.page_token)
        names = sorted(account.name for account in self._accounts.values() if account.name > after)
        paged = bool(request.page_size or request.page_token)
        accounts: list[contract.AccountCapabilities] = []
        size = 0
        for name in names:
            account = self._accounts.get(name)
            if account is None:
                continue
            entry = translation.account_capabilities(account, self._connectors[account.connector].capabilities)
            size += entry.ByteSize()
            if paged and accounts and (len(accounts) >= _page_size(request.page_size) or size > PAGE_BYTES_MAX):
                token = pages.encode(_CAPABILITIES, accounts[-1].account)
                return contract.ListCapabilitiesResponse(accounts=accounts, next_page_token=token)
            accounts.append(entry)
        return contract.ListCapabilitiesResponse(accounts=accounts)

    async def _perform(self, account: str, operation: operations.CardlessOperation) -> Outcome:
        return await self._perform_operation.perform(account, operation, calls.current().deadline)


def _page_size(asked: int) -> int:
    return min(asked, ACCOUNTS_MAX) if asked else ACCOUNTS_MAX
