"""Pages of the history: as many payments as were asked for, unless their metadata make them too large to be sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from payera.history.v1 import history_service_pb2 as messages

from gateway_svc.adapters.grpc.history_service import HistoryServicer
from gateway_svc.application.page_tokens import Position
from gateway_svc.application.payment_history import PAGE_SIZE_MAX, ReadHistory
from gateway_svc.application.ports import View
from mesh.channels import LARGEST_MESSAGE_BYTES
from tests.fakes.grpc_context import FakeContext

#: As much as a payment may have.
LARGEST = {f"{number:02}{'é' * 19}": "é" * 250 for number in range(50)}


@dataclass
class Payments:
    """A history of so many payments with the same metadata; a page begins behind the last one's id."""

    count: int
    metadata: dict[str, str]

    async def list_routed(
        self, _merchant_id: str, _begin_us: int, _end_us: int, before: Position | None, limit: int
    ) -> Sequence[View]:
        begin = 0 if before is None else int(before.before_id) + 1
        return [self._view(number) for number in range(begin, min(begin + limit, self.count))]

    def _view(self, number: int) -> dict[str, Any]:
        card = dict.fromkeys(("brand", "bin", "funding", "issuer_country"), "")
        view = {"id": str(number), "amount": 1, "currency": "EUR", "created_us": 1_000_000 - number}
        facts = {"initiator": "CUSTOMER", "three_ds": "NONE"}
        return {**view, **card, **facts, "metadata": self.metadata, "first_account": "psp_a", "status": "VOIDED"}


async def sizes(history: Payments, page_size: int) -> list[int]:
    read = ReadHistory(history)
    found: list[int] = []
    token = ""
    for _ in range(history.count):
        page = await read("mer_1", 0, 1_000_000, page_size, token)
        found.append(len(page.views))
        token = page.next_token
        if not token:
            return found
    message = "the pages never end"
    raise AssertionError(message)


async def test_a_page_has_what_was_asked_for_and_five_hundred_at_most() -> None:
    assert await sizes(Payments(5, {}), 2) == [2, 2, 1]
    assert await sizes(Payments(4, {}), 2) == [2, 2]
    assert await sizes(Payments(501, {}), 9_999) == [PAGE_SIZE_MAX, 1]


async def test_a_page_of_the_largest_payments_can_be_sent() -> None:
    history = Payments(100, LARGEST)
    found = await sizes(history, PAGE_SIZE_MAX)
    assert sum(found) == 100
    assert len(found) > 1
    request = messages.ListRoutedPaymentsRequest(merchant_id="mer_1", page_size=PAGE_SIZE_MAX)
    context: Any = FakeContext({})
    answer = await HistoryServicer(ReadHistory(history)).ListRoutedPayments(request, context)
    assert len(answer.payments) == found[0]
    assert answer.ByteSize() < LARGEST_MESSAGE_BYTES
    assert answer.next_page_token


async def test_one_payment_comes_however_large_it_is() -> None:
    assert await sizes(Payments(2, {"a": "x" * 900_000}), 10) == [1, 1]
