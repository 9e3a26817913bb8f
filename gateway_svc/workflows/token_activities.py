"""Tells the vault which tokens to keep, when whoever recorded the approval could not."""

import asyncio
from collections import Counter

from temporalio import activity

from gateway_svc.application.keep_tokens import KeepToken, Kept
from gateway_svc.application.ports import TokensToKeep
from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.limits import KEEP_TIMEOUT_MS, TOKEN_BATCHES_MAX, TOKENS_AT_ONCE
from gateway_svc.workflows.ports import TokenObserver


class TokenActivities:
    """Sweeps for tokens that the vault is still to be told of. The store hands them out, each in its time."""

    def __init__(self, store: TokensToKeep, keep: KeepToken, observer: TokenObserver) -> None:
        self._store = store
        self._keep = keep
        self._observer = observer

    @activity.defn(name="keep_tokens")
    async def keep_tokens(self) -> None:
        """Tell the vault of what is due, batch by batch; stops when it, or the database, turns out to be away."""
        with refusals_as_failures():
            for _ in range(TOKEN_BATCHES_MAX):
                wanted = await self._store.take_tokens_to_keep(TOKENS_AT_ONCE)
                results = await asyncio.gather(*(self._keep.execute(token, KEEP_TIMEOUT_MS) for token in wanted))
                for result, count in Counter(results).items():
                    self._observer.kept(result.value, count)
                if len(wanted) < TOKENS_AT_ONCE or Kept.LEFT in results:
                    return
