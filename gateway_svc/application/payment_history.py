"""Gives the router payments that were made, page by page, so that rules can be tried out on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from gateway_svc.application import page_tokens
from gateway_svc.application.page_tokens import Position
from gateway_svc.application.ports import View
from gateway_svc.application.read_payments import Page

PAGE_SIZE_MAX: Final = 500
#: Of metadata in one page: what stands around it stays within the megabyte that a message may have.
METADATA_BYTES_MAX: Final = 700_000


class PaymentHistory(Protocol):
    """Payments that were made, without anything that is one card's alone."""

    async def list_routed(
        self, merchant_id: str, begin_us: int, end_us: int, before: Position | None, limit: int
    ) -> Sequence[View]:
        """List payments that began from `begin_us` on and before `end_us`, newest first, from before a position.

        Both in microseconds since the epoch. Each tells `id`, `amount`, `currency`, `created_us`, `brand`, `bin`,
        `funding`, `issuer_country`, `initiator` (CUSTOMER or MERCHANT), `three_ds` (NONE or EXTERNAL), `metadata`,
        `first_account` (empty without an attempt) and `status`.
        """
        ...


class ReadHistory:
    """The use case behind ListRoutedPayments."""

    __slots__ = ("_history",)

    def __init__(self, history: PaymentHistory) -> None:
        self._history = history

    async def __call__(self, merchant_id: str, begin_us: int, end_us: int, page_size: int, token: str) -> Page:
        """Give a page of at most `page_size` payments (500 in any case), newest first.

        Fewer come when their metadata would make the page too large; one comes in any case. Refuses with
        INVALID_PAGE_TOKEN a token of another merchant or time.
        """
        scope = ("routed_payments", merchant_id, begin_us, end_us)
        position = page_tokens.decode(scope, token)
        size = min(page_size, PAGE_SIZE_MAX)
        views = await self._history.list_routed(merchant_id, begin_us, end_us, position, size + 1)
        page = list(_within_bounds(views[:size]))
        if len(page) == len(views):
            return Page(page, "")
        last = page[-1]
        return Page(page, page_tokens.encode(scope, Position(last["created_us"], last["id"])))


def _within_bounds(views: Sequence[View]) -> Iterator[View]:
    room = METADATA_BYTES_MAX
    for place, view in enumerate(views):
        room -= _bytes_of(view["metadata"])
        if place and room < 0:
            return
        yield view


def _bytes_of(metadata: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
