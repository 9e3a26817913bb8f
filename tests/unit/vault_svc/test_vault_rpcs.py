"""The vault's rpcs: who may call which, what each answers, and how it refuses."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from payera.vault.v1 import token_service_pb2 as vault_pb2

from mesh.identifiers import new_id
from mesh.identity import Identity
from tests.unit.vault_svc.rpcs import OPERATOR, PUBLISHABLE, SECRET, THEIRS, Refused, Rpcs, write_identity
from tests.unit.vault_svc.vaults import MERCHANT, OTHER_MERCHANT, Vault
from vault_svc.adapters.grpc.token_service import DEFAULT_PAGE_SIZE
from vault_svc.application.describe_token import TOKENS_LIFE_SECONDS


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return write_identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def rpcs(identity: Identity) -> Rpcs[Vault]:
    return Rpcs(identity, Vault())


async def refusal_of(awaiting: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaiting
    return caught.value


def get(token_id: str) -> vault_pb2.GetTokenRequest:
    return vault_pb2.GetTokenRequest(token_id=token_id)


def listing(**changes: Any) -> vault_pb2.ListTokensRequest:
    return vault_pb2.ListTokensRequest(**{"customer_id": "customer-1"} | changes)


def update(token_id: str, month: int = 6, year: int = 2033) -> vault_pb2.UpdateTokenRequest:
    return vault_pb2.UpdateTokenRequest(token_id=token_id, exp_month=month, exp_year=year)


def assign(token_id: str, customer_id: str = "customer-1") -> vault_pb2.UpdateTokenRequest:
    return vault_pb2.UpdateTokenRequest(token_id=token_id, customer_id=customer_id)


def delete(token_id: str) -> vault_pb2.DeleteTokenRequest:
    return vault_pb2.DeleteTokenRequest(token_id=token_id)


SOME_TOKEN = "tok_" + "0" * 26
NEED_SECRET: dict[str, Message] = {
    "GetToken": get(SOME_TOKEN),
    "ListTokens": listing(),
    "UpdateToken": update(SOME_TOKEN),
    "DeleteToken": delete(SOME_TOKEN),
}
INTERNAL: dict[str, tuple[Message, set[str]]] = {
    "DescribeToken": (
        vault_pb2.DescribeTokenRequest(merchant_id=MERCHANT, token_id=SOME_TOKEN),
        {"gateway_svc", "gateway_worker"},
    ),
    "MakePermanent": (
        vault_pb2.MakePermanentRequest(merchant_id=MERCHANT, token_id=SOME_TOKEN, payment_id="pay_1"),
        {"gateway_svc", "gateway_worker"},
    ),
    "Detokenize": (
        vault_pb2.DetokenizeRequest(
            merchant_id=MERCHANT, token_id=SOME_TOKEN, payment_id="pay_1", purpose="authorization"
        ),
        {"psp_connectors"},
    ),
}
CALLERS = (
    *("envoy", "gateway_svc", "gateway_worker", "gateway_relay", "router_svc", "vault_svc", "psp_connectors"),
    "operator",
)


class TestScopes:
    """A publishable key makes tokens and does nothing else; internal calls are their callers' alone."""

    @pytest.mark.parametrize("name", sorted(NEED_SECRET))
    async def test_a_call_that_needs_a_secret_key_is_refused_to_all_others(self, rpcs: Rpcs[Vault], name: str) -> None:
        for key, reason in ((PUBLISHABLE, "API_KEY_SCOPE"), (OPERATOR, "API_KEY_SCOPE"), ("", "API_KEY_MISSING")):
            assert (await refusal_of(rpcs.call(name, NEED_SECRET[name], key=key))).reason == reason
        assert rpcs.vault.store.calls == []

    async def test_an_operators_key_makes_no_token(self, rpcs: Rpcs[Vault]) -> None:
        assert (await refusal_of(rpcs.create(key=OPERATOR))).reason == "API_KEY_SCOPE"

    async def test_a_publishable_key_learns_no_fingerprint_and_a_secret_key_does(self, rpcs: Rpcs[Vault]) -> None:
        by_page, by_server = await rpcs.create(PUBLISHABLE), await rpcs.create(SECRET)
        assert by_page.fingerprint == ""
        assert by_server.fingerprint.startswith("fpr_")
        assert (await rpcs.call("GetToken", get(by_page.id))).fingerprint == by_server.fingerprint

    async def test_a_publishable_key_gives_no_card_to_a_customer(self, rpcs: Rpcs[Vault]) -> None:
        refused = await refusal_of(rpcs.create(PUBLISHABLE, customer_id="customer-1"))
        assert (refused.reason, refused.fields) == ("INVALID_FIELD", ["customer_id"])
        assert "a publishable key may not name a customer" in refused.status.message
        assert rpcs.vault.store.calls == []
        assert (await rpcs.create(PUBLISHABLE)).customer_id == ""
        assert (await rpcs.create(SECRET, customer_id="customer-1")).customer_id == "customer-1"

    @pytest.mark.parametrize("name", sorted(NEED_SECRET))
    @pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "envoy"])
    async def test_public_calls_come_through_the_edge_alone(self, rpcs: Rpcs[Vault], name: str, caller: str) -> None:
        assert (await refusal_of(rpcs.call(name, NEED_SECRET[name], caller=caller))).reason == "CALLER_NOT_ALLOWED"

    @pytest.mark.parametrize("caller", CALLERS)
    @pytest.mark.parametrize("name", sorted(INTERNAL))
    async def test_an_internal_call_is_its_callers_alone(self, rpcs: Rpcs[Vault], name: str, caller: str) -> None:
        request, allowed = INTERNAL[name]
        reason = "TOKEN_NOT_FOUND" if caller in allowed else "CALLER_NOT_ALLOWED"
        assert (await refusal_of(rpcs.call(name, request, caller=caller))).reason == reason


