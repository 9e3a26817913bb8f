"""JSON bodies at the edge: which are refused, and which key paths the services are told."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.integration.test_edge import CARD_NUMBER, assert_refused, send
from tests.support.edge import Edge

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_calls(edge: Edge) -> None:
    edge.log.calls.clear()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("{}", ""),
        (' \n{ "token" :\t"a" , "description" : "b" } \r\n', "token,description"),
        ('{"amount":{"value":1,"currency":"EUR"}}', "amount,amount.value,amount.currency"),
        ('{"captur_method":"MANUAL"}', "captur_method"),
        (
            '{"unknown":{"deep":{"er":[{"a":1},{"b":[{"c":null}]}]}}}',
            "unknown,unknown.deep,unknown.deep.er,unknown.deep.er.a,unknown.deep.er.b,unknown.deep.er.b.c",
        ),
        ('{"unknown":[[],[[{"a":true}]],{}]}', "unknown,unknown.a"),
        ('{"description":"{\\"token\\":1,\\\\"}', "description"),
        ('{"to\\u006ben":"a"}', "token"),
        ('{"a\\"b":1,"c\\\\":2,"d\\/":3}', 'a"b,c\\,d/'),
        ('{"amount.value":1,"a,b":2,"%74oken":3}', "amount?value,a?b,?74oken"),
        ('{"ключ":1,"a b":3,"\\n":4}', "????????,a?b,?"),
        ('{"metadata":{"order.id":"1","Ünï":"2"}}', "metadata,metadata.order?id,metadata.??n??"),
        (json.dumps({CARD_NUMBER: 1, "4242 4242-4242 4242": 1, "a4242424242424242b": 1}), "?"),
        (json.dumps({"x" * 64: 1, "y" * 65: 1}), "x" * 64 + ",?"),
        ('{"description":"\\ud83d\\ude00 😀 ü","token":"\\u00e9"}', "description,token"),
        ('{"a":-0,"b":-12,"c":true,"d":false,"e":null}', "a,b,c,d,e"),
    ],
)
async def test_services_are_told_the_key_paths(edge: Edge, body: str, fields: str) -> None:
    answer = await send(edge, "POST", "/v1/payments", body)
    assert answer.status == 200, answer.text
    assert edge.log.calls[0].metadata["x-payera-body-fields"] == fields


async def test_a_body_is_read_whatever_its_content_type_says(edge: Edge) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/grpc"):
        await send(edge, "POST", "/v1/payments", '{"captur_method":"MANUAL"}', {"Content-Type": content_type})
    assert [call.metadata["x-payera-body-fields"] for call in edge.log.calls] == ["captur_method"] * 3


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (" ", "it is not a JSON object."),
        ("[]", "it is not a JSON object."),
        ('"a"', "it is not a JSON object."),
        ("null", "it is not a JSON object."),
        ("{", "the body is not a JSON object."),
        ('{"token"}', "`token` has no value."),
        ('{"token":}', "a value in `token` is not JSON."),
        ('{"token":', "it ends too early."),
        ('{"token":"a"', "the body is not a JSON object."),
        ('{"token":"a",}', "the body is not a JSON object."),
        ('{"token":"a"}{}', "something follows the JSON object."),
        ("{token:'a'}", "the body is not a JSON object."),
        ("{'token':'a'}", "the body is not a JSON object."),
        ("{\"token\":'a'}", "a value in `token` is not JSON."),
        ('{"token":"a" /* why */}', "the body is not a JSON object."),
        ('{"token":tru}', "a value in `token` is not JSON."),
        ('{"token":trueish}', "a value in `token` is not JSON."),
        ('{"token":NaN}', "a value in `token` is not JSON."),
        ('{"token":01}', "a value in `token` is not JSON."),
        ('{"token":+1}', "a value in `token` is not JSON."),
        ('{"token":"a', "a string in `token` does not end."),
        ('{"token":"a\\"}', "a string in `token` does not end."),
        ('{"token":"\\x41"}', "a string in `token` has a broken escape."),
        ('{"token":"\\u00"}', "a string in `token` has a broken escape."),
        ('{"token":"\\u0000"}', "a string in `token` has a NUL character."),
        ('{"token":"\\ud83d"}', "a string in `token` has half a surrogate pair."),
        ('{"token":"\\ude00\\ud83d"}', "a string in `token` has half a surrogate pair."),
        ('{"token":"a\nb"}', "a string in `token` has a control character that is not escaped."),
        (b'{"token":"\xff"}', "a string in `token` is not UTF-8."),
        (b'{"token":"\xc0\xaf"}', "a string in `token` is not UTF-8."),
        (b'{"token":"\xed\xa0\x80"}', "a string in `token` is not UTF-8."),
        ('{"unknown":[1,]}', "a value in `unknown` is not JSON."),
        ('{"unknown":[1 2]}', "`unknown` is not a JSON array."),
        ('{"unknown":{"a":1]}', "`unknown` is not a JSON object."),
        ("\ufeff{}", "it is not a JSON object."),
    ],
)
async def test_what_is_not_strict_json_is_refused(edge: Edge, body: str | bytes, detail: str) -> None:
    assert_refused(await send(edge, "POST", "/v1/payments", body), "MALFORMED_BODY", detail=detail)
    assert edge.log.calls == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"token":"a","token":"b"}', "token"),
        ('{"token":"a","to\\u006ben":"b"}', "token"),
        ('{"amount":{"value":1,"currency":"EUR","value":2}}', "amount.value"),
        ('{"capture_method":"MANUAL","captureMethod":"AUTOMATIC"}', "captureMethod"),
        ('{"metadata":{"a":"1","a":"2"}}', "metadata.a"),
        ('{"metadata":{"4242424242424242":"1","4242424242424242":"2"}}', "metadata.?"),
    ],
)
async def test_a_key_that_stands_twice_is_refused(edge: Edge, body: str, path: str) -> None:
    detail = f"`{path}` stands there twice."
    assert_refused(await send(edge, "POST", "/v1/payments", body), "MALFORMED_BODY", detail=detail)
    assert edge.log.calls == []


async def test_equal_keys_in_different_objects_and_cases_are_no_doubles(edge: Edge) -> None:
    body = {"metadata": {"orderId": "1", "order_id": "2", "token": "3"}, "token": "a", "amount": {"value": 1}}
    assert (await send(edge, "POST", "/v1/payments", body)).status == 200


@pytest.mark.parametrize("number", ["10.50", "10.00", "1e3", "1E3", "-1.5", "0.0"])
async def test_a_decimal_number_is_refused(edge: Edge, number: str) -> None:
    body = '{"amount":{"value":' + number + ',"currency":"EUR"}}'
    detail = "`amount.value` is a decimal number; numbers are integers, and amounts are in minor units."
    assert_refused(await send(edge, "POST", "/v1/payments", body), "MALFORMED_BODY", detail=detail)
    assert edge.log.calls == []


INTEGER_64 = "`amount.value` is not an integer of at most 64 bits."
LISTED = "has a value that the API reference does not list."
UNTYPED = "a value has a type that its field does not take."


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/payments", '{"amount":{"value":"10.50"}}', INTEGER_64),
        ("/v1/payments", '{"amount":{"value":"1050.0"}}', INTEGER_64),
        ("/v1/payments", '{"amount":{"value":"1e3"}}', INTEGER_64),
        ("/v1/payments", '{"amount":{"value":"99999999999999999999"}}', INTEGER_64),
        ("/v1/payments", '{"amount":{"value":99999999999999999999}}', INTEGER_64),
        ("/v1/payments", '{"amount":{"value":true}}', INTEGER_64),
        (
            "/v1/payments",
            '{"amount":{"exponent":99999999999}}',
            "`amount.exponent` is not an integer of at most 32 bits.",
        ),
        ("/v1/payments", '{"amount":"10 EUR"}', f"`amount` {LISTED}"),
        ("/v1/payments", '{"amount":[1]}', UNTYPED),
        ("/v1/payments", '{"token":5}', "`token` is not a string."),
        ("/v1/payments", '{"token":{"id":"a"}}', "`token` takes no object."),
        ("/v1/payments", '{"capture_method":"LATER"}', f"`capture_method` {LISTED}"),
        ("/v1/payments", '{"metadata":["a"]}', "`metadata` takes no list."),
        ("/v1/payments", '{"metadata":{"a":1}}', "`metadata.a` is not a string."),
        ("/v1/payments", '{"metadata":{"a":{"b":"c"}}}', "`metadata.a` is not a string."),
        ("/v1/payments/pay_1:capture", '{"final":"no"}', "`final` is not true or false."),
        ("/v1/payments/pay_1:capture", '{"final":1}', "`final` is not true or false."),
        ("/v1/payments/pay_1:capture", '{"payment_id":"pay_2"}', "`payment_id` contradicts the path."),
    ],
)
async def test_a_value_of_the_wrong_type_is_refused(edge: Edge, path: str, body: str, detail: str) -> None:
    assert_refused(await send(edge, "POST", path, body), "MALFORMED_BODY", detail=detail)
    assert edge.log.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {"card": CARD_NUMBER},
        {"card": [CARD_NUMBER]},
        {"card": {"number": int(CARD_NUMBER)}},
        {"card": {"number": {CARD_NUMBER: CARD_NUMBER}}},
        {"card": {"number": CARD_NUMBER, "exp_month": CARD_NUMBER}},
        {"card": {"exp_year": {CARD_NUMBER: 1}}},
        {CARD_NUMBER: {"a": 1.5}},
        {"card": {"a" + CARD_NUMBER: 1.5}},
    ],
)
async def test_a_card_number_in_the_wrong_place_is_never_repeated(edge: Edge, body: object) -> None:
    answer = await send(edge, "POST", "/v1/tokens", body)
    assert answer.json["details"][0]["reason"] == "MALFORMED_BODY"
    assert CARD_NUMBER not in answer.text
    assert CARD_NUMBER not in edge.output()
    broken = await send(edge, "POST", "/v1/tokens", json.dumps(body)[:-1])
    assert broken.status == 400
    assert CARD_NUMBER not in broken.text


async def test_depth_and_number_of_fields_are_bounded(edge: Edge) -> None:
    deepest = '{"a":' * 8 + "1" + "}" * 8
    assert (await send(edge, "POST", "/v1/payments", deepest)).status == 200
    too_deep = '{"a":' * 9 + "1" + "}" * 9
    for body in (too_deep, '{"a":' + "[" * 30_000):
        answer = await send(edge, "POST", "/v1/payments", body)
        assert_refused(answer, "MALFORMED_BODY", detail="it is nested too deeply.")
    fields = {f"f{index}": 1 for index in range(200)}
    assert (await send(edge, "POST", "/v1/payments", fields)).status == 200
    for crowded in (fields | {"one_more": 1}, {f"{index:03}" + "x" * 60: 1 for index in range(150)}):
        answer = await send(edge, "POST", "/v1/payments", crowded)
        assert_refused(answer, "MALFORMED_BODY", detail="it has too many fields.")


async def test_the_number_of_values_is_bounded(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", '{"unknown":[' + "1," * 3998 + "1]}")
    assert answer.status == 200
    answer = await send(edge, "POST", "/v1/payments", '{"unknown":[' + "1," * 3999 + "1]}")
    assert_refused(answer, "MALFORMED_BODY", detail="it has too many values.")


async def test_the_largest_metadata_of_the_contract_passes(edge: Edge) -> None:
    metadata = {f"{index:02}" + "x" * 38: "y" * 500 for index in range(50)}
    assert (await send(edge, "POST", "/v1/payments", {"metadata": metadata})).status == 200
    assert len(edge.log.calls[0].metadata["x-payera-body-fields"].split(",")) == 51
