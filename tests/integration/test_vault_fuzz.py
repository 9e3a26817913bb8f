"""Random requests of the vault's public calls over the real PostgreSQL: a clear answer each time, and never a fault."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payera.vault.v1 import token_service_pb2 as vault_pb2

from tests.support.postgres import PostgresServer, postgres
from tests.support.vault_database import DatabaseVault, keyring_in, open_vault
from tests.unit.vault_svc.rpcs import PUBLISHABLE, SECRET, THEIRS, Refused, Rpcs, write_identity

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

#: What a refusal of a public call may be; everything else is a fault of ours.
EXPECTED = {"INVALID_CARD", "INVALID_FIELD", "TOKEN_NOT_FOUND", "API_KEY_SCOPE"}
NAMES = ("CreateToken", "GetToken", "ListTokens", "UpdateToken", "DeleteToken")
NUMBERS = ("4242424242424242", "378282246310005", "5200828282828210", "6200000000000005", "4242424242424241")

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    st.sampled_from(["", "\x00", "a\x00b", "%", "'; DROP TABLE vault.card; --", "\u202e", "\U0001f4b3" * 16, *NUMBERS]),
)
integers = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(0, 13), st.integers(2020, 2050))
customers = st.one_of(st.sampled_from(["customer-1", "customer-2", "a" * 64, "@:.-_"]), texts)
addresses = st.builds(
    vault_pb2.BillingAddress,
    line1=texts, line2=texts, city=texts, state=texts, postal_code=texts, country=st.one_of(st.just("GB"), texts),
)  # fmt: skip
cards = st.builds(
    vault_pb2.Card,
    number=st.one_of(st.sampled_from(NUMBERS), texts),
    exp_month=st.one_of(st.integers(1, 12), integers),
    exp_year=st.one_of(st.integers(2027, 2040), integers),
    cvc=st.one_of(st.sampled_from(["", "123", "1234"]), texts),
    holder_name=st.one_of(st.just("Ada Lovelace"), texts),
    address=st.one_of(st.none(), addresses),
)


@pytest.fixture(scope="module")
async def rpcs(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rpcs[DatabaseVault]]:
    directory = tmp_path_factory.mktemp("fuzz")
    async with open_vault(postgres.role_urls["vault_svc"], keyring_in(directory)) as vault:
        yield Rpcs(write_identity(directory / "identity"), vault)


def requests(draw: st.DrawFn, name: str, known: list[str], pages: list[str]) -> Any:
    """Give a request that fits the contract more often than not, about what exists more often than not."""
    token_id = draw(st.one_of(st.sampled_from(known or ["tok_1"]), texts))
    match name:
        case "CreateToken":
            return vault_pb2.CreateTokenRequest(card=draw(cards), customer_id=draw(customers))
        case "GetToken":
            return vault_pb2.GetTokenRequest(token_id=token_id)
        case "ListTokens":
            page_token = draw(st.one_of(st.just(""), st.sampled_from(pages or [""]), texts))
            size = draw(st.one_of(st.integers(0, 3), integers))
            return vault_pb2.ListTokensRequest(customer_id=draw(customers), page_size=size, page_token=page_token)
        case "UpdateToken":
            month, year = draw(st.one_of(st.integers(1, 12), integers)), draw(st.one_of(st.just(2033), integers))
            customer = draw(st.one_of(st.none(), customers))
            return vault_pb2.UpdateTokenRequest(token_id=token_id, exp_month=month, exp_year=year, customer_id=customer)
        case _:
            return vault_pb2.DeleteTokenRequest(token_id=token_id)


@settings(deadline=None, max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_whatever_is_sent_the_answer_is_clear(rpcs: Rpcs[DatabaseVault], data: st.DataObject) -> None:
    known: list[str] = []
    pages: list[str] = []
    refusals: list[Refused] = []
    rpcs.log.lines.clear()
    names = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6))
    for name in (NAMES[0], *names):
        request = requests(data.draw, name, known, pages)  # type: ignore[arg-type]
        key = data.draw(st.sampled_from([SECRET, SECRET, SECRET, THEIRS, PUBLISHABLE]))
        try:
            answer = await rpcs.call(name, request, key=key)
        except Refused as refused:
            refusals.append(refused)
            continue
        if name == "CreateToken":
            known.append(answer.id)
        if name == "ListTokens" and answer.next_page_token:
            pages.append(answer.next_page_token)
    assert {refused.reason for refused in refusals} <= EXPECTED
    by_field = [refused for refused in refusals if refused.reason.startswith("INVALID_")]
    assert all(refused.fields for refused in by_field)
    assert [line for line in rpcs.log.lines if line["event"] != "call"] == []
