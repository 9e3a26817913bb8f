"""Knows the merchants' PSP accounts, what they take and what they cost, as the PSP connectors list them."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import grpc
import grpc.aio
from payera.connectors.v1 import connector_service_pb2 as messages
from payera.connectors.v1 import connector_service_pb2_grpc as stubs

from mesh.channels import call_metadata
from mesh.pages import EndlessListError, follow
from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.domain.facts import AccountFacts, FeeSchedule

LIST_SECONDS: Final = 2.0
"""For all pages together."""
PAGE_SIZE: Final = 50
REFRESH_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 0.5
"""How long it waits before it asks again for the first list."""
LOOK_AGAIN_SECONDS: Final = 1.0
"""How often an account that nobody knows makes the router ask anew."""
MISSING_MAX: Final = 10_000
NO_FEATURES: Final = frozenset({"none"})
"""Of a connector that passes nothing on: an empty set would mean everything."""

EVERY_MERCHANT: Final = ""


class ConnectorsAccounts:
    """The accounts as last listed, asked for anew every few seconds between `start` and `stop`.

    While the connectors are away, what was known serves on. Nothing connects before `start`.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
        period_seconds: float = REFRESH_SECONDS,
        first_seconds: float = FIRST_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stub = stubs.ConnectorServiceStub(channel)
        self._logger = logger
        self._period_seconds = period_seconds
        self._first_seconds = first_seconds
        self._accounts: Mapping[str, tuple[AccountFacts, ...]] | None = None
        self._away = False
        self._refreshing: asyncio.Task[None] | None = None
        self._monotonic = monotonic
        self._looked_at: dict[str, float] = {}
        self._looking = asyncio.Lock()

    def for_merchant(self, merchant_id: str) -> tuple[AccountFacts, ...]:
        """Give the merchant's own accounts and those of every merchant, by name, disabled ones too.

        Raises Refusal(UNAVAILABLE) before the first list has come. Asks nobody: cheap enough for every payment.
        """
        if self._accounts is None:
            raise Refusal(Reason.UNAVAILABLE)
        return self._accounts.get(merchant_id) or self._accounts[EVERY_MERCHANT]

    def start(self) -> None:
        """Begin to list the accounts, at once and then every few seconds; again without effect."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """End it; what is known stays known."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
            self._refreshing = None

    async def look_again(self, missing: Collection[str]) -> None:
        """List the accounts now, as some are not among them; for each of those once a second at most."""
        asked = self._monotonic()
        async with self._looking:
            if all(self._looked_at.get(name, -math.inf) > asked - LOOK_AGAIN_SECONDS for name in missing):
                return
            if len(self._looked_at) + len(missing) > MISSING_MAX:
                self._looked_at.clear()
            # Whoever waits for this list began to ask before it, and may have asked after the account was made.
            began = self._monotonic()
            await self.refresh()
            self._looked_at.update(dict.fromkeys(missing, began))

    async def refresh(self) -> bool:
        """List the accounts once, for two seconds at most; False when that failed and all stays as it was."""
        try:
            answers = await follow(self._page, seconds=LIST_SECONDS)
        except (grpc.aio.AioRpcError, EndlessListError) as error:
            if not self._away:
                code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else str(error)
                self._logger.warning("accounts can't be listed; the known ones serve on", code=code)
            self._away = True
            return False
        self._accounts = by_merchant([entry for answer in answers for entry in answer.accounts])
        self._away = False
        return True

    async def _page(self, token: str, seconds: float) -> messages.ListCapabilitiesResponse:
        request = messages.ListCapabilitiesRequest(page_size=PAGE_SIZE, page_token=token)
        return await self._stub.ListCapabilities(request, timeout=seconds, metadata=call_metadata())

    async def _keep_fresh(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception:
                # One account that nobody thought of must not keep all later changes from being seen.
                self._logger.exception("accounts could not be read")
            # A process that has just started can't check rules, nor say what an account takes, until it has a list.
            await asyncio.sleep(self._period_seconds if self._accounts is not None else self._first_seconds)


def by_merchant(accounts: Iterable[messages.AccountCapabilities]) -> Mapping[str, tuple[AccountFacts, ...]]:
    """Give each merchant's accounts by name: its own and those of every merchant.

    A merchant without accounts of its own is not there: `EVERY_MERCHANT`, which always is, stands for it.
    """
    entries = sorted(accounts, key=lambda entry: entry.account)
    merchants = {EVERY_MERCHANT, *(entry.merchant_id for entry in entries)}
    facts = [(entry.merchant_id, account_facts(entry)) for entry in entries]
    return {merchant: tuple(_of(merchant, facts)) for merchant in merchants}


def account_facts(entry: messages.AccountCapabilities) -> AccountFacts:
    """Read one account; sets that the connectors left empty mean all.

    Connectors that tell no methods are older than methods and features: they take cards, and nothing is known against
    any feature.
    """
    features = frozenset(entry.features)
    return AccountFacts(
        account=entry.account,
        connector=entry.connector,
        methods=frozenset(entry.methods or ("card",)),
        brands=frozenset(entry.brands),
        currencies=frozenset(entry.currencies),
        features=features or NO_FEATURES if entry.methods else features,
        limits={limit.currency: (limit.smallest, limit.largest) for limit in entry.amount_limits},
        fees=_fees(entry.fees),
        disabled=entry.disabled,
    )


def _of(merchant: str, facts: Iterable[tuple[str, AccountFacts]]) -> Iterable[AccountFacts]:
    return (account for owner, account in facts if owner in {EVERY_MERCHANT, merchant})


def _fees(fees: messages.AccountFees) -> FeeSchedule:
    return FeeSchedule(
        percentage_ppm=fees.percentage_ppm,
        fixed=dict(fees.fixed),
        scheme_ppm=dict(fees.scheme_ppm),
        cross_border_ppm=fees.cross_border_ppm,
        country=fees.country,
    )
