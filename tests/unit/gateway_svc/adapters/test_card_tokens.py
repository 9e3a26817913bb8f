"""The client of the vault against a real server over mutual TLS."""

import asyncio
from pathlib import Path

import grpc
import pytest

from gateway_svc.adapters.vault.card_tokens import GrpcCardTokens
from gateway_svc.application.ports import DescribedToken, TokenToKeep
from mesh.channels import open_channel
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.peers import CARD
from tests.fakes.gateway.servers import ScriptedVault, vault_server
from tests.support.mesh_services import free_port, write_identities

WANTED = TokenToKeep("pay_1", "mer_1", "tok_1")


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


def channel_to(address: str, identities: Path, identity: str = "gateway_svc") -> grpc.aio.Channel:
    return open_channel(address, service="vault_svc", tls_directory=identities / identity)


async def test_the_vault_tells_what_may_be_shown_of_a_card(identities: Path) -> None:
    vault = ScriptedVault({"tok_1"})
    async with vault_server(identities, vault) as address, channel_to(address, identities) as channel:
        tokens = GrpcCardTokens(channel)
        assert await tokens.describe(merchant_id="mer_1", token="tok_1") == DescribedToken(CARD, fingerprint="fpr_1")
        vault.on_file.add("tok_1")
        assert await tokens.describe(merchant_id="mer_1", token="tok_1") == DescribedToken(
            CARD, on_file=True, fingerprint="fpr_1"
        )
        vault.fingerprint = ""
        assert (await tokens.describe(merchant_id="mer_1", token="tok_1")).fingerprint == ""
        with pytest.raises(Refusal) as caught:
            await tokens.describe(merchant_id="mer_1", token="tok_2")
    assert (caught.value.reason, caught.value.metadata) == (Reason.TOKEN_NOT_FOUND, {"token_id": "tok_2"})


async def test_a_token_that_has_another_payment_is_refused_as_such(identities: Path) -> None:
    vault = ScriptedVault({"tok_1"}, used={"tok_1"})
    async with vault_server(identities, vault) as address, channel_to(address, identities) as channel:
        with pytest.raises(Refusal) as caught:
            await GrpcCardTokens(channel).describe(merchant_id="mer_1", token="tok_1")
    assert (caught.value.reason, caught.value.metadata) == (Reason.TOKEN_USED, {"token_id": "tok_1"})


@pytest.mark.parametrize("identity", ["gateway_svc", "gateway_worker"])
async def test_the_vault_is_told_to_keep_a_token(identities: Path, identity: str) -> None:
    vault = ScriptedVault()
    async with (
        vault_server(identities, vault) as address,
        channel_to(address, identities, identity) as channel,
    ):
        await GrpcCardTokens(channel).keep(WANTED, timeout_ms=5000)
    [request] = vault.kept
    assert (request.merchant_id, request.token_id, request.payment_id) == ("mer_1", "tok_1", "pay_1")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (Reason.TOKEN_NOT_FOUND, Reason.TOKEN_NOT_FOUND),
        (Reason.TOKEN_USED, Reason.TOKEN_USED),
        (Reason.UNAVAILABLE, Reason.UNAVAILABLE),
        (Reason.INTERNAL, Reason.UNAVAILABLE),
        (Reason.CALLER_NOT_ALLOWED, Reason.UNAVAILABLE),
    ],
)
async def test_only_what_the_vault_says_of_the_token_is_its_last_word(
    identities: Path, said: Reason, heard: Reason
) -> None:
    async def refuse_to_keep() -> None:
        raise Refusal(said)

    vault = ScriptedVault(keep=refuse_to_keep)
    async with vault_server(identities, vault) as address, channel_to(address, identities) as channel:
        with pytest.raises(Refusal) as caught:
            await GrpcCardTokens(channel).keep(WANTED, timeout_ms=5000)
    assert caught.value.reason is heard


async def test_a_vault_that_hangs_is_waited_for_no_longer_than_told(identities: Path) -> None:
    never = asyncio.Event()

    async def hang() -> None:
        await never.wait()

    vault = ScriptedVault(keep=hang)
    async with vault_server(identities, vault) as address, channel_to(address, identities) as channel:
        await channel.channel_ready()
        with pytest.raises(Refusal) as caught:
            async with asyncio.timeout(5):
                await GrpcCardTokens(channel).keep(WANTED, timeout_ms=100)
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_a_vault_that_is_away_is_unavailable(identities: Path) -> None:
    async with channel_to(f"127.0.0.1:{free_port()}", identities) as channel:
        tokens = GrpcCardTokens(channel)
        for call in (tokens.describe(merchant_id="mer_1", token="tok_1"), tokens.keep(WANTED, timeout_ms=5000)):
            with pytest.raises(Refusal) as caught:
                await call
            assert caught.value.reason is Reason.UNAVAILABLE
