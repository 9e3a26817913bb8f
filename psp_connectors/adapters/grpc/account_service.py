"""Serves `payera.psp.v1.PspAccountService`: what operators do with PSP accounts."""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from payera.psp.v1 import psp_account_service_pb2 as contract
from payera.psp.v1 import psp_account_service_pb2_grpc as stubs

from mesh.context import current
from psp_connectors.adapters.grpc.account_messages import (
    account_message,
    check_message,
    configuration_of,
    credentials_of,
    order_of,
    secret_message,
)
from psp_connectors.application.account_ports import AccountRecord
from psp_connectors.application.check_account import CheckAccount
from psp_connectors.application.manage_accounts import DEFAULT_OVERLAP_SECONDS, ManageAccounts
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Connector

SERVICE_NAME: Final = contract.DESCRIPTOR.services_by_name["PspAccountService"].full_name
_Context = grpc.aio.ServicerContext[Any, Any]


class AccountService(stubs.PspAccountServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, manage: ManageAccounts, check: CheckAccount, connectors: Mapping[str, Connector]) -> None:
        self._manage = manage
        self._check = check
        self._connectors = connectors

    async def CreatePspAccount(  # noqa: N802 - the contract's name
        self,
        request: contract.CreatePspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Create an account."""
        return self._message(await self._manage.create(order_of(request), _operator()))

    async def GetPspAccount(  # noqa: N802
        self,
        request: contract.GetPspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Read one account."""
        return self._message(await self._manage.get(request.account))

    async def ListPspAccounts(  # noqa: N802
        self,
        request: contract.ListPspAccountsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListPspAccountsResponse:
        """List accounts by name."""
        records, token = await self._manage.list(request.page_size, request.page_token)
        return contract.ListPspAccountsResponse(
            psp_accounts=[self._message(record) for record in records], next_page_token=token
        )

    async def ConfigurePspAccount(  # noqa: N802
        self,
        request: contract.ConfigurePspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Replace an account's configuration."""
        return self._message(await self._manage.configure(request.account, configuration_of(request), _operator()))

    async def SetPspCredentials(  # noqa: N802
        self,
        request: contract.SetPspCredentialsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Replace an account's credentials."""
        record = await self._manage.set_credentials(
            request.account, credentials_of(request), _operator(), base_url=request.base_url.rstrip("/")
        )
        return self._message(record)

    async def DisablePspAccount(  # noqa: N802
        self,
        request: contract.DisablePspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Stop new authorizations at an account."""
        return self._message(await self._manage.set_disabled(request.account, disabled=True, changed_by=_operator()))

    async def EnablePspAccount(  # noqa: N802
        self,
        request: contract.EnablePspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspAccount:
        """Let an account take new authorizations again."""
        return self._message(await self._manage.set_disabled(request.account, disabled=False, changed_by=_operator()))

    async def CheckPspAccount(  # noqa: N802
        self,
        request: contract.CheckPspAccountRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.CheckPspAccountResponse:
        """Try an account's credentials."""
        return check_message(await self._check(request.account))

    async def CreateWebhookSecret(  # noqa: N802
        self,
        request: contract.CreateWebhookSecretRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.WebhookSecret:
        """Add a webhook secret."""
        given = request.HasField("overlap_seconds")
        overlap_seconds = request.overlap_seconds if given else DEFAULT_OVERLAP_SECONDS
        return secret_message(
            await self._manage.create_webhook_secret(
                request.account, Secret(request.secret), overlap_seconds, _operator()
            )
        )

    async def ListWebhookSecrets(  # noqa: N802
        self,
        request: contract.ListWebhookSecretsRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListWebhookSecretsResponse:
        """List the webhook secrets in force."""
        records = await self._manage.webhook_secrets(request.account)
        return contract.ListWebhookSecretsResponse(webhook_secrets=[secret_message(record) for record in records])

    async def RetireWebhookSecret(  # noqa: N802
        self,
        request: contract.RetireWebhookSecretRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.WebhookSecret:
        """End a webhook secret."""
        return secret_message(await self._manage.retire_webhook_secret(request.account, request.secret_id, _operator()))

    def _message(self, record: AccountRecord) -> contract.PspAccount:
        return account_message(record, self._connectors.get(record.connector))


def _operator() -> str:
    """Give who makes the change: the id of the operator's key."""
    call = current()
    return call.caller if call.principal is None else call.principal.key_id
