"""Tells the vault which tokens to keep for good: those of payments with `store_card` that were approved.

The procedure that records an approval notes the token in the same transaction. Whoever recorded it tells the vault at
once, as best it can; what is left, after a crash or while the vault is away, is told by the sweep.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from gateway_svc.application.ports import Logger, TokensToKeep, TokenToKeep, TokenVault, View
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.payment import PaymentStatus
from mesh.reasons import Reason
from mesh.refusal import Refusal

AT_ONCE_MS: Final = 500
"""How long whoever has recorded an approval waits for the vault: a merchant may be waiting for them."""

_APPROVED: Final = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.SUCCEEDED})
# The vault's last word: repeating the call would bring the same answer.
_LAST_WORDS: Final = frozenset({Reason.TOKEN_NOT_FOUND, Reason.TOKEN_USED})


class Kept(StrEnum):
    """What telling the vault came to."""

    KEPT = "kept"
    REFUSED = "refused"  # the vault does not keep it, and never will
    LEFT = "left"  # vault or database are away: to be told again


class KeepToken:
    """Tells the vault of one token. Safe to repeat, at the same time too, and to break off at any point.

    ``after_keep`` is reached between the vault's answer and the note that it has come.
    """

    __slots__ = ("_after_keep", "_logger", "_store", "_vault")

    def __init__(
        self, *, vault: TokenVault, store: TokensToKeep, after_keep: Callable[[], Awaitable[None]], logger: Logger
    ) -> None:
        self._vault = vault
        self._store = store
        self._after_keep = after_keep
        self._logger = logger

    async def execute(self, wanted: TokenToKeep, timeout_ms: int) -> Kept:
        """Tell the vault, waiting at most ``timeout_ms`` for it. Never raises for what vault or database do."""
        kept = Kept.KEPT
        try:
            await self._vault.keep(wanted, timeout_ms=timeout_ms)
        except Refusal as refusal:
            if refusal.reason not in _LAST_WORDS:
                return Kept.LEFT
            kept = Kept.REFUSED
            self._logger.warning(
                "the vault does not keep a stored card", payment_id=wanted.payment_id, reason=refusal.reason.value
            )
        await self._after_keep()
        try:
            await self._store.drop_token_to_keep(wanted.payment_id)
        except Refusal:
            return Kept.LEFT
        return kept


class TellAtOnce:
    """Tells the vault right after an approval was recorded, beside the call that recorded it."""

    __slots__ = ("_keep", "_sections")

    def __init__(self, keep: KeepToken, sections: CriticalSections) -> None:
        self._keep = keep
        self._sections = sections

    async def after(self, payment: View, within_ms: int = AT_ONCE_MS) -> None:
        """Tell the vault what is to be told of a payment as recorded, and wait for that within the bounds.

        Never raises: the payment has succeeded, and what is not told now is told by the sweep.
        """
        wanted = token_to_keep(payment)
        within_ms = min(within_ms, AT_ONCE_MS)
        if wanted is None or within_ms <= 0:
            return
        try:
            async with asyncio.timeout(within_ms / 1000):
                await self._sections.run(self._keep.execute(wanted, within_ms))
        except Exception:  # noqa: BLE001 - it must not become the answer; a fault is written down by the sections
            return


def token_to_keep(payment: View) -> TokenToKeep | None:
    """Give the token that the vault is to keep because of a payment as recorded; None when there is none."""
    # A key's answer that is older than the field does without it.
    if not payment.get("store_card", False) or payment["status"] not in _APPROVED:
        return None
    return TokenToKeep(payment["id"], payment["merchant_id"], payment["token"])
