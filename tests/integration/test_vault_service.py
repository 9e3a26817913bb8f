"""The vault as a process: mutual TLS, API keys, PostgreSQL, and the contract as its callers see it."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psycopg
import pytest
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.options.v1 import options_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.channels import refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.support.mesh_services import (
    CALL_SECONDS,
    KnownKeys,
    ServiceProcess,
    free_port,
    running_key_service,
    running_service,
    start_process,
    write_identities,
)
from tests.support.postgres import PostgresServer, postgres
from vault_svc.adapters.keyring.key_provider import create_keyring

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

NUMBER = "4013250000000000006"
CODE = "861"
SCOPES = {
    "pk_test_mine": ("mer_mine", options_pb2.KEY_SCOPE_PUBLISHABLE),
    "sk_test_mine": ("mer_mine", options_pb2.KEY_SCOPE_SECRET),
    "sk_test_theirs": ("mer_theirs", options_pb2.KEY_SCOPE_SECRET),
    "ok_test": ("", options_pb2.KEY_SCOPE_OPERATOR),
}


@dataclass(slots=True)
class Vault:
    """A running vault and stubs for it as each of its callers."""

    process: ServiceProcess
    tokens: "vault_grpc.TokenServiceAsyncStub"
    as_gateway: "vault_grpc.CardServiceAsyncStub"
    as_worker: "vault_grpc.CardServiceAsyncStub"
    as_connectors: "vault_grpc.CardServiceAsyncStub"

    async def create(
        self, changes: vault_pb2.Card | None = None, key: str = "pk_test_mine", customer_id: str = ""
    ) -> vault_pb2.Token:
        card = vault_pb2.Card(number=NUMBER, exp_month=12, exp_year=2030, cvc=CODE, holder_name="Ada Lovelace")
        card.MergeFrom(changes or vault_pb2.Card())
        request = vault_pb2.CreateTokenRequest(card=card, customer_id=customer_id)
        return await self.tokens.CreateToken(request, timeout=CALL_SECONDS, metadata=key_metadata(key))

    async def detokenize(
        self,
        token_id: str,
        merchant_id: str = "mer_mine",
        purpose: str = "authorization",
        payment_id: str = "pay_1",
    ) -> vault_pb2.DetokenizeResponse:
        request = vault_pb2.DetokenizeRequest(
            merchant_id=merchant_id, token_id=token_id, payment_id=payment_id, purpose=purpose
        )
        return await self.as_connectors.Detokenize(request, timeout=CALL_SECONDS)


def key_metadata(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"), ("x-payera-body-fields", ""))


def known_keys() -> KnownKeys:
    return KnownKeys(
        {
            hashlib.sha256(key.encode()).digest(): keys_pb2.LookUpKeyResponse(
                state=keys_pb2.LookUpKeyResponse.STATE_ACTIVE, merchant_id=merchant, scope=scope, key_id=f"key_{key}"
            )
            for key, (merchant, scope) in SCOPES.items()
        }
    )


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keyring") / "vault.json"
    create_keyring(path)
    return path


@pytest.fixture(scope="module")
async def vault(
    identities: Path,
    keyring: Path,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Vault]:
    async with running_key_service(identities, known_keys()) as gateway:
        settings = {
            "PAYERA_DATABASE_URL": postgres.role_urls["vault_svc"],
            "PAYERA_GATEWAY_ADDRESS": gateway,
            "PAYERA_VAULT_KEYRING": str(keyring),
            "PAYERA_LOG_LEVEL": "debug",
        }
        directory = tmp_path_factory.mktemp("vault")
        async with (
            running_service("vault_svc", identities, directory, settings) as process,
            process.channel("envoy") as envoy,
            process.channel("gateway_svc") as gateway_channel,
            process.channel("gateway_worker") as worker,
            process.channel("psp_connectors") as connectors,
        ):
            yield Vault(
                process,
                vault_grpc.TokenServiceStub(envoy),
                vault_grpc.CardServiceStub(gateway_channel),
                vault_grpc.CardServiceStub(worker),
                vault_grpc.CardServiceStub(connectors),
            )


def refusal_in(error: grpc.aio.AioRpcError) -> Refusal:
    refusal = refusal_of(error)
    assert refusal is not None, error
    return refusal


async def test_a_browsers_card_becomes_a_token_that_shows_nothing_of_it(vault: Vault) -> None:
    token = await vault.create(vault_pb2.Card(number="4013 2500-0000 0000 006"))
    assert token.id.startswith("tok_")
    assert (token.card.brand, token.card.last4, token.card.bin) == ("visa", "0006", "401325")
    assert (token.card.exp_month, token.card.exp_year) == (12, 2030)
    assert token.create_time.seconds > 0
    assert NUMBER.encode() not in token.SerializeToString()


async def test_a_secret_key_reads_the_token_and_another_merchants_does_not(vault: Vault) -> None:
    token = await vault.create(key="sk_test_mine")
    request = vault_pb2.GetTokenRequest(token_id=token.id)
    mine = await vault.tokens.GetToken(request, timeout=CALL_SECONDS, metadata=key_metadata("sk_test_mine"))
    assert mine == token
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.tokens.GetToken(request, timeout=CALL_SECONDS, metadata=key_metadata("sk_test_theirs"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert refusal_in(caught.value).metadata == {"token_id": token.id}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("pk_test_mine", Reason.API_KEY_SCOPE),
        ("ok_test", Reason.API_KEY_SCOPE),
        ("sk_test_nobody", Reason.API_KEY_INVALID),
    ],
)
async def test_a_key_that_may_not_read_a_token_is_refused(vault: Vault, key: str, reason: Reason) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.tokens.GetToken(
            vault_pb2.GetTokenRequest(token_id="tok_1"), timeout=CALL_SECONDS, metadata=key_metadata(key)
        )
    assert refusal_in(caught.value).reason is reason


async def test_no_token_without_a_key_or_with_one_of_no_merchant(vault: Vault) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.tokens.CreateToken(vault_pb2.CreateTokenRequest(), timeout=CALL_SECONDS)
    assert refusal_in(caught.value).reason is Reason.API_KEY_MISSING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.create(key="ok_test")
    assert refusal_in(caught.value).reason is Reason.API_KEY_SCOPE


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (vault_pb2.Card(number="4013250000000000007"), "card.number"),
        (vault_pb2.Card(number="401325000000000000"), "card.number"),
        (vault_pb2.Card(exp_year=2020), "card.exp_year"),
        (vault_pb2.Card(cvc="8610"), "card.cvc"),
        (vault_pb2.Card(holder_name=NUMBER), "card.holder_name"),
    ],
)
async def test_a_wrong_card_is_refused_by_field_and_rule_without_repeating_it(
    vault: Vault, changes: vault_pb2.Card, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.create(changes)
    refusal = refusal_in(caught.value)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason is Reason.INVALID_CARD
    assert refusal.metadata["field"] == field
    assert [violation.field for violation in refusal.violations] == [field]
    answer = repr(caught.value) + repr(caught.value.trailing_metadata())
    assert not any(value in answer for value in (NUMBER, NUMBER[:8], CODE))


async def test_the_code_comes_with_the_first_authorization_only(vault: Vault) -> None:
    token = await vault.create()
    first = await vault.detokenize(token.id)
    assert first.card == vault_pb2.Card(
        number=NUMBER, exp_month=12, exp_year=2030, cvc=CODE, holder_name="Ada Lovelace"
    )
    assert first.summary == token.card
    second = await vault.detokenize(token.id)
    assert (second.card.number, second.card.cvc) == (NUMBER, "")


async def test_the_gateway_may_describe_a_card_and_never_see_it(vault: Vault) -> None:
    token = await vault.create()
    request = vault_pb2.DescribeTokenRequest(merchant_id="mer_mine", token_id=token.id)
    described = await vault.as_gateway.DescribeToken(request, timeout=CALL_SECONDS)
    assert described.card == token.card
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.as_gateway.Detokenize(
            vault_pb2.DetokenizeRequest(
                merchant_id="mer_mine", token_id=token.id, payment_id="pay_1", purpose="authorization"
            ),
            timeout=CALL_SECONDS,
        )
    assert refusal_in(caught.value).reason is Reason.CALLER_NOT_ALLOWED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.as_connectors.DescribeToken(request, timeout=CALL_SECONDS)
    assert refusal_in(caught.value).reason is Reason.CALLER_NOT_ALLOWED


async def test_a_token_of_another_merchant_is_not_found(vault: Vault) -> None:
    token = await vault.create()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.detokenize(token.id, "mer_theirs")
    assert refusal_in(caught.value).reason is Reason.TOKEN_NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.as_gateway.DescribeToken(
            vault_pb2.DescribeTokenRequest(merchant_id="mer_theirs", token_id=token.id), timeout=CALL_SECONDS
        )
    assert refusal_in(caught.value).reason is Reason.TOKEN_NOT_FOUND
    assert (await vault.detokenize(token.id)).card.cvc == CODE


async def test_a_token_is_for_one_payment_until_that_makes_it_permanent(vault: Vault) -> None:
    token = await vault.create(key="sk_test_mine")
    assert token.usage == vault_pb2.Token.SINGLE_USE
    describe = vault_pb2.DescribeTokenRequest(merchant_id="mer_mine", token_id=token.id)
    await vault.as_gateway.DescribeToken(describe, timeout=CALL_SECONDS)
    await vault.detokenize(token.id)
    for refused in (
        vault.as_gateway.DescribeToken(describe, timeout=CALL_SECONDS),
        vault.detokenize(token.id, payment_id="pay_2"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await refused
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert refusal_in(caught.value).reason is Reason.TOKEN_USED
    keep = vault_pb2.MakePermanentRequest(merchant_id="mer_mine", token_id=token.id, payment_id="pay_1")
    for stub in (vault.as_gateway, vault.as_worker):
        await stub.MakePermanent(keep, timeout=CALL_SECONDS)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.as_connectors.MakePermanent(keep, timeout=CALL_SECONDS)
    assert refusal_in(caught.value).reason is Reason.CALLER_NOT_ALLOWED
    assert (await vault.detokenize(token.id, payment_id="pay_2")).card.number == NUMBER
    await vault.as_gateway.DescribeToken(describe, timeout=CALL_SECONDS)


async def test_a_customers_tokens_are_listed_updated_and_deleted(vault: Vault) -> None:
    mine = key_metadata("sk_test_mine")
    made = [(await vault.create(key="sk_test_mine", customer_id="customer-1")).id for _ in range(3)]
    request = vault_pb2.ListTokensRequest(customer_id="customer-1", page_size=2)
    first = await vault.tokens.ListTokens(request, timeout=CALL_SECONDS, metadata=mine)
    request.page_token = first.next_page_token
    second = await vault.tokens.ListTokens(request, timeout=CALL_SECONDS, metadata=mine)
    assert [token.id for page in (first, second) for token in page.tokens] == sorted(made, reverse=True)
    assert len({token.fingerprint for page in (first, second) for token in page.tokens}) == 1
    assert second.next_page_token == ""
    update = vault_pb2.UpdateTokenRequest(token_id=made[0], exp_month=3, exp_year=2033)
    updated = await vault.tokens.UpdateToken(update, timeout=CALL_SECONDS, metadata=mine)
    assert (updated.card.exp_month, updated.card.exp_year) == (3, 2033)
    revealed = await vault.detokenize(made[0])
    assert (revealed.card.exp_month, revealed.card.exp_year, revealed.card.cvc) == (3, 2033, CODE)
    for token_id in made:
        delete = vault_pb2.DeleteTokenRequest(token_id=token_id)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await vault.tokens.DeleteToken(delete, timeout=CALL_SECONDS, metadata=key_metadata("sk_test_theirs"))
        assert refusal_in(caught.value).reason is Reason.TOKEN_NOT_FOUND
        assert (await vault.tokens.DeleteToken(delete, timeout=CALL_SECONDS, metadata=mine)).id == token_id
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await vault.detokenize(token_id)
        assert refusal_in(caught.value).reason is Reason.TOKEN_NOT_FOUND


async def test_cards_are_opened_no_faster_than_the_setting_says(
    identities: Path, keyring: Path, postgres: PostgresServer, tmp_path: Path
) -> None:
    async with running_key_service(identities, known_keys()) as gateway:
        settings = {
            "PAYERA_DATABASE_URL": postgres.role_urls["vault_svc"],
            "PAYERA_GATEWAY_ADDRESS": gateway,
            "PAYERA_VAULT_KEYRING": str(keyring),
            "PAYERA_VAULT_ACCESSES_PER_SECOND": "1",
        }
        async with (
            running_service("vault_svc", identities, tmp_path, settings) as process,
            process.channel("psp_connectors") as channel,
        ):
            request = vault_pb2.DetokenizeRequest(
                merchant_id="mer_mine", token_id="tok_" + "0" * 26, payment_id="pay_1", purpose="authorization"
            )
            stub = vault_grpc.CardServiceStub(channel)
            reasons = []
            for _ in range(8):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Detokenize(request, timeout=CALL_SECONDS)
                reasons.append(refusal_in(caught.value).reason)
    assert reasons[:2] == [Reason.TOKEN_NOT_FOUND] * 2
    assert Reason.OVERLOADED in reasons


async def test_a_purpose_nobody_knows_gets_no_card(vault: Vault) -> None:
    token = await vault.create()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vault.detokenize(token.id, purpose="curiosity")
    refusal = refusal_in(caught.value)
    assert refusal.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refusal.violations] == ["purpose"]
    assert (await vault.detokenize(token.id)).card.cvc == CODE


async def test_the_audit_names_the_caller_by_its_certificate_and_the_request(
    vault: Vault,
    postgres: PostgresServer,
) -> None:
    token = await vault.create()
    request = vault_pb2.DetokenizeRequest(
        merchant_id="mer_mine", token_id=token.id, payment_id="pay_audited", purpose="authorization"
    )
    metadata = (("x-request-id", "req-of-the-audit-test"),)
    await vault.as_connectors.Detokenize(request, timeout=CALL_SECONDS, metadata=metadata)
    async with await psycopg.AsyncConnection.connect(postgres.admin_url) as connection:
        rows = await connection.execute(
            "SELECT action, actor, payment_id, merchant_id, request_id = 'req-of-the-audit-test'"
            " FROM vault.audit_record WHERE token_id = %s ORDER BY recorded_at",
            (token.id,),
        )
        assert await rows.fetchall() == [
            ("create_token", "key_pk_test_mine", "", "mer_mine", False),
            ("detokenize", "psp_connectors", "pay_audited", "mer_mine", True),
        ]


async def test_the_log_holds_no_card(vault: Vault) -> None:
    token = await vault.create()
    await vault.detokenize(token.id)
    with pytest.raises(grpc.aio.AioRpcError):
        await vault.detokenize(NUMBER)
    with pytest.raises(grpc.aio.AioRpcError):
        await vault.create(vault_pb2.Card(number="4013250000000000007"))
    log = vault.process.log()
    assert "CreateToken" in log
    assert not any(secret in log for secret in (NUMBER, "4013250000000000007", "Lovelace", "pk_test_mine"))


async def test_it_starts_without_postgresql_and_gateway_refuses_meanwhile_and_stops_cleanly(
    identities: Path, keyring: Path, tmp_path: Path
) -> None:
    settings = {
        "PAYERA_DATABASE_URL": f"postgresql://vault_svc@127.0.0.1:{free_port()}/payera",
        "PAYERA_GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_VAULT_KEYRING": str(keyring),
    }
    async with running_service("vault_svc", identities, tmp_path, settings) as process:
        async with process.channel("gateway_svc") as channel, process.channel("envoy") as envoy:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await vault_grpc.CardServiceStub(channel).DescribeToken(
                    vault_pb2.DescribeTokenRequest(merchant_id="mer_1", token_id="tok_" + "0" * 26),
                    timeout=CALL_SECONDS,
                )
            assert refusal_in(caught.value).reason is Reason.UNAVAILABLE
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await vault_grpc.TokenServiceStub(envoy).GetToken(
                    vault_pb2.GetTokenRequest(token_id="tok_1"),
                    timeout=CALL_SECONDS,
                    metadata=key_metadata("sk_test_mine"),
                )
            assert refusal_in(caught.value).reason is Reason.UNAVAILABLE
        assert await process.stop() == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PAYERA_ENVIRONMENT": "prod"}, "key management service"),
        ({"PAYERA_VAULT_KEYRING": "/nowhere/vault.json"}, "PAYERA_VAULT_KEYRING can't be used"),
        ({"PAYERA_GATEWAY_ADDRESS": ""}, "PAYERA_GATEWAY_ADDRESS is not set"),
    ],
)
def test_it_does_not_start_as_it_must_not_be_set_up(
    identities: Path, keyring: Path, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    settings = {
        "PAYERA_LISTEN": "127.0.0.1:0",
        "PAYERA_TLS_DIRECTORY": str(identities / "vault_svc"),
        "PAYERA_DATABASE_URL": "postgresql://vault_svc@127.0.0.1:1/payera",
        "PAYERA_GATEWAY_ADDRESS": "127.0.0.1:1",
        "PAYERA_VAULT_KEYRING": str(keyring),
    }
    process = start_process("vault_svc", tmp_path / "log", settings | changes)
    try:
        assert process.wait(30) == 1
    finally:
        process.kill()
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert said in last["error"]
