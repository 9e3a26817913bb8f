"""Remembers what the PSP accounts can do, as the connectors list it."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import grpc.aio
from payera.connectors.v1 import connector_service_pb2 as messages
from payera.connectors.v1 import connector_service_pb2_grpc as stubs

from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.resolution import NO_ACCOUNT, NO_MEANS, Confirms, Means
from mesh.channels import call_metadata
from mesh.pages import EndlessListError, follow
from mesh.reasons import Reason
from mesh.refusal import Refusal

FRESH_SECONDS: Final = 5.0
LIST_SECONDS: Final = 3.0
"""For all pages together."""
PAGE_SIZE: Final = 50
PAUSE_SECONDS: Final = 1.0
"""After a list that could not be had, no other is asked for so long."""

CANCEL_CHALLENGE: Final = "cancel_challenge"
"""The connectors' word for a PSP that cancels an authorization which waits for the shopper."""

_OPERATIONS: Final = MappingProxyType(
    {
        messages.OPERATION_AUTHORIZE: "AUTHORIZE",
        messages.OPERATION_CAPTURE: "CAPTURE",
        messages.OPERATION_VOID: "VOID",
        messages.OPERATION_REFUND: "REFUND",
    }
)


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What is known of one account: how its operations are settled, and which payments it takes."""

    means: Mapping[str, Means]
    takes: AccountTakes


class KnownAccounts:
    """The accounts as last listed. What is older than some seconds is asked for anew beside the call that reads it.

    While the connectors are away, what was known serves on. Nothing connects before the first call.
    """

    def __init__(self, stub: "stubs.ConnectorServiceAsyncStub") -> None:
        self._stub = stub
        self._accounts: Mapping[str, KnownAccount] | None = None
        self._asked_at = -math.inf
        self._asking: asyncio.Task[None] | None = None

    async def means(self, account: str, operation: str) -> Means:
        """Give what the PSP offers to settle an operation; refuses with UNAVAILABLE while nothing is known."""
        if self._accounts is None:
            if self._is_asking() or self._is_old(PAUSE_SECONDS):
                await asyncio.shield(self._ask())
        elif self._is_old(FRESH_SECONDS):
            self._ask()
        accounts = self._accounts
        if accounts is None:
            raise Refusal(Reason.UNAVAILABLE)
        known = accounts.get(account)
        return NO_ACCOUNT if known is None else known.means.get(operation, NO_MEANS)

    def takes(self) -> Mapping[str, AccountTakes]:
        """Give what is known of which payments the accounts take; empty while nothing is known."""
        if self._is_old(FRESH_SECONDS if self._accounts is not None else PAUSE_SECONDS):
            self._ask()
        accounts = self._accounts or {}
        return {name: known.takes for name, known in accounts.items()}

    def _is_old(self, seconds: float) -> bool:
        return time.monotonic() - self._asked_at >= seconds

    def _is_asking(self) -> bool:
        return self._asking is not None and not self._asking.done()

    def _ask(self) -> "asyncio.Task[None]":
        """Ask for the list unless that is being done; a failure leaves all as it was."""
        if self._asking is None or not self._is_asking():
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._list())
        return self._asking

    async def _list(self) -> None:
        try:
            answers = await follow(self._page, seconds=LIST_SECONDS)
        except (grpc.aio.AioRpcError, EndlessListError):
            return
        self._accounts = {entry.account: _known(entry) for answer in answers for entry in answer.accounts}

    async def _page(self, token: str, seconds: float) -> messages.ListCapabilitiesResponse:
        request = messages.ListCapabilitiesRequest(page_size=PAGE_SIZE, page_token=token)
        return await self._stub.ListCapabilities(request, timeout=seconds, metadata=call_metadata())


def _known(entry: messages.AccountCapabilities) -> KnownAccount:
    reverse = _confirms(entry)
    return KnownAccount(
        means={
            _OPERATIONS[capability.operation]: Means(
                ask_by_reference=capability.ask_by_reference,
                ask_by_psp_reference=capability.ask_by_psp_reference,
                ask_by_payment=capability.ask_by_payment,
                repeat_seconds=capability.repeat_seconds,
                webhook=capability.webhook,
                cancel=capability.operation == messages.OPERATION_AUTHORIZE and CANCEL_CHALLENGE in entry.features,
                reverse=reverse if capability.operation == messages.OPERATION_AUTHORIZE else None,
            )
            for capability in entry.operation_capabilities
            if capability.operation in _OPERATIONS
        },
        takes=AccountTakes(
            disabled=entry.disabled,
            merchant_id=entry.merchant_id,
            brands=frozenset(entry.brands),
            currencies=frozenset(entry.currencies),
            limits={limit.currency: (limit.smallest, limit.largest) for limit in entry.amount_limits},
        ),
    )


def _confirms(entry: messages.AccountCapabilities) -> Confirms | None:
    """Give what tells that an authorization was taken back; None when that can't be done, or nothing would tell."""
    for capability in entry.operation_capabilities:
        if capability.operation == messages.OPERATION_REVERSE:
            if not capability.answers_later:
                return Confirms.ANSWER
            return Confirms.WEBHOOK if capability.webhook else None
    return None
