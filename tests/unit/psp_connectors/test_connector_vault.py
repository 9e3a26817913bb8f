"""The vault's client against a server over mutual TLS: what it gives, and what its refusals mean."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from payera.vault.v1 import token_service_pb2 as contract
from payera.vault.v1 import token_service_pb2_grpc as stubs

from mesh.channels import open_channel
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from psp_connectors.adapters.vault.client import GrpcVault
from psp_connectors.application.ports import TokenUnusable, TokenUsed, VaultUnavailable
from psp_connectors.domain.cards import NO_ADDRESS, Address, Card, CardCode, CardNumber, CardSummary
from tests.fakes.connectors.ports import CARD_CODE, CARD_NUMBER
from tests.support.mesh_services import free_port, write_identities

ADDRESS = {
    "line1": "Rue de Rivoli 7",
    "line2": "Escalier B",
    "city": "Paris",
    "state": "Ile-de-France",
    "postal_code": "75001",
    "country": "FR",
}
SUMMARY = {
    "brand": "visa",
    "last4": "4242",
    "bin": "424242",
    "exp_month": 12,
    "exp_year": 2099,
    "networks": ("visa", "cartes_bancaires"),
    "funding": "debit",
    "issuer_country": "FR",
}


@dataclass
class ScriptedVault(stubs.CardServiceServicer):
    """Gives `answer`, or refuses with `refusal`."""

    answer: contract.DetokenizeResponse = field(default_factory=contract.DetokenizeResponse)
    refusal: Exception | None = None
    requests: list[contract.DetokenizeRequest] = field(default_factory=list)

    async def Detokenize(self, request: contract.DetokenizeRequest, context: Any) -> contract.DetokenizeResponse:  # noqa: ARG002, N802
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        return self.answer

    async def DescribeToken(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise NotImplementedError

    async def MakePermanent(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise NotImplementedError


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@asynccontextmanager
async def client_of(vault: ScriptedVault, identities: Path) -> AsyncIterator[GrpcVault]:
    settings = BaseSettings(environment="dev", listen="127.0.0.1:0", tls_directory=identities / "vault_svc")
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics("vault_svc"))
    server.add("payera.vault.v1.CardService", lambda target: stubs.add_CardServiceServicer_to_server(vault, target))
    await server.start()
    async with channel_to(server.port, identities) as channel:
        yield GrpcVault(channel)
    await server.stop(grace_seconds=0)


def channel_to(port: int, identities: Path) -> grpc.aio.Channel:
    return open_channel(f"127.0.0.1:{port}", service="vault_svc", tls_directory=identities / "psp_connectors")


async def card_of(vault: GrpcVault, seconds: float = 20) -> Card:
    return await vault.card_of(
        merchant_id="mer_1", token="tok_1", payment_id="pay_1", deadline=time.monotonic() + seconds
    )


async def test_the_card_comes_with_all_that_belongs_to_it(identities: Path) -> None:
    vault = ScriptedVault(
        contract.DetokenizeResponse(
            card={
                "number": CARD_NUMBER,
                "exp_month": 12,
                "exp_year": 2099,
                "cvc": CARD_CODE,
                "holder_name": "Ada",
                "address": ADDRESS,
            },
            summary=SUMMARY,
        )
    )
    async with client_of(vault, identities) as client:
        given = await card_of(client)
    assert given == Card(
        number=CardNumber(CARD_NUMBER),
        code=CardCode(CARD_CODE),
        exp_month=12,
        exp_year=2099,
        holder_name="Ada",
        address=Address(**ADDRESS),
        summary=CardSummary(**SUMMARY),  # type: ignore[arg-type]
    )
    [request] = vault.requests
    assert (request.merchant_id, request.token_id, request.payment_id) == ("mer_1", "tok_1", "pay_1")
    assert request.purpose == "authorization"


async def test_a_vault_that_knows_less_gives_less(identities: Path) -> None:
    vault = ScriptedVault(contract.DetokenizeResponse(card={"number": CARD_NUMBER}, summary={"brand": "visa"}))
    async with client_of(vault, identities) as client:
        given = await card_of(client)
    assert (given.address, bool(given.code)) == (NO_ADDRESS, False)
    assert given.summary == CardSummary(brand="visa")


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (Refusal(Reason.TOKEN_NOT_FOUND, token_id="tok_1"), TokenUnusable),
        (Refusal(Reason.TOKEN_USED, token_id="tok_1"), TokenUsed),
        (Refusal(Reason.UNAVAILABLE), VaultUnavailable),
        (Refusal(Reason.CALLER_NOT_ALLOWED), VaultUnavailable),
        (ValueError("a fault"), VaultUnavailable),
    ],
)
async def test_a_refusal_means_what_it_says(identities: Path, refusal: Exception, meaning: type[Exception]) -> None:
    async with client_of(ScriptedVault(refusal=refusal), identities) as client:
        with pytest.raises(meaning) as caught:
            await card_of(client)
    assert type(caught.value) is meaning


async def test_a_vault_that_is_away_and_a_call_without_time_are_no_word_about_the_token(identities: Path) -> None:
    async with channel_to(free_port(), identities) as channel:
        for seconds in (5.0, 0.0):
            with pytest.raises(VaultUnavailable):
                await card_of(GrpcVault(channel), seconds)
