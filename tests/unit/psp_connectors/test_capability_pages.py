"""The accounts are listed in pages that fit into a message, however many there are, and as before for older readers."""

from dataclasses import replace
from typing import Any

import pytest
from payera.connectors.v1 import connector_service_pb2 as contract

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.adapters.grpc.service import ACCOUNTS_MAX, PAGE_BYTES_MAX, ConnectorService
from psp_connectors.domain.connector import Account
from psp_connectors.domain.fees import FeeSchedule
from tests.fakes.connectors.ports import account
from tests.fakes.connectors.signing_psp import CONNECTORS

NONE: Any = None
CURRENCIES = [f"{first}{second}{third}" for first in "ABCDEFGH" for second in "ABCDEFGH" for third in "ABCDEFGH"]


def accounts(count: int, **changes: Any) -> dict[str, Account]:
    names = [f"psp_{number:04}" for number in range(count)]
    return {name: replace(account(), name=name, connector="signing", **changes) for name in reversed(names)}


async def pages(known: dict[str, Account], page_size: int) -> list[contract.ListCapabilitiesResponse]:
    service = ConnectorService(NONE, known, CONNECTORS)
    found: list[contract.ListCapabilitiesResponse] = []
    token = ""
    for _ in range(2 + len(known)):
        request = contract.ListCapabilitiesRequest(page_size=page_size, page_token=token)
        found.append(await service.ListCapabilities(request, NONE))
        token = found[-1].next_page_token
        if not token:
            break
    return found


def names(found: list[contract.ListCapabilitiesResponse]) -> list[str]:
    return [entry.account for page in found for entry in page.accounts]


@pytest.mark.parametrize(
    ("count", "page_size", "sizes"),
    [
        (0, 10, [0]),
        (10, 10, [10]),
        (11, 10, [10, 1]),
        (2 * ACCOUNTS_MAX, 1_000_000, [ACCOUNTS_MAX, ACCOUNTS_MAX]),
        (3, 1, [1, 1, 1]),
    ],
)
async def test_every_account_is_on_one_page_in_order(count: int, page_size: int, sizes: list[int]) -> None:
    known = accounts(count)
    found = await pages(known, page_size)
    assert [len(page.accounts) for page in found] == sizes
    assert names(found) == sorted(known)


async def test_older_readers_who_ask_for_no_page_get_all() -> None:
    [page] = await pages(accounts(2 * ACCOUNTS_MAX), 0)
    assert len(page.accounts) == 2 * ACCOUNTS_MAX


async def test_a_page_of_large_accounts_is_shorter() -> None:
    fees = FeeSchedule(basis_points=1, fixed=dict.fromkeys(CURRENCIES, 25))
    known = accounts(400, fees=fees, brands=tuple(f"brand_{number}" for number in range(2_000)))
    found = await pages(known, ACCOUNTS_MAX)
    assert names(found) == sorted(known)
    assert len(found) > len(known) / ACCOUNTS_MAX
    assert all(page.ByteSize() <= PAGE_BYTES_MAX + 10_000 for page in found)


async def test_an_account_that_went_between_two_pages_is_missing_alone() -> None:
    known = accounts(4)
    service = ConnectorService(NONE, known, CONNECTORS)
    first = await service.ListCapabilities(contract.ListCapabilitiesRequest(page_size=2), NONE)
    del known["psp_0001"], known["psp_0002"]
    request = contract.ListCapabilitiesRequest(page_size=2, page_token=first.next_page_token)
    assert names([await service.ListCapabilities(request, NONE)]) == ["psp_0003"]


async def test_a_token_of_something_else_is_refused() -> None:
    service = ConnectorService(NONE, accounts(1), CONNECTORS)
    with pytest.raises(Refusal) as caught:
        await service.ListCapabilities(contract.ListCapabilitiesRequest(page_token="x"), NONE)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN
