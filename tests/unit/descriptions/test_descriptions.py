import json
from pathlib import Path
from typing import Any

import pytest

from devstack.descriptions import Description, ExampleKind, default_folder, load
from devstack.descriptions.amendments import Amendment, amended
from devstack.descriptions.documents import Document
from devstack.errors import MissingPartError
from tests.unit.descriptions.descriptions import FORM, JSON, described

HEADERS = {"Content-Type": "application/json; charset=utf-8", "x-request": "1"}
GOOD: dict[str, Any] = {
    "amount": {"value": 1050, "currency": "EUR"},
    "source": {"type": "card", "number": "4242424242424242", "holder": {"name": "Ada"}},
}


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Description:
    return described(tmp_path_factory.mktemp("specs"))


def of_payment(description: Description, **changes: object) -> list[str]:
    document = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return description.request_findings("POST", "/payments", HEADERS, json.dumps(document).encode())


def of_form(description: Description, body: str) -> list[str]:
    return description.request_findings("POST", "/forms", {"Content-Type": FORM}, body.encode())


def test_what_is_as_described_has_no_findings(description: Description) -> None:
    assert of_payment(description) == []
    everything = of_payment(
        description,
        metadata={"any": "text"},
        open={"what": ["ever"]},
        note=None,
        method="new",
        choice={"right": 1},
        customer={"name": "Ada"},
        phones=[{"name": "a"}],
        created_on="2026-11-25T10:30:00.123+01:00",
        country="NL",
        broken="anything",
        card_token="tok_" + "a" * 26,
    )
    assert everything == []


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"surplus": 1}, ["surplus"]),
        ({"amount": {"value": 1050, "currency": "EUR", "unit": "cent"}}, ["amount.unit"]),
        ({"amount": {"value": "1050", "currency": "EUR"}}, ["amount.value"]),
        ({"amount": {"value": -1, "currency": "EUR"}}, ["amount.value"]),
        ({"amount": {"value": 2**63, "currency": "EUR"}}, ["amount.value"]),
        ({"amount": ...}, ["$"]),
        ({"id": "pay_1"}, ["id"]),
        ({"source": {"type": "card"}}, ["source"]),
        ({"source": {"type": "card", "number": "4242x"}}, ["source.number"]),
        ({"source": {"type": "card", "number": "4242424242424242", "cvv": "1"}}, ["source.cvv"]),
        ({"source": {"type": "token", "number": "4242424242424242"}}, ["source.number"]),
        (
            {"source": {"type": "card", "number": "4242424242424242", "holder": {"nom": "Ada"}}},
            ["source.holder.nom"],
        ),
        ({"source": {"type": "wallet"}}, ["source.type"]),
        ({"metadata": {"a": 1}}, ["metadata.a"]),
        ({"note": "c"}, ["note"]),
        ({"choice": {"left": "x", "right": 1, "up": 2}}, ["choice.up"]),
        ({"choice": {"right": "1"}}, ["choice", "choice.right"]),
        ({"customer": {"nom": "x"}}, ["customer.nom"]),
        ({"phones": [{}, {"nom": "x"}]}, ["phones[1].nom"]),
        ({"phones": [{}, {}, {}]}, ["phones"]),
        ({"created_on": "2026-11-25 10:30:00"}, ["created_on"]),
        ({"created_on": "2026-13-25T10:30:00Z"}, ["created_on"]),
        ({"country": "Holland"}, ["country"]),
        ({"card_token": "tok_1"}, ["card_token"]),
    ],
)
def test_what_is_not_as_described_is_found(
    description: Description, changes: dict[str, object], places: list[str]
) -> None:
    findings = of_payment(description, **changes)
    assert sorted({finding.partition(": ")[0] for finding in findings}) == places


def test_closed_objects_tell_each_property_once(description: Description) -> None:
    findings = description.response_findings("POST", "/payments", 422, JSON, b'{"a": 1, "b": 2}')
    assert findings == ["b: no such property in the description"]


def test_a_read_only_field_belongs_into_answers(description: Description) -> None:
    answer = json.dumps(GOOD | {"id": "pay_1"}).encode()
    assert description.response_findings("POST", "/payments", 201, JSON, answer) == []
    assert description.response_findings("POST", "/payments", 201, JSON, json.dumps(GOOD).encode()) == [
        "$: 'id' is a required property"
    ]


