"""The rpcs of payera.gateway.v1.MerchantService."""

from typing import Any, Final

import grpc
from payera.gateway.v1 import merchant_service_pb2 as messages
from payera.gateway.v1 import merchant_service_pb2_grpc as stubs

from gateway_svc.adapters.grpc.messages import api_key_message, merchant_message
from gateway_svc.adapters.grpc.requests import cascade_settings
from gateway_svc.application.manage_merchants import ManageMerchants
from mesh.context import KeyScope, current

SERVICE: Final = "payera.gateway.v1.MerchantService"

Context = grpc.aio.ServicerContext[Any, Any]


class MerchantServicer(stubs.MerchantServiceServicer):
    """Translates each request for its use case; errors are the server's to translate."""

    def __init__(self, manage: ManageMerchants) -> None:
        self._manage = manage

    async def CreateMerchant(  # noqa: N802 - named by the contract
        self, request: messages.CreateMerchantRequest, context: Context
    ) -> messages.Merchant:
        """Create a merchant."""
        del context
        return merchant_message(await self._manage.create_merchant(request.name))

    async def ConfigureMerchant(  # noqa: N802 - named by the contract
        self, request: messages.ConfigureMerchantRequest, context: Context
    ) -> messages.Merchant:
        """Replace a merchant's settings."""
        del context
        principal = current().principal
        view = await self._manage.configure_merchant(
            request.merchant_id,
            card_code_required=request.card_code_required,
            cascade=cascade_settings(request.cascade),
            changed_by=principal.key_id if principal is not None else "",
        )
        return merchant_message(view)

    async def GetMerchant(  # noqa: N802 - named by the contract
        self, request: messages.GetMerchantRequest, context: Context
    ) -> messages.Merchant:
        """Read one merchant."""
        del context
        return merchant_message(await self._manage.merchant(request.merchant_id))

    async def ListMerchants(  # noqa: N802 - named by the contract
        self, request: messages.ListMerchantsRequest, context: Context
    ) -> messages.ListMerchantsResponse:
        """List merchants, newest first."""
        del context
        page = await self._manage.merchants(request.page_size, request.page_token)
        return messages.ListMerchantsResponse(
            merchants=[merchant_message(view) for view in page.views], next_page_token=page.next_token
        )

    async def CreateApiKey(  # noqa: N802 - named by the contract
        self, request: messages.CreateApiKeyRequest, context: Context
    ) -> messages.ApiKey:
        """Make an API key, shown in this answer only."""
        del context
        created = await self._manage.create_api_key(request.merchant_id, KeyScope(request.scope), live=request.live)
        return api_key_message(created.view, created.text)

    async def ListApiKeys(  # noqa: N802 - named by the contract
        self, request: messages.ListApiKeysRequest, context: Context
    ) -> messages.ListApiKeysResponse:
        """List a merchant's keys."""
        del context
        views = await self._manage.api_keys(request.merchant_id)
        return messages.ListApiKeysResponse(api_keys=[api_key_message(view) for view in views])

    async def RevokeApiKey(  # noqa: N802 - named by the contract
        self, request: messages.RevokeApiKeyRequest, context: Context
    ) -> messages.ApiKey:
        """Revoke a key."""
        del context
        return api_key_message(await self._manage.revoke_api_key(request.key_id))
