"""Card verification codes: found beside the names they have, in the shapes in which names and values are written."""

import base64
import itertools
import urllib.parse

import pytest

from devstack.scan.matching import Hit, Kind, Matcher, Wanted

NAMES = (
    *("cvc", "cvv", "cvv2", "CVC2", "cvn", "cid", "csc", "cvd", "CAV2", "security_code", "securityCode", "card_code"),
    *("cardCode", "card-code", "card_cvc", "cardCvc", "cvcCode", "cvc_number", "cvv2_value", "verification_value"),
    *("card.cvc", "cardSecurityCode", "CARD_SECURITY_CODE", "card_verification_code", "x-cvv"),
)
SHAPES = (
    *('{{"{0}": "{1}"}}', '{{"{0}":{1}}}', "{{'{0}': '{1}'}}", '{{\\"{0}\\":\\"{1}\\"}}', "{0}={1}", "a=1&{0}={1}&b=2"),
    *('{0}="{1}"', "{0}: {1}", '{0}: "{1}"', "<{0}>{1}</{0}>", ":{0} => '{1}'", '("{0}", "{1}")', "text\\n{0}={1}"),
    *("card[{0}]={1}", "[{0}:{1}]", '{0}: "{1}" exp_month: 12'),
)


def found(data: str | bytes, *planted: str, any_code: bool = True) -> list[Hit]:
    content = data.encode() if isinstance(data, str) else data
    return Matcher(Wanted((), planted, any_card=False, any_code=any_code)).search(content)


@pytest.mark.parametrize("name", NAMES)
def test_a_code_beside_its_name_is_found_in_every_shape(name: str) -> None:
    for shape, code in itertools.product(SHAPES, ("123", "7391")):
        if "[{0}]" in shape and name.startswith(("card", "x-")):
            continue
        text = shape.format(name, code)
        hits = found(text)

        assert [hit.digits for hit in hits] == [code], text
        assert hits[0].kind is Kind.CODE
        assert hits[0].shown == "***"
        assert text.encode()[hits[0].offset :].startswith(code.encode())
        assert code not in repr(hits)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_code_is_found_through_encodings(shape: str) -> None:
    text = '{"exp_month": 12, ' + shape.format("cvc", "739") + "}"
    for encoded in (
        urllib.parse.quote(text).encode(),
        base64.b64encode(b"x" + text.encode()),
        text.encode().hex().encode(),
        text.encode("utf-16-le"),
    ):
        assert [hit.digits for hit in found(encoded)] == ["739"], encoded


def test_a_code_is_found_in_an_entry_of_a_protobuf_map() -> None:
    assert [hit.digits for hit in found(b"\x0a\x0a\x0a\x03cvc\x12\x03739")] == ["739"]


@pytest.mark.parametrize(
    "text",
    [
        *("cvc", "cvc=", "cvc=12", "cvc=12345", "cvc=123a", 'cvc: "***"', "cvc=1.5", "cvc=123.5", '{"cvc": null}'),
        *('"cvc_check": 123', "acvc=123", "cvcx=123", "incident=123", "client_cid=123", "acid: 123", "cid123"),
        *("security: 123", "code=123", "barcode=123", "postcode: 1234", "zip_code=1010", "status_code: 402"),
        "discard code later: 1234 items",
    ],
)
def test_what_is_no_code(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    ["cvc 7391", "CVC was 7391", "cvc\t7391", "the security code (7391)", '"cvc": {"value": "7391"}', "cid 7391"],
)
def test_a_planted_code_is_found_a_little_further_from_a_name(text: str) -> None:
    assert [(hit.kind, hit.digits) for hit in found(text, "7391", any_code=False)] == [(Kind.CANARY_CODE, "7391")]
    assert found(text, "7392", any_code=False) == []
    assert found(text) == []


def test_a_planted_code_says_nothing_without_a_name() -> None:
    assert found("7391 and pay_7391 and 73917391", "7391") == []
    assert found("cvc\n7391", "7391") == []
    assert found("cvc is 73911", "7391") == []


def test_a_planted_code_is_reported_as_planted() -> None:
    assert [hit.kind for hit in found('{"cvc": "7391"} {"cvc": "123"}', "7391")] == [Kind.CANARY_CODE, Kind.CODE]
