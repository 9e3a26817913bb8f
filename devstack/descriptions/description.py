"""A PSP's API description as a judge: of requests, of responses, of webhooks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from devstack.descriptions.amendments import AMENDMENTS, amended
from devstack.descriptions.documents import NOTHING, Document, read_documents
from devstack.descriptions.examples import (
    Example,
    examples_of_components,
    examples_of_operation,
    examples_of_webhook,
)
from devstack.descriptions.forms import MalformedFormError, decode_form, typed
from devstack.descriptions.operations import Match, Operation, Operations
from devstack.descriptions.translation import Direction, Schema
from devstack.descriptions.validation import Judge

FORM: Final = "application/x-www-form-urlencoded"

_LIVE_BASE_PATHS: Final[Mapping[str, Sequence[str]]] = {"adyen": ("/checkout/v72",)}
"""Base paths of live accounts that the descriptions don't name (docs.adyen.com, live endpoints)."""

_BY_TEXT: Final = ("query", "path", "header")
_NOT_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
"""Headers that OpenAPI 3 leaves to content and security, even where a description lists them as parameters."""


class Description:
    """The description of one PSP: all its files together.

    Every judgement is a list of findings, `place: what` each, and empty when all is as described. Schemas are
    translated once per operation and kept in the instance, which is not shared between threads.
    """

    def __init__(self, name: str, documents: Sequence[Document]) -> None:
        self.name = name
        self._documents = documents
        self._operations = Operations(documents, _LIVE_BASE_PATHS.get(name, ()))
        self._judges = {
            (document.name, direction): Judge(document, direction) for document in documents for direction in Direction
        }
        self._schemas: dict[tuple[str, ...], Schema] = {}

    @property
    def operations(self) -> Sequence[Operation]:
        """Give all operations."""
        return self._operations.all

    def operation(self, method: str, address: str) -> Match | None:
        """Give the operation a request is for and what stands in its path; None when the description has none."""
        return self._operations.find(method, address)

    def decoded_form(self, method: str, address: str, body: bytes) -> Any:  # noqa: ANN401 - the document it stands for
        """Give the document that a form body stands for, typed by the operation's schema.

        Raises LookupError when there is no such operation, MalformedFormError when the body is no form.
        """
        match = self._operations.find(method, address)
        if match is None:
            raise LookupError(f"{self.name} has no {method} {urlsplit(address).path}")
        media = self._content(match.operation.document, match.operation.content.get("requestBody", NOTHING))
        return self._form(match.operation, media.get(FORM, NOTHING), body)

    def request_findings(self, method: str, address: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Judge a request: its address and query, the headers the description names, and its body."""
        match = self._operations.find(method, address)
        if match is None:
            return [f"address: {self.name} has no {method} {urlsplit(address).path}"]
        lowered = {name.lower(): value for name, value in headers.items()}
        found = self._parameter_findings(match, urlsplit(address).query, lowered)
        return found + self._request_body_findings(match.operation, lowered.get("content-type", ""), body)

    def response_findings(self, method: str, address: str, status: int, content_type: str, body: bytes) -> list[str]:
        """Judge the response to a request, by its status and content type."""
        match = self._operations.find(method, address)
        if match is None:
            return [f"address: {self.name} has no {method} {urlsplit(address).path}"]
        operation = match.operation
        described = operation.content.get("responses", NOTHING)
        key = next((key for key in (str(status), f"{status // 100}XX", "default") if key in described), None)
        if key is None:
            return [f"status: {status} is not described, only {', '.join(described)}"]
        content = self._content(operation.document, described[key])
        return self._body_findings(operation, Direction.RESPONSE, key, content, content_type, body)

    def webhook_findings(self, name: str, body: bytes) -> list[str]:
        """Judge the body of a webhook by the name the description has for it, with or without its slash."""
        for document in self._documents:
            webhooks = document.mapping("webhooks")
            item = webhooks.get(name) or webhooks.get(f"/{name}")
            if item is not None:
                post = item.get("post", NOTHING)
                operation = Operation(document, "WEBHOOK", name.removeprefix("/"), post, ())
                content = self._content(document, post.get("requestBody", NOTHING))
                return self._body_findings(operation, Direction.RESPONSE, "", content, "application/json", body)
        return [f"webhook: {self.name} has none called {name}"]

    def component_findings(self, reference: str, value: object) -> list[str]:
        """Judge a value by a named schema such as `#/components/schemas/payment_intent`, as in a response."""
        for document in self._documents:
            try:
                schema = document.at(reference)
            except LookupError:
                continue
            judge = self._judges[document.name, Direction.RESPONSE]
            return judge.findings(self._schema((document.name, reference), judge, schema), value)
        return [f"component: {self.name} has no {reference}"]

    def webhook_names(self) -> Sequence[str]:
        """Give the names of all webhooks, without their slash."""
        return [name.removeprefix("/") for document in self._documents for name in document.mapping("webhooks")]

    def examples(self) -> Iterator[Example]:
        """Give every example of the description: of requests, responses, webhooks and named schemas."""
        for operation in self._operations.all:
            yield from examples_of_operation(operation)
        for document in self._documents:
            for name, item in document.mapping("webhooks").items():
                yield from examples_of_webhook(document, name.removeprefix("/"), item)
            yield from examples_of_components(document)

    def example_findings(self, example: Example) -> list[str]:
        """Judge one of the description's own examples; the values of path parameters are not known and not judged."""
        body = json.dumps(example.value).encode()
        match example.kind:
            case "webhook":
                return self.webhook_findings(example.operation, body)
            case "schema":
                return self.component_findings(example.operation, example.value)
        method, _, path = example.operation.partition(" ")
        operation = next(o for o in self._operations.all if (o.method, o.path) == (method, path))
        if example.kind == "request":
            content = self._content(operation.document, operation.content.get("requestBody", NOTHING))
            media = self._media(content, example.content_type)
            judge = self._judges[operation.document.name, Direction.REQUEST]
            key = (operation.document.name, operation.name, Direction.REQUEST, "", example.content_type)
            return judge.findings(self._schema(key, judge, media.get("schema", NOTHING)), example.value)
        content = self._content(operation.document, operation.content["responses"][example.status])
        return self._body_findings(operation, Direction.RESPONSE, example.status, content, example.content_type, body)

    def _content(self, document: Document, holder: Mapping[str, Any]) -> Mapping[str, Any]:
        content = document.followed(holder).get("content", NOTHING)
        return content if isinstance(content, Mapping) else NOTHING

    def _media(self, content: Mapping[str, Any], content_type: str) -> Mapping[str, Any]:
        media_type = content_type.partition(";")[0].strip().lower()
        wanted = (media_type, "application/*", "*/*") if media_type else ()
        media = next((m for name, m in content.items() if name.partition(";")[0].strip().lower() in wanted), NOTHING)
        return media if isinstance(media, Mapping) else NOTHING

    def _schema(self, key: tuple[str, ...], judge: Judge, schema: Mapping[str, Any]) -> Schema:
        known = self._schemas.get(key)
        if known is None:
            known = self._schemas[key] = judge.translate(schema)
        return known

    def _request_body_findings(self, operation: Operation, content_type: str, body: bytes) -> list[str]:
        described = operation.document.followed(operation.content.get("requestBody", NOTHING))
        content = self._content(operation.document, described)
        if not body:
            return ["body: missing"] if described.get("required") and self._needs_something(operation, content) else []
        if not content:
            return ["body: the operation takes none"]
        return self._body_findings(operation, Direction.REQUEST, "", content, content_type, body)

    def _needs_something(self, operation: Operation, content: Mapping[str, Any]) -> bool:
        """Tell whether an empty form is too little: Stripe calls every body required, those without fields too."""
        if FORM not in content:
            return True
        judge = self._judges[operation.document.name, Direction.REQUEST]
        key = (operation.document.name, operation.name, Direction.REQUEST, "", FORM)
        return not judge.is_valid(self._schema(key, judge, content[FORM].get("schema", NOTHING)), {})

    def _body_findings(
        self,
        operation: Operation,
        direction: Direction,
        status: str,
        content: Mapping[str, Any],
        content_type: str,
        body: bytes,
    ) -> list[str]:
        if not content:
            return ["body: none is described"] if body else []
        if not body:
            return ["body: missing"]
        media_type = content_type.partition(";")[0].strip().lower()
        media = self._media(content, content_type)
        if not media:
            return [f"content type: {media_type!r} is none of {', '.join(content)}"]
        judge = self._judges[operation.document.name, direction]
        key = (operation.document.name, operation.name, direction, status, media_type)
        schema = self._schema(key, judge, media.get("schema", NOTHING))
        try:
            value = self._form(operation, media, body) if media_type == FORM else json.loads(body)
        except MalformedFormError as error:
            return [f"body: no form: {error}"]
        except (ValueError, RecursionError) as error:
            return [f"body: no JSON: {error}"]
        return judge.findings(schema, value)

    def _form(self, operation: Operation, media: Mapping[str, Any], body: bytes) -> Any:  # noqa: ANN401 - a document
        try:
            text = body.decode("ascii")
        except UnicodeDecodeError as error:
            raise MalformedFormError("it is not ASCII") from error
        judge = self._judges[operation.document.name, Direction.REQUEST]
        key = (operation.document.name, operation.name, Direction.REQUEST, "", FORM)
        return typed(judge, [self._schema(key, judge, media.get("schema", NOTHING))], decode_form(text))

    def _parameter_findings(self, match: Match, query: str, headers: Mapping[str, str]) -> list[str]:
        operation = match.operation
        judge = self._judges[operation.document.name, Direction.REQUEST]
        try:
            asked = decode_form(query)
        except MalformedFormError as error:
            return [f"query: {error}"]
        given = {"query": asked, "path": match.values, "header": headers}
        found = []
        known: set[str] = set()
        for parameter in operation.parameters:
            place, name = parameter["in"], parameter["name"]
            if place not in _BY_TEXT or (place == "header" and name.lower() in _NOT_PARAMETERS):
                continue
            key = name.lower() if place == "header" else name.removesuffix("[]")
            known |= {key} if place == "query" else set()
            if key not in given[place]:
                found += [f"{place} {name}: missing"] if parameter.get("required") else []
                continue
            schema = self._schema(
                (operation.document.name, operation.name, place, name), judge, parameter.get("schema", NOTHING)
            )
            value = typed(judge, [schema], given[place][key])
            found += [f"{place} {name}: {finding}" for finding in judge.findings(schema, value)]
        return found + [f"query {name}: no such parameter in the description" for name in asked if name not in known]


def default_folder(root: Path | None = None) -> Path | None:
    """Give the folder of the PSPs' own descriptions beside a checkout; None when it is not there."""
    folder = (root or Path(__file__).resolve().parents[2]).parent / "shared" / "psp" / "specs"
    return folder if folder.is_dir() else None


def load(folder: Path, name: str) -> Description:
    """Load a PSP's description from `folder/name`, with our amendments.

    Raises MissingPartError when it is not there or not readable, LookupError when an amendment does not fit it.
    """
    return Description(name, amended(read_documents(folder / name), AMENDMENTS.get(name, ())))
