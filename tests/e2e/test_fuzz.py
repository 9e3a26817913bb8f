"""Random and mutated calls of every public operation: a clear answer each time, and no trace of a refusal."""

import http.client
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payera.errors.v1 import reason_pb2
from psycopg.types.json import Jsonb

from devstack.project import project_root
from devstack.rest import Rest, expect_ok
from devstack.seed import merchant_at
from mesh.identifiers import new_id
from tests.e2e.support import Mesh

#: Numbers no other test uses: whatever is answered, they are not in it.
CARDS: Final = ("4000002760003184", "5200828282828210", "378282246310005")
EXAMPLES: Final = 30
REVIEWS: Final = 6
RESOLVE: Final = "resolveReview"
DOCUMENT: Final = json.loads((project_root() / "gen" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS: Final = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
REASONS: Final = {name.removeprefix("REASON_") for name in reason_pb2.Reason.DESCRIPTOR.values_by_name}
#: A customer of the merchant who has tokens.
CUSTOMER: Final = "fuzzed-customer"
#: What a call under load or a restart may be answered with; the caller repeats it.
RETRYABLE: Final = {"OVERLOADED": 429, "UNAVAILABLE": 503}
#: Written while a call is served, and by nothing that goes on behind it.
COUNTED: Final = (
    "gateway.payment",
    "gateway.modification",
    "gateway.idempotency_key",
    "gateway.merchant",
    "gateway.api_key",
    "gateway.review_decision",
    "vault.card",
    "connectors.psp_account",
    "connectors.webhook_secret",
    "connectors.webhook",
    "router.ruleset_version",
    "router.ruleset_change",
)

#: Such as operators make; of random ones hardly any gets as far as the record.
DECISION: Final = {
    "version": st.just("1"),
    "action": st.sampled_from(["NOT_CHARGED", "CHARGED", "ASK_AGAIN"]),
    "note": st.just("fuzzed"),
}

Json = Any
card_texts = st.sampled_from([*CARDS, *(f"x {card[:4]} {card[4:8]} {card[8:12]} {card[12:]}" for card in CARDS)])
texts = st.one_of(st.text(max_size=30), st.text("0123456789+-.eE x_", max_size=24), card_texts)
junk: st.SearchStrategy[Json] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        texts,
        st.sampled_from(["", "0", "-1", "1e3", "\x00", "\ud800", "9" * 400, "MANUAL", "OPERATOR"]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def values(schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    """Give values that a schema of the API reference takes, and now and then anything else."""
    return st.integers(0, 7).flatmap(lambda dice: junk if dice == 0 else fitting(schema))


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    found: st.SearchStrategy[Json] = texts
    match schema.get("type"):
        case _ if "enum" in schema:
            found = st.sampled_from(schema["enum"])
        case "object" if "properties" in schema:
            found = objects(schema)
        case "object":
            found = st.dictionaries(texts, texts, max_size=5)
        case "boolean":
            found = st.booleans()
        case "integer":
            found = st.integers(schema.get("minimum", 0), schema.get("maximum", 99))
        case _ if "pattern" in schema:
            found = st.from_regex(re.compile(schema["pattern"], re.ASCII))
    return found


def objects(schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    properties = {name: values(inner) for name, inner in schema["properties"].items()}
    required = {name: properties.pop(name) for name in schema.get("required", ()) if name in properties}
    return st.fixed_dictionaries(required, optional=properties).flatmap(with_strangers)


def with_strangers(body: dict[str, Json]) -> st.SearchStrategy[Json]:
    """Give the body as it is, or with a field more."""
    more = st.dictionaries(texts, junk, min_size=1, max_size=2).map(lambda extra: extra | body)
    return st.integers(0, 9).flatmap(lambda dice: more if dice == 0 else st.just(body))


@dataclass(slots=True)
class Caller:
    """One connection to the edge, one to the database, and what exists to be named in calls."""

    mesh: Mesh
    known: dict[str, list[str]]
    token: str
    #: Of a merchant of its own: fuzzed rules shall not route the payments of other tests.
    routing_key: str
    connection: http.client.HTTPConnection
    database: "psycopg.Connection[Any]"
    counts: dict[str, int] = field(default_factory=dict)

    def call(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            self.connection.request(method, target, body=body, headers=dict(headers))
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The edge closes the connection behind a request that it could not read.
            self.connection.close()
            self.connection.request(method, target, body=body, headers=dict(headers))
            answer = self.connection.getresponse()
            return answer.status, answer.read()

    def rows(self) -> dict[str, int]:
        query = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in COUNTED)
        # A rotation that a call has begun writes known numbers down once more, under another key.
        query += " UNION ALL SELECT 'fingerprints', count(DISTINCT fingerprint_id) FROM vault.fingerprint"
        return dict(self.database.execute(query.encode()).fetchall())


@pytest.fixture(scope="module")
def caller(mesh: Mesh) -> Iterator[Caller]:
    payments = [mesh.pay(capture_method=method)["id"] for method in ("MANUAL", "AUTOMATIC") for _ in range(3)]
    refund = mesh.rest.post(f"/v1/payments/{payments[-1]}/refunds", {"amount": "1"}).body["id"]
    known = {
        "payment_id": payments,
        "refund_id": [refund],
        # Some calls use these up, or destroy them; payments are made with a token of their own.
        "token_id": [mesh.token(), mesh.stored_token()],
        "merchant_id": [mesh.merchant.merchant_id],
        "key_id": [new_id("key")],
        "account": ["sandbox_a", _psp_account(mesh)],
        "secret_id": [new_id("whs")],
        "webhook_id": [new_id("whk")],
        "operation_id": [new_id("cop")],
        # Deciding them uses them up.
        "review_id": _reviews(mesh),
        "kind": ["DATA_KEY", "FINGERPRINT_KEY"],
        "customer_id": [CUSTOMER],
        "page_token": [_page_token(mesh)],
        "version": ["1", "2"],
    }
    routing_key = _routing_key(mesh)
    address = urlsplit(mesh.stack.configuration.rest_url).netloc
    with psycopg.connect(mesh.stack.configuration.administrator_url, autocommit=True) as database:
        connection = http.client.HTTPConnection(address, timeout=40)
        yield Caller(mesh, known, mesh.stored_token(), routing_key, connection, database)
        connection.close()


def _page_token(mesh: Mesh) -> str:
    """Give a customer two tokens, so that a list has something to show and a page to go on with."""
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040}
    for _ in range(2):
        expect_ok(mesh.rest.post("/v1/tokens", {"card": card, "customer_id": CUSTOMER}, money=False), "a token")
    page = expect_ok(mesh.rest.get(f"/v1/tokens?customer_id={CUSTOMER}&page_size=1"), "a page of tokens")
    return str(page["next_page_token"])


def _reviews(mesh: Mesh) -> list[str]:
    """Put authorizations into the operators' queue: their PSP is said to have contradicted itself."""
    references = []
    for _ in range(REVIEWS):
        payment_id = mesh.pay(capture_method="AUTOMATIC")["id"]
        references.append(f"{payment_id}_1")
        told = Jsonb({"kind": "DECLINED", "code": "lost_card", "psp_reference": "fuzzed"})
        mesh.rows("SELECT gateway.report_contradiction(%s, %s, %s)", payment_id, references[-1], told)
    return references


def _psp_account(mesh: Mesh) -> str:
    """Set up an account of the database, so that calls about one find something to change."""
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    body = {
        "account": f"fuzzed_{uuid.uuid4().hex[:8]}",
        "connector": "adyen",
        "base_url": "http://127.0.0.1:1",
        "api_key": "key",
        "settings": {"merchant_account": "Acme", "return_url": "https://shop.example"},
    }
    return str(expect_ok(operator.post("/v1/psp_accounts", body, money=False), "a PSP account")["account"])


def _routing_key(mesh: Mesh) -> str:
    """Give the key of a merchant who has two versions of a ruleset."""
    key = merchant_at(mesh.stack.configuration, mesh.merchant.operator_key, "Fuzzed rules", ("sandbox_a", "sandbox_b"))
    rest = Rest(mesh.stack.configuration.rest_url, key)
    for account in ("sandbox_a", "sandbox_b"):
        body = {"ruleset": {"rules": [], "otherwise": {"accounts": [account]}}}
        expect_ok(rest.post("/v1/routing/rulesets", body, money=False), "a ruleset")
    return key


def key_of(caller: Caller, path: str, operation: Mapping[str, Any]) -> str:
    mesh = caller.mesh
    if path.startswith("/v1/routing/"):
        return caller.routing_key
    if not operation["security"]:
        return "a PSP has no key of ours"
    return mesh.merchant.operator_key if "operator_key" in operation["security"][0] else mesh.merchant.secret_key


def identifiers(caller: Caller, name: str) -> st.SearchStrategy[str]:
    existing = st.sampled_from(caller.known[name])
    return st.one_of(existing, existing, existing, texts.filter(bool))


def target_of(draw: st.DrawFn, caller: Caller, path: str, operation: Mapping[str, Any]) -> str:
    """Fill in the path, mostly with what exists, and add documented parameters and others."""
    for name in re.findall(r"{(\w+)}", path):
        chosen = draw(identifiers(caller, name))
        path = path.replace(f"{{{name}}}", quote(chosen.encode("utf-8", "surrogatepass"), safe=""))
    query = {
        entry["name"]: draw(identifiers(caller, entry["name"]) if entry["name"] in caller.known else texts)
        for entry in operation.get("parameters", ())
        if entry.get("in") == "query" and draw(st.integers(0, 3)) == 0
    }
    if draw(st.integers(0, 15)) == 0:
        query[draw(texts)] = draw(texts)
    return f"{path}?{urlencode(query, errors='surrogatepass')}" if query else path


def body_of(draw: st.DrawFn, caller: Caller, operation: Mapping[str, Any]) -> bytes:
    """Give a body by the schema, with a token that exists mostly, sometimes damaged."""
    content = operation["requestBody"]["content"]
    if "application/json" not in content:
        return draw(st.one_of(st.binary(max_size=200), junk.map(_as_json)))
    body = draw(fitting(content["application/json"]["schema"]))
    if isinstance(body, dict) and "token" in body and draw(st.integers(0, 3)):
        body["token"] = caller.token
    if isinstance(body, dict) and "version" in body and draw(st.integers(0, 3)):
        body["version"] = draw(identifiers(caller, "version"))
        if "action" in body:
            body = draw(st.fixed_dictionaries(DECISION))
    text = json.dumps(body).encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 12)):
        case 0:
            position = draw(st.integers(0, len(text)))
            return text[:position] + draw(st.binary(max_size=4)) + text[position:]
        case 1:
            return text[: draw(st.integers(0, len(text)))]
        case 2:
            return draw(st.binary(max_size=60))
    return text


def _as_json(value: Json) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_whatever_is_sent_the_answer_is_clear_and_a_refusal_leaves_no_trace(caller: Caller, name: str) -> None:
    method, path, operation = OPERATIONS[name]
    key = key_of(caller, path, operation)
    if "{token_id}" in path:
        # What one operation destroys or changes shall not keep the next one from finding something.
        caller.known["token_id"] = [caller.mesh.token() for _ in range(12)]

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        draw = data.draw
        target = target_of(draw, caller, path, operation)  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        body = None
        if method == "POST":
            headers["idempotency-key"] = str(uuid.uuid4())
            body = body_of(draw, caller, operation)  # type: ignore[arg-type]
        before = caller.rows()
        status, text = caller.call(method, target, body, headers)
        assert not [card for card in CARDS if card.encode() in text], text
        if status == http.client.OK:
            json.loads(text)
            return
        assert_error(status, json.loads(text))
        assert caller.rows() == before, text

    one()
    if name == RESOLVE:
        query = "SELECT FROM gateway.review_decision WHERE reference = ANY(%s)"
        assert caller.mesh.rows(query, caller.known["review_id"]), "no decision came through"


def assert_error(status: int, answer: dict[str, Any]) -> None:
    assert set(answer) == {"code", "message", "details"}, answer
    info = answer["details"][0]
    assert info["domain"] == "payera.dev"
    assert info["reason"] in REASONS, answer
    assert info["metadata"]["remedy"]
    assert answer["message"]
    assert 400 <= status < 500 or RETRYABLE.get(info["reason"]) == status, answer
