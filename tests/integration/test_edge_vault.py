"""The edge in front of the vault: tokens and their cards for merchants, keys for operators, and nothing beyond that."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
from payera.vault.v1 import key_service_pb2, token_service_pb2

from tests.integration.test_edge import assert_refused, send
from tests.support.edge import Edge

pytestmark = pytest.mark.integration

KIND: Final = key_service_pb2.VaultKey
ORIGIN: Final = {"Origin": "https://shop.example"}


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_calls(edge: Edge) -> None:
    edge.log.calls.clear()


@pytest.mark.parametrize(
    ("method", "path", "body", "rpc", "request_fields"),
    [
        ("GET", "/v1/tokens?customer_id=c-7&page_size=2", None, "ListTokens", {"customer_id": "c-7", "page_size": 2}),
        (
            "POST",
            "/v1/tokens/tok_1:update",
            {"exp_month": 1, "exp_year": "2031"},
            "UpdateToken",
            {"token_id": "tok_1", "exp_month": 1, "exp_year": 2031},
        ),
        ("POST", "/v1/tokens/tok_1:delete", {}, "DeleteToken", {"token_id": "tok_1"}),
        ("GET", "/v1/vault_keys?page_size=5", None, "ListKeys", {"page_size": 5}),
        (
            "POST",
            "/v1/vault_keys:rotate",
            {"kind": "DATA_KEY", "merchant_id": "mer_1", "older_than_days": "30"},
            "RotateKeys",
            {"kind": KIND.DATA_KEY, "merchant_id": "mer_1", "older_than_days": 30},
        ),
        ("GET", "/v1/vault_key_rotations/FINGERPRINT_KEY", None, "GetKeyRotation", {"kind": KIND.FINGERPRINT_KEY}),
        (
            "POST",
            "/v1/controlled_operations",
            {"kind": "destroy_data_key", "merchant_id": "mer_1", "key_version": 2},
            "RequestOperation",
            {"kind": "destroy_data_key", "merchant_id": "mer_1", "key_version": 2},
        ),
        ("GET", "/v1/controlled_operations?page_token=abc", None, "ListOperations", {"page_token": "abc"}),
        ("POST", "/v1/controlled_operations/cop_1:approve", {}, "ApproveOperation", {"operation_id": "cop_1"}),
        ("POST", "/v1/controlled_operations/cop_1:cancel", {}, "CancelOperation", {"operation_id": "cop_1"}),
        ("POST", "/v1/controlled_operations/cop_1:destroy_data_key", {}, "DestroyDataKey", {"operation_id": "cop_1"}),
    ],
)
async def test_a_call_reaches_the_vault_as_it_was_meant(
    edge: Edge, method: str, path: str, body: Mapping[str, Any] | None, rpc: str, request_fields: Mapping[str, Any]
) -> None:
    answer = await send(edge, method, path, body)
    assert answer.status == 200, answer.text
    [call] = edge.log.calls
    assert call.method == rpc
    assert call.request == type(call.request)(**request_fields)
    assert "access-control-allow-origin" not in answer.headers
    if body is not None:
        assert call.metadata["x-payera-body-fields"] == ",".join(body)


async def test_answers_are_snake_case_with_names_for_enumerations(edge: Edge) -> None:
    keys = await send(edge, "GET", "/v1/vault_keys")
    assert (keys.json["keys"][0]["id"], keys.json["keys"][0]["rows"]) == ("key-1", "7")
    rotation = await send(edge, "GET", "/v1/vault_key_rotations/DATA_KEY")
    assert (rotation.json["kind"], rotation.json["cards_done"]) == ("DATA_KEY", "0")
    tokens = await send(edge, "GET", "/v1/tokens?customer_id=c-7")
    assert tokens.json["tokens"][0]["usage"] == "PERMANENT"


NO_BOOLEAN = "is not true or false."
NO_INTEGER = "is not an integer of at most 64 bits."
DECIMAL = "is a decimal number; numbers are integers, and amounts are in minor units."


@pytest.mark.parametrize(
    ("path", "field", "written", "told"),
    [
        ("/v1/payments", "store_card", '"yes"', NO_BOOLEAN),
        ("/v1/payments", "store_card", '"false"', NO_BOOLEAN),
        ("/v1/merchants/mer_1:configure", "card_code_required", '"no"', NO_BOOLEAN),
        ("/v1/merchants/mer_1:configure", "off", '"no"', NO_BOOLEAN),
        ("/v1/merchants/mer_1:configure", "max_attempts", '"02"', NO_INTEGER),
        ("/v1/controlled_operations", "key_version", '"+1"', NO_INTEGER),
        ("/v1/vault_keys:rotate", "older_than_days", '"010"', NO_INTEGER),
        ("/v1/vault_keys:rotate", "older_than_days", "1.5", DECIMAL),
        ("/v1/tokens/tok_1:update", "exp_month", '"01"', NO_INTEGER),
    ],
)
async def test_what_only_looks_like_a_value_is_refused(
    edge: Edge, path: str, field: str, written: str, told: str
) -> None:
    answer = await send(edge, "POST", path, f'{{"{field}": {written}}}')
    assert_refused(answer, "MALFORMED_BODY", detail=f"`{field}` {told}")
    assert edge.log.calls == []


async def test_a_wish_to_store_the_card_comes_through(edge: Edge) -> None:
    for wish in (True, False):
        body = {"amount": {"value": 1, "currency": "EUR"}, "store_card": wish}
        assert (await send(edge, "POST", "/v1/payments", body)).status == 200
        request: Any = edge.log.calls[-1].request
        assert request.store_card is wish


@pytest.mark.parametrize(
    "path",
    [
        "/v1/vault_keys/key-1",
        "/v1/vault_keys:rotate/x",
        "/v1/vault_keysx",
        "/v1/vault_key_rotations",
        "/v1/controlled_operations/cop_1:export",
        "/v1/export_cards",
        "/payera.vault.v1.CardTransferService/ExportCards",
        "/payera.vault.v1.KeyManagementService/RotateKeys",
        "/payera.vault.v1.CardService/MakePermanent",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_else_of_the_vault_is_reachable(edge: Edge, method: str, path: str) -> None:
    answer = await send(edge, method, path, None if method == "GET" else {})
    assert_refused(answer, "UNKNOWN_ROUTE", method=method, path=path)
    assert edge.log.calls == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/vault_keys?customer_id=c-7"),
        ("GET", "/v1/tokens/tok_1?customer_id=c-7"),
        ("POST", "/v1/vault_keys:rotate?page_size=1"),
        ("POST", "/v1/tokens/tok_1:delete?customer_id=c-7"),
    ],
)
async def test_a_parameter_that_is_not_the_calls_own_is_refused(edge: Edge, method: str, path: str) -> None:
    answer = await send(edge, method, path, None if method == "GET" else {})
    name = path.partition("?")[2].partition("=")[0]
    assert_refused(answer, "UNKNOWN_PARAMETER", detail=f"`{name}`.")
    assert edge.log.calls == []


async def test_a_page_of_a_browser_may_create_tokens_and_read_none(edge: Edge) -> None:
    created = await send(edge, "POST", "/v1/tokens", {"card": {}}, ORIGIN)
    assert created.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    # Without this header the browser keeps the answer from the page, even from one with a key that may list tokens.
    for path in ("/v1/tokens?customer_id=c-7", "/v1/tokens/tok_1", "/v1/vault_keys"):
        answer = await send(edge, "GET", path, None, ORIGIN)
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)
    asking = ORIGIN | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await send(edge, "OPTIONS", "/v1/tokens", headers=asking)
    assert (allowed.status, allowed.headers["access-control-allow-methods"]) == (200, "POST")
    for path in ("/v1/tokens/tok_1:delete", "/v1/vault_keys:rotate", "/v1/controlled_operations"):
        refused = await send(edge, "OPTIONS", path, headers=asking)
        assert "access-control-allow-origin" not in refused.headers


async def test_a_body_is_no_larger_than_anywhere(edge: Edge) -> None:
    body = {"kind": "export_cards", "merchant_id": "mer_1", "public_key": "x" * 8192}
    assert (await send(edge, "POST", "/v1/controlled_operations", body)).status == 200
    body["public_key"] = "x" * 65536
    answer = await send(edge, "POST", "/v1/controlled_operations", body)
    assert_refused(answer, "BODY_TOO_LARGE", limit="65536")
    assert isinstance(edge.log.calls[-1].request, key_service_pb2.RequestOperationRequest)
    assert not [call for call in edge.log.calls if isinstance(call.request, token_service_pb2.CreateTokenRequest)]
