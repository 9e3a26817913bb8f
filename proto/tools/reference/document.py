"""Puts the OpenAPI document together: paths of the HTTP rules, schemas of messages, errors of the catalogue."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.api import http_pb2
from payera.options.v1 import options_pb2

from reference import errors
from reference.contracts import Contracts, Message, Method, read_contracts
from reference.schemas import SchemaBook

HERE: Final = Path(__file__).resolve().parent
SERVICES: Final = (
    "payera.vault.v1.TokenService",
    "payera.vault.v1.KeyManagementService",
    "payera.vault.v1.ControlledOperationService",
    "payera.gateway.v1.PaymentService",
    "payera.gateway.v1.MerchantService",
    "payera.gateway.v1.ReviewService",
    "payera.psp.v1.PspAccountService",
    "payera.psp.v1.PspWebhookService",
    "payera.routing.v1.RulesetService",
)
#: A body that is passed on as it came, and an answer that goes out as it is.
RAW_BODY: Final = "google.api.HttpBody"
VERBS: Final = ("get", "post", "put", "patch", "delete")
_IN_PATH: Final = re.compile(r"\{([a-z0-9_]+)\}")

#: Names for further bindings of an rpc, which would else share its name.
_BINDING_NAMES: Final = {("get", "/v1/payments/{payment_id}/refunds"): "listPaymentRefunds"}
_BINDING_SUMMARIES: Final = {"listPaymentRefunds": "Lists refunds of one payment, newest first"}
_KEYS: Final[Mapping[int, tuple[str, ...]]] = {
    # A PSP has no key of ours: its signature is looked at instead.
    options_pb2.KEY_SCOPE_UNSPECIFIED: (),
    options_pb2.KEY_SCOPE_PUBLISHABLE: ("publishable_key", "secret_key"),
    options_pb2.KEY_SCOPE_SECRET: ("secret_key",),
    options_pb2.KEY_SCOPE_OPERATOR: ("operator_key",),
}


@dataclass(frozen=True, slots=True)
class _Binding:
    """One HTTP method and path of an rpc."""

    method: Method
    verb: str
    path: str
    has_body: bool
    raw_body: bool
    operation_id: str

    @property
    def bound(self) -> frozenset[str]:
        """Give the fields that stand in the path."""
        return frozenset(_IN_PATH.findall(self.path))


def build(descriptor_path: Path) -> dict[str, Any]:
    """Build the OpenAPI 3.1 document of the public services.

    Raises ValueError or KeyError when a contract has something that would come out undocumented: an operation without
    example, a type without schema, a gap of an error message without example.
    """
    contracts = read_contracts(descriptor_path)
    texts = _read_json("texts.json")
    examples = _read_json("examples.json")
    book = SchemaBook(contracts)
    entries = errors.catalogue(contracts)
    paths: dict[str, dict[str, Any]] = {}
    used: set[str] = set()
    for binding in _bindings(contracts):
        operation, reasons = _operation(binding, contracts, book, entries, texts, examples)
        paths.setdefault(binding.path, {})[binding.verb] = operation
        used.update(reasons)
    book.components |= errors.error_schemas()
    used_examples = {
        reason: {"summary": entry.comment, "value": errors.example(reason, entry)}
        for reason, entry in entries.items()
        if reason in used
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Payera API",
            "version": "v1",
            "summary": texts["summary"],
            "description": "\n\n".join(texts["description"]),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The edge that serves this page."}],
        "tags": [{"name": tag["name"], "description": "\n\n".join(tag["description"])} for tag in texts["tags"]],
        "paths": paths,
        "components": {
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text} for name, text in texts["keys"].items()
            },
            "parameters": {"IdempotencyKey": _idempotency_key(texts)},
            "headers": _headers(texts),
            "schemas": dict(sorted(book.components.items())),
            "examples": used_examples,
        },
    }


def _read_json(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return content


def _bindings(contracts: Contracts) -> Iterator[_Binding]:
    for service in SERVICES:
        for method in contracts.services[service].methods:
            own_name = method.name[0].lower() + method.name[1:]
            for rule in (method.http, *method.http.additional_bindings):
                verb, path = _verb_and_path(rule)
                name = _BINDING_NAMES.get((verb, path), own_name)
                raw = bool(rule.body) and rule.body != "*"
                yield _Binding(method, verb, path, bool(rule.body), raw, name)


def _verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str]:
    for verb in VERBS:
        path = getattr(rule, verb)
        if path:
            return verb, str(path)
    error = f"an HTTP rule without method: {rule}"
    raise ValueError(error)


def _operation(
    binding: _Binding,
    contracts: Contracts,
    book: SchemaBook,
    entries: dict[str, Any],
    texts: dict[str, Any],
    examples: dict[str, Any],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    method = binding.method
    request = contracts.messages[method.descriptor.input_type.removeprefix(".")]
    operation_examples = examples[binding.operation_id]
    summary, _, rest = method.comment.partition(". ")
    summary = _BINDING_SUMMARIES.get(binding.operation_id, summary).rstrip(".")
    parameters = _parameters(binding, request, book)
    operation: dict[str, Any] = {
        "operationId": binding.operation_id,
        "summary": summary,
        "description": _description(binding, rest, texts),
        "tags": [texts["operation_tags"][method.name]],
        "security": [{name: []} for name in _keys(method)],
    }
    if parameters:
        operation["parameters"] = parameters
    if binding.has_body:
        operation["requestBody"] = _request_body(binding, request, book, operation_examples["requests"])
    query = any(parameter.get("in") == "query" for parameter in parameters)
    pages = any(parameter.get("name") == "page_token" for parameter in parameters)
    reasons = errors.reasons_of(method, body=binding.has_body, query=query, pages=pages)
    success = {
        "description": texts["answers"][binding.operation_id],
        "headers": _answer_headers(method),
        "content": _answer_content(method, book, operation_examples["answers"]),
    }
    operation["responses"] = {"200": success, **errors.responses(reasons, entries)}
    return operation, reasons


def _keys(method: Method) -> tuple[str, ...]:
    """Give the keys that an operation takes."""
    keys = _KEYS[method.access.key_scope]
    return (*keys, *_KEYS[options_pb2.KEY_SCOPE_OPERATOR]) if method.access.operators else keys


def _description(binding: _Binding, rest: str, texts: dict[str, Any]) -> str:
    more = texts["operations"].get(binding.operation_id, [])
    return "\n\n".join(part for part in (rest, *more) if part)


def _parameters(binding: _Binding, request: Message, book: SchemaBook) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for item in request.fields:
        place = "path" if item.name in binding.bound else "query"
        if place == "query" and binding.has_body:
            continue
        schema = book.field_schema(item, in_request=True)
        description = schema.pop("description")
        parameters.append(
            {"name": item.name, "in": place, "required": place == "path", "description": description, "schema": schema}
        )
    if binding.method.access.idempotent:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return parameters


def _answer_content(method: Method, book: SchemaBook, examples: dict[str, Any]) -> dict[str, Any]:
    answer = method.descriptor.output_type.removeprefix(".")
    if answer == RAW_BODY:
        return {"text/plain": {"schema": {"type": "string"}, "examples": examples}}
    return {"application/json": {"schema": book.reference(answer, in_request=False), "examples": examples}}


def _request_body(binding: _Binding, request: Message, book: SchemaBook, examples: dict[str, Any]) -> dict[str, Any]:
    if binding.raw_body:
        # Neither described nor read here: whatever the PSP sends, its signature covers the exact bytes.
        return {"required": True, "content": {"*/*": {"schema": {}, "examples": examples}}}
    reference = book.body(request, binding.bound)
    schema = book.components[reference["$ref"].rsplit("/", 1)[1]]
    return {
        "required": bool(schema.get("required")),
        "content": {"application/json": {"schema": reference, "examples": examples}},
    }


def _answer_headers(method: Method) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if method.access.idempotent:
        headers["Idempotent-Replayed"] = {"$ref": "#/components/headers/IdempotentReplayed"}
    return headers


def _idempotency_key(texts: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": texts["headers"]["Idempotency-Key"],
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "0b2f7a34-6c0d-4c6e-9a3f-5f0e4a1f9c77",
    }


def _headers(texts: dict[str, Any]) -> dict[str, Any]:
    described = texts["headers"]
    return {
        "RequestId": {"description": described["X-Request-Id"], "schema": {"type": "string", "maxLength": 128}},
        "IdempotentReplayed": {
            "description": described["Idempotent-Replayed"],
            "schema": {"type": "string", "enum": ["true"]},
        },
        "RetryAfter": {"description": described["Retry-After"], "schema": {"type": "integer", "minimum": 0}},
    }
