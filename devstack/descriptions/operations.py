"""Finds the operation of a description that an HTTP request is for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from devstack.descriptions.documents import NOTHING, Document

METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")

_PARAMETER: Final = re.compile(r"\{[^{}]+\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its document, method in capitals, templated path, what the file says, and its parameters."""

    document: Document
    method: str
    path: str
    content: Mapping[str, Any]
    parameters: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Give method and path, such as `POST /payments/{id}/captures`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and the values of the parameters in its path."""

    operation: Operation
    values: Mapping[str, str]


class Operations:
    """All operations of some documents, found by method and path."""

    def __init__(self, documents: Sequence[Document], extra_base_paths: Sequence[str] = ()) -> None:
        self._bases = sorted({"", *extra_base_paths, *_base_paths(documents)}, key=len, reverse=True)
        operations = [operation for document in documents for operation in _operations_of(document)]
        # What is spelt out goes before what a parameter stands for: `/payments/details` is no `/payments/{id}`.
        operations.sort(key=lambda operation: len(_PARAMETER.findall(operation.path)))
        self._patterns = [(_pattern(operation.path), operation) for operation in operations]
        self.all: Sequence[Operation] = operations

    def find(self, method: str, address: str) -> Match | None:
        """Give the operation for a method and a URL or path, with or without the base path; None when there is none."""
        path = urlsplit(address).path
        for base in self._bases:
            if not path.startswith(base):
                continue
            for pattern, operation in self._patterns:
                match = pattern.match(path[len(base) :])
                if match is not None and operation.method == method.upper():
                    names = [name[1:-1] for name in _PARAMETER.findall(operation.path)]
                    values = (unquote(value) for value in match.groups())
                    return Match(operation, dict(zip(names, values, strict=True)))
        return None


def _base_paths(documents: Sequence[Document]) -> Iterator[str]:
    for document in documents:
        for server in document.content.get("servers", ()):
            yield urlsplit(server["url"]).path.rstrip("/")


def _operations_of(document: Document) -> Iterator[Operation]:
    for path, item in document.mapping("paths").items():
        shared = item.get("parameters", ())
        for method in METHODS:
            content = item.get(method, NOTHING)
            if content:
                parameters = [document.followed(one) for one in (*shared, *content.get("parameters", ()))]
                yield Operation(document, method.upper(), path, content, parameters)


def _pattern(path: str) -> re.Pattern[str]:
    literals = [re.escape(part) for part in _PARAMETER.split(path)]
    return re.compile("([^/]+)".join(literals) + r"/?\Z")