class TestLives:
    """What a merchant sees of a token from its making to its end."""

    async def test_a_new_token_says_how_long_and_what_for_it_is_good(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create(customer_id="customer-1")
        assert token.usage == vault_pb2.Token.SINGLE_USE
        assert token.expire_time.seconds - token.create_time.seconds == 24 * 3600
        assert (token.customer_id, token.payment_id) == ("customer-1", "")
        assert list(token.card.networks) == ["visa"]
        assert await rpcs.call("GetToken", get(token.id)) == token

    async def test_a_used_token_names_its_payment_and_a_permanent_one_has_no_end(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create()
        described = vault_pb2.DescribeTokenRequest(merchant_id=MERCHANT, token_id=token.id)
        answer = await rpcs.call("DescribeToken", described, caller="gateway_svc")
        assert (answer.card, answer.usage) == (token.card, vault_pb2.Token.SINGLE_USE)
        opened = await rpcs.detokenize(token.id)
        assert (opened.card.number, opened.card.cvc) == ("4242424242424242", "737")
        assert (await rpcs.call("GetToken", get(token.id))).payment_id == "pay_1"
        assert (await refusal_of(rpcs.call("DescribeToken", described, caller="gateway_svc"))).reason == "TOKEN_USED"
        for caller in ("gateway_svc", "gateway_worker"):
            request = vault_pb2.MakePermanentRequest(merchant_id=MERCHANT, token_id=token.id, payment_id="pay_1")
            await rpcs.call("MakePermanent", request, caller=caller)
        permanent = await rpcs.call("GetToken", get(token.id))
        assert permanent.usage == vault_pb2.Token.PERMANENT
        assert not permanent.HasField("expire_time")
        answer = await rpcs.call("DescribeToken", described, caller="gateway_svc")
        assert (answer.card, answer.usage) == (token.card, vault_pb2.Token.PERMANENT)

    async def test_the_address_comes_back_with_the_card(self, rpcs: Rpcs[Vault]) -> None:
        address = vault_pb2.BillingAddress(line1="12 St James's Square", city="London", country="GB")
        token = await rpcs.create(address=address)
        assert (await rpcs.detokenize(token.id)).card.address == address

    async def test_a_token_is_updated_and_deleted(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create()
        updated = await rpcs.call("UpdateToken", update(token.id))
        assert (updated.card.exp_month, updated.card.exp_year) == (6, 2033)
        assert await rpcs.call("GetToken", get(token.id)) == updated
        assert (await rpcs.call("DeleteToken", delete(token.id))).id == token.id
        assert (await refusal_of(rpcs.call("GetToken", get(token.id)))).reason == "TOKEN_NOT_FOUND"

    async def test_the_server_gives_a_browsers_card_to_a_customer(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create(PUBLISHABLE)
        for customer_id in ("customer-1", "customer-2", "customer-2", ""):
            assigned = await rpcs.call("UpdateToken", assign(token.id, customer_id))
            assert assigned.customer_id == customer_id
            assert await rpcs.call("GetToken", get(token.id)) == assigned
        both = vault_pb2.UpdateTokenRequest(token_id=token.id, exp_month=6, exp_year=2033, customer_id="customer-3")
        updated = await rpcs.call("UpdateToken", both)
        assert (updated.card.exp_month, updated.card.exp_year, updated.customer_id) == (6, 2033, "customer-3")
        [listed] = (await rpcs.call("ListTokens", listing(customer_id="customer-3"))).tokens
        assert listed == updated
        # What is left out stays.
        assert (await rpcs.call("UpdateToken", update(token.id, 7))).customer_id == "customer-3"
        assert (await rpcs.call("UpdateToken", assign(token.id))).card.exp_month == 7

    @pytest.mark.parametrize(
        ("name", "make"), [("GetToken", get), ("UpdateToken", update), ("UpdateToken", assign), ("DeleteToken", delete)]
    )
    async def test_another_merchant_finds_and_changes_nothing(
        self, rpcs: Rpcs[Vault], name: str, make: Callable[[str], Message]
    ) -> None:
        token = await rpcs.create()
        assert (await refusal_of(rpcs.call(name, make(token.id), key=THEIRS))).reason == "TOKEN_NOT_FOUND"
        assert await rpcs.call("GetToken", get(token.id)) == token
        opened = rpcs.detokenize(token.id, merchant_id=OTHER_MERCHANT)
        assert (await refusal_of(opened)).reason == "TOKEN_NOT_FOUND"

    async def test_the_audit_names_the_key_or_the_service_and_the_request(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create(PUBLISHABLE)
        await rpcs.detokenize(token.id)
        await rpcs.call("UpdateToken", update(token.id))
        request = vault_pb2.MakePermanentRequest(merchant_id=MERCHANT, token_id=token.id, payment_id="pay_1")
        await rpcs.call("MakePermanent", request, caller="gateway_worker")
        await rpcs.call("DeleteToken", delete(token.id))
        records = [record for record in rpcs.vault.store.audit if record.token_id == token.id]
        assert [(record.action, record.actor, record.request_id) for record in records] == [
            ("create_token", "key_0", "request-0"),
            ("detokenize", "psp_connectors", "request-1"),
            ("update_token", "key_1", "request-2"),
            ("make_permanent", "gateway_worker", "request-3"),
            ("delete_token", "key_1", "request-4"),
        ]


class TestPages:
    """A page token goes on with the list that it came from, and with no other."""

    async def test_a_list_is_read_in_pages_to_its_end(self, rpcs: Rpcs[Vault]) -> None:
        made = [(await rpcs.create(customer_id="customer-1")).id for _ in range(5)]
        await rpcs.create(customer_id="customer-2")
        read: list[str] = []
        page_token = ""
        for size in (2, 2, 1):
            page = await rpcs.call("ListTokens", listing(page_size=2, page_token=page_token))
            assert len(page.tokens) == size
            read += [token.id for token in page.tokens]
            page_token = page.next_page_token
        assert page_token == ""
        assert read == sorted(made, reverse=True)

    async def test_pages_have_fifty_tokens_when_nothing_is_said(self, rpcs: Rpcs[Vault]) -> None:
        for _ in range(DEFAULT_PAGE_SIZE + 1):
            await rpcs.create(customer_id="customer-1")
        page = await rpcs.call("ListTokens", listing())
        assert len(page.tokens) == DEFAULT_PAGE_SIZE
        assert page.next_page_token

    async def test_a_page_token_of_another_list_merchant_or_hand_is_refused_by_its_field(
        self, rpcs: Rpcs[Vault]
    ) -> None:
        for _ in range(2):
            await rpcs.create(customer_id="customer-1")
        token = (await rpcs.call("ListTokens", listing(page_size=1))).next_page_token
        wrong = [
            (listing(customer_id="customer-2", page_token=token), SECRET),
            (listing(page_token=token), THEIRS),
            (listing(page_token=token[:-2]), SECRET),
            (listing(page_token="A" + token[1:]), SECRET),
            (listing(page_token="nonsense"), SECRET),
            (listing(page_token="é"), SECRET),
            (listing(page_token="="), SECRET),
            (listing(page_token="\x00"), SECRET),
        ]
        for request, key in wrong:
            refused = await refusal_of(rpcs.call("ListTokens", request, key=key))
            assert (refused.reason, refused.fields) == ("INVALID_FIELD", ["page_token"])

    async def test_a_page_token_made_by_hand_brings_no_text_to_the_store_that_it_can_not_take(
        self, rpcs: Rpcs[Vault]
    ) -> None:
        position = "tok_\x00"
        digest = hashlib.sha256(f"tokens\x00{MERCHANT}\x00customer-1\x00{position}".encode()).digest()[:12]
        token = base64.urlsafe_b64encode(digest + position.encode()).rstrip(b"=").decode()
        refused = await refusal_of(rpcs.call("ListTokens", listing(page_token=token)))
        assert (refused.reason, refused.fields) == ("INVALID_FIELD", ["page_token"])
        assert "list_tokens" not in rpcs.vault.store.calls


class TestRefusals:
    """Each names what is wrong."""

    @pytest.mark.parametrize(
        ("name", "request_", "fields"),
        [
            ("GetToken", get(""), ["token_id"]),
            ("GetToken", get("x" * 65), ["token_id"]),
            ("ListTokens", listing(customer_id=""), ["customer_id"]),
            ("ListTokens", listing(customer_id="a b"), ["customer_id"]),
            ("ListTokens", listing(page_size=-1), ["page_size"]),
            ("ListTokens", listing(page_size=1001), ["page_size"]),
            ("ListTokens", listing(page_token="x" * 513), ["page_token"]),
            ("UpdateToken", update(SOME_TOKEN, 13), ["exp_month"]),
            ("UpdateToken", update(SOME_TOKEN, 0, 1999), ["exp_month", "exp_year"]),
            ("UpdateToken", vault_pb2.UpdateTokenRequest(token_id=SOME_TOKEN, exp_year=2033), ["exp_month"]),
            ("UpdateToken", vault_pb2.UpdateTokenRequest(token_id=SOME_TOKEN, exp_month=6), ["exp_year"]),
            ("UpdateToken", vault_pb2.UpdateTokenRequest(token_id=SOME_TOKEN), ["exp_month", "exp_year"]),
            ("UpdateToken", assign(SOME_TOKEN, "a b"), ["customer_id"]),
            ("DeleteToken", delete(""), ["token_id"]),
            ("CreateToken", vault_pb2.CreateTokenRequest(), ["card"]),
        ],
    )
    async def test_a_request_against_the_contract(
        self, rpcs: Rpcs[Vault], name: str, request_: Message, fields: list[str]
    ) -> None:
        refused = await refusal_of(rpcs.call(name, request_))
        assert (refused.reason, refused.fields) == ("INVALID_FIELD", fields)

    @pytest.mark.parametrize(
        ("month", "year", "field"), [(1, 2026, "exp_month"), (12, 2025, "exp_year"), (1, 2050, "exp_year")]
    )
    async def test_an_update_to_an_expiry_that_no_good_card_has(
        self, rpcs: Rpcs[Vault], month: int, year: int, field: str
    ) -> None:
        token = await rpcs.create()
        refused = await refusal_of(rpcs.call("UpdateToken", update(token.id, month, year)))
        assert (refused.reason, refused.fields) == ("INVALID_CARD", [field])

    async def test_a_customers_id_that_looks_like_a_card_number(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create()
        request = vault_pb2.UpdateTokenRequest(
            token_id=token.id, exp_month=6, exp_year=2033, customer_id="4242424242424242"
        )
        for call in (rpcs.create(customer_id="4242424242424242"), rpcs.call("UpdateToken", request)):
            refused = await refusal_of(call)
            assert (refused.reason, refused.fields) == ("INVALID_FIELD", ["customer_id"])
            assert "4242" not in refused.text
        assert await rpcs.call("GetToken", get(token.id)) == token

    async def test_a_purpose_nobody_knows(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create()
        refused = await refusal_of(rpcs.detokenize(token.id, purpose="curiosity"))
        assert (refused.reason, refused.fields) == ("INVALID_FIELD", ["purpose"])
        assert (await rpcs.detokenize(token.id)).card.cvc == "737"

    async def test_a_used_token_and_who_used_it_is_not_told_to_another_payment(self, rpcs: Rpcs[Vault]) -> None:
        token = await rpcs.create()
        await rpcs.detokenize(token.id, "pay_first")
        refused = await refusal_of(rpcs.detokenize(token.id, "pay_second"))
        assert refused.reason == "TOKEN_USED"
        assert "pay_first" not in refused.text

    async def test_accesses_above_the_rate_are_told_to_come_back(self, identity: Identity) -> None:
        rpcs = Rpcs(identity, Vault(accesses_per_second=1))
        token = await rpcs.create()
        for _ in range(2):
            await rpcs.detokenize(token.id)
        refused = await refusal_of(rpcs.detokenize(token.id))
        assert refused.reason == "OVERLOADED"
        assert refused.retry.retry_delay.ToMilliseconds() > 0
        rpcs.vault.advance(1)
        await rpcs.detokenize(token.id)

    async def test_a_store_or_key_provider_out_of_reach_is_unavailable_and_told_to_come_back(
        self, identity: Identity
    ) -> None:
        rpcs = Rpcs(identity, Vault())
        token = await rpcs.create()
        rpcs.vault.store.down = True
        rpcs.vault.advance(TOKENS_LIFE_SECONDS)
        for call in (
            rpcs.call("GetToken", get(token.id)),
            rpcs.call("ListTokens", listing()),
            rpcs.call("UpdateToken", update(token.id)),
            rpcs.call("UpdateToken", assign(token.id)),
            rpcs.call("DeleteToken", delete(token.id)),
            rpcs.detokenize(token.id),
            rpcs.create(),
        ):
            refused = await refusal_of(call)
            assert refused.reason == "UNAVAILABLE"
            assert refused.retry.retry_delay.ToMilliseconds() > 0
        rpcs.vault.store.down = False
        rpcs.vault.provider.down = True
        fresh = Rpcs(identity, rpcs.vault.another())
        for call in (fresh.create(), fresh.detokenize(token.id), fresh.call("UpdateToken", update(token.id))):
            assert (await refusal_of(call)).reason == "UNAVAILABLE"

    async def test_a_token_that_never_was(self, rpcs: Rpcs[Vault]) -> None:
        missing = new_id("tok")
        for call in (
            rpcs.call("GetToken", get(missing)),
            rpcs.call("UpdateToken", update(missing)),
            rpcs.call("UpdateToken", assign(missing)),
            rpcs.call("DeleteToken", delete(missing)),
            rpcs.detokenize(missing),
        ):
            refused = await refusal_of(call)
            assert (refused.reason, refused.info.metadata["token_id"]) == ("TOKEN_NOT_FOUND", missing)
