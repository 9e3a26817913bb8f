"""Tells of payments that were made, for trying out rules on them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from router_svc.domain.priorities import MerchantId
from router_svc.domain.simulation import PastPayment

PAGE_SIZE_MAX: Final = 500


class PaymentHistory(Protocol):
    """A merchant's payments, newest first."""

    async def page(
        self, merchant_id: MerchantId, begin: datetime, end: datetime, size: int, token: str
    ) -> tuple[Sequence[PastPayment], str]:
        """Give up to `size` payments (at most 500) that began from `begin` on and before `end`, both in UTC.

        The token asks for the next page of the same time; it is empty on the last one, and to be empty for the first.
        Raises Refusal(UNAVAILABLE) while nobody can tell.
        """
        ...