@pytest.mark.parametrize(
    ("status", "content_type", "body", "findings"),
    [
        (204, "", b"", []),
        (204, JSON, b"{}", ["body: none is described"]),
        (201, JSON, b"", ["body: missing"]),
        (201, "text/html", b"x", ["content type: 'text/html' is none of application/json"]),
        (418, JSON, b'{"a": 1}', []),
        (503, JSON, b"{}", ["status: 503 is not described, only 201, 4XX, 204"]),
    ],
)
def test_responses_are_judged_by_status_and_type(
    description: Description, status: int, content_type: str, body: bytes, findings: list[str]
) -> None:
    assert description.response_findings("POST", "/payments", status, content_type, body) == findings


def test_bodies_that_are_no_data(description: Description) -> None:
    for body in (b"{", b"\xff", b"<html>"):
        (finding,) = description.request_findings("POST", "/payments", HEADERS, body)
        assert finding.startswith("body: no JSON")
    assert description.request_findings("POST", "/payments", HEADERS, b"") == ["body: missing"]
    deep = b"[" * 100_000
    assert description.request_findings("POST", "/payments", HEADERS, deep)[0].startswith("body: no JSON")


def test_operations_are_found_by_method_and_path(description: Description) -> None:
    for address in ("/payments/pay_1", "https://api.psp.example/v72/payments/pay_1?limit=1", "/v72/payments/pay_1"):
        match = description.operation("get", address)
        assert match is not None
        assert (match.operation.name, match.values) == ("GET /payments/{id}", {"id": "pay_1"})
    details = description.operation("GET", "/payments/details")
    assert details is not None
    assert details.operation.path == "/payments/details"
    assert description.operation("DELETE", "/payments/pay_1") is None
    assert description.operation("GET", "/payments/pay_1/x") is None
    unknown = description.request_findings("PUT", "/v72/nothing?a=b", {}, b"")
    assert unknown == ["address: psp has no PUT /v72/nothing"]


@pytest.mark.parametrize(
    ("address", "places"),
    [
        ("/payments/pay_1?limit=2", []),
        ("/payments/pay_1?limit=2&expand[]=a&expand[]=b", []),
        ("/payments/pay_1?limit=x", ["query limit"]),
        ("/payments/pay_1", ["query limit"]),
        ("/payments/ord_1?limit=2", ["path id"]),
        ("/payments/pay_1?limit=2&depth=1", ["query depth"]),
        ("/payments/pay_1?limit=2&limit=3", ["query"]),
    ],
)
def test_addresses_are_judged(description: Description, address: str, places: list[str]) -> None:
    findings = description.request_findings("GET", address, {}, b"")
    assert [finding.partition(":")[0] for finding in findings] == places


def test_named_headers_are_judged(description: Description) -> None:
    body = json.dumps(GOOD).encode()
    assert description.request_findings("POST", "/payments", {"Content-Type": JSON}, body) == [
        "header X-Request: missing"
    ]
    (finding,) = description.request_findings("POST", "/payments", HEADERS | {"x-request": "12345"}, body)
    assert finding.startswith("header X-Request: ")
    assert description.request_findings("GET", "/payments/pay_1?limit=1", {}, b"{}") == [
        "body: the operation takes none"
    ]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("amount=1050&confirm=true&rate=0.5&off_session=recurring&ends=now", []),
        ("amount=1050&off_session=true&ends=1700000000&types[]=a&types[]=b&types[2]=c", []),
        ("amount=1050&metadata[0]=a&metadata[reference]=123&lines[0][count]=1&lines[1][count]=2", []),
        ("amount=1050&metadata[0]=a&metadata[1]=b", []),
        ("amount=10.5", ["amount"]),
        ("amount=01", ["amount"]),
        ("amount=1&confirm=yes", ["confirm"]),
        ("amount=1&off_session=sometimes", ["off_session"]),
        ("amount=1&lines[0][count]=x", ["lines[0].count"]),
        ("amount=1&lines[0][size]=1", ["lines[0].size"]),
        ("amount=1&surplus[a]=1", ["surplus"]),
        ("amount=1&metadata[a][b]=1", ["metadata.a"]),
        ("amount[a]=1", ["amount"]),
        ("confirm=true", ["$"]),
        ("amount=1&amount=2", ["body"]),
        ("amount=1&amount[a]=2", ["body"]),
        ("amount]=1", ["body"]),
        ("amount", ["body"]),
    ],
)
def test_forms_are_unfolded_and_typed(description: Description, body: str, places: list[str]) -> None:
    found = [finding.partition(": ")[0] for finding in of_form(description, body)]
    assert list(dict.fromkeys(found)) == places


