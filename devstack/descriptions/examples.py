"""Every example that a description holds, wherever it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from devstack.descriptions.documents import NOTHING, Document
from devstack.descriptions.operations import Operation
from devstack.descriptions.translation import COMPONENTS

_LONGEST_CHAIN: Final = 8


class ExampleKind(StrEnum):
    """What an example is one of."""

    REQUEST = "request"
    RESPONSE = "response"
    WEBHOOK = "webhook"
    SCHEMA = "schema"  # of a named component that no operation's example shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example: `operation` is `POST /payments`, a webhook's name, or a component's reference.

    `status` is that of a response as the description has it (`201`, `4XX`, `default`), else empty. `value` is the
    document itself; the caller must not change it.
    """

    kind: ExampleKind
    operation: str
    status: str
    content_type: str
    name: str
    value: Any

    @property
    def label(self) -> str:
        """Give a name for a test's id, unique within a description."""
        return " ".join(part for part in (self.kind, self.operation, self.status, self.name) if part)


def examples_of_operation(operation: Operation) -> Iterator[Example]:
    """Give the examples of an operation's request and responses."""
    document = operation.document
    body = document.followed(operation.content.get("requestBody", NOTHING))
    yield from _of_content(document, body, ExampleKind.REQUEST, operation.name, "")
    for status, response in operation.content.get("responses", NOTHING).items():
        content = document.followed(response)
        yield from _of_content(document, content, ExampleKind.RESPONSE, operation.name, str(status))


def examples_of_webhook(document: Document, name: str, item: Mapping[str, Any]) -> Iterator[Example]:
    """Give the examples of a webhook's body."""
    body = document.followed(item.get("post", NOTHING).get("requestBody", NOTHING))
    yield from _of_content(document, body, ExampleKind.WEBHOOK, name, "")


def examples_of_components(document: Document) -> Iterator[Example]:
    """Give the examples that stand at named schemas."""
    for name, schema in document.mapping("components", "schemas").items():
        if "example" in schema:
            yield Example(
                kind=ExampleKind.SCHEMA,
                operation=COMPONENTS + name,
                status="",
                content_type="application/json",
                name="example",
                value=schema["example"],
            )


def _of_content(
    document: Document, body: Mapping[str, Any], kind: ExampleKind, operation: str, status: str
) -> Iterator[Example]:
    for content_type, media in body.get("content", NOTHING).items():
        for name, value in _values(document, media):
            yield Example(
                kind=kind, operation=operation, status=status, content_type=content_type, name=name, value=value
            )


def _values(document: Document, media: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "example" in media:
        yield "example", media["example"]
    for name, entry in media.get("examples", NOTHING).items():
        example = document.followed(entry)
        if "value" in example:
            yield name, example["value"]
    if "example" not in media and "examples" not in media:
        # The example then stands at the schema, or at the component it refers to.
        schema = media.get("schema", NOTHING)
        for _ in range(_LONGEST_CHAIN):
            if "example" in schema:
                yield "example", schema["example"]
                return
            if "$ref" not in schema:
                return
            schema = document.at(schema["$ref"])