def test_a_form_stands_for_a_document(description: Description) -> None:
    body = b"amount=1050&confirm=false&metadata[n]=1&types[]=1&lines[0][count]=2&ends=5"
    assert description.decoded_form("POST", "/forms", body) == {
        "amount": 1050,
        "confirm": False,
        "metadata": {"n": "1"},
        "types": ["1"],
        "lines": [{"count": 2}],
        "ends": 5,
    }
    with pytest.raises(LookupError, match="no POST /other"):
        description.decoded_form("POST", "/other", body)


def test_webhooks_are_judged_by_name(description: Description) -> None:
    assert description.webhook_names() == ["CAPTURE"]
    assert description.webhook_findings("CAPTURE", b'{"a": 1}') == []
    assert description.webhook_findings("/CAPTURE", b'{"a": "1"}') == ["a: '1' is not of type 'integer'"]
    assert description.webhook_findings("REFUND", b"{}") == ["webhook: psp has none called REFUND"]


def test_examples_are_found_wherever_they_stand(description: Description) -> None:
    examples = list(description.examples())
    assert [(e.kind, e.operation, e.status, e.name) for e in examples] == [
        (ExampleKind.REQUEST, "POST /payments", "", "good"),
        (ExampleKind.REQUEST, "POST /payments", "", "bad"),
        (ExampleKind.RESPONSE, "POST /payments", "4XX", "example"),
        (ExampleKind.WEBHOOK, "CAPTURE", "", "example"),
        (ExampleKind.SCHEMA, "#/components/schemas/Shown", "", "example"),
    ]
    assert len({example.label for example in examples}) == len(examples)
    wrong = {example.name: found for example in examples if (found := description.example_findings(example))}
    assert wrong == {"bad": ["amount.value: '1' is not of type 'integer'"], "example": ["$: 'long' is too long"]}


def test_components_are_judged_by_reference(description: Description) -> None:
    assert description.component_findings("#/components/schemas/Closed", {"a": 1}) == []
    assert description.component_findings("#/components/schemas/Closed", {"a": "1"}) != []
    assert description.component_findings("#/components/schemas/None", {}) == [
        "component: psp has no #/components/schemas/None"
    ]


def test_an_amendment_adds_a_property_and_fits_or_fails() -> None:
    document = Document("api", {"components": {"schemas": {"A": {"type": "object"}, "B": {"type": "string"}}}})
    place, like = "#/components/schemas/A", "#/components/schemas/B"
    amended([document], [Amendment(document="api", place=place, name="b", like=like, source="a page")])
    assert document.at(place) == {"type": "object", "properties": {"b": {"type": "string"}}}
    written = Amendment(document="api", place=place, name="b", schema={"type": "integer"}, source="a page")
    amended([document], [written])
    assert document.at(place)["properties"]["b"] == {"type": "string"}, "the description's own word stands"
    with pytest.raises(LookupError):
        amended([document], [Amendment(document="api", place=f"{place}/no", name="b", like=like, source="a page")])


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match="no OpenAPI description"):
        load(tmp_path, "nobody")
    (tmp_path / "psp").mkdir()
    (tmp_path / "psp" / "api.json").write_text("{")
    with pytest.raises(MissingPartError, match="is not JSON"):
        load(tmp_path, "psp")
    assert default_folder(tmp_path / "checkout") is None
    (tmp_path / "shared" / "psp" / "specs").mkdir(parents=True)
    assert default_folder(tmp_path / "checkout") == tmp_path / "shared" / "psp" / "specs"


def test_references_in_a_circle_end() -> None:
    document = Document("api", {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}})
    with pytest.raises(LookupError, match="in a circle"):
        document.followed(document.at("#/a"))
