"""The files of an API description as plain values: loading them, following their references, naming places in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from devstack.errors import MissingPartError

LONGEST_REFERENCE_CHAIN: Final = 32
"""No description refers on more often than this; one that does goes in a circle."""

NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Document:
    """One OpenAPI file: its name without the extension, and its content."""

    name: str
    content: Mapping[str, Any]

    def at(self, reference: str) -> Any:  # noqa: ANN401 - whatever the file has there
        """Give what a local reference such as `#/components/schemas/Amount` names; raises LookupError when nothing."""
        place: Any = self.content
        for step in reference.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            place = place[int(name)] if isinstance(place, list) else place[name]
        return place

    def followed(self, value: Any) -> Any:  # noqa: ANN401 - whatever the file has there
        """Give a value itself, or what it refers to; raises LookupError for a reference to nothing or in a circle."""
        for _ in range(LONGEST_REFERENCE_CHAIN):
            if not isinstance(value, Mapping) or not isinstance(value.get("$ref"), str):
                return value
            value = self.at(value["$ref"])
        raise LookupError(f"{self.name}: a reference goes in a circle")

    def mapping(self, *path: str) -> Mapping[str, Any]:
        """Give the object at a path, empty when there is none."""
        place: Any = self.content
        for step in path:
            place = place.get(step, NOTHING) if isinstance(place, Mapping) else NOTHING
        return place if isinstance(place, Mapping) else NOTHING


def read_documents(folder: Path) -> Sequence[Document]:
    """Read every OpenAPI file of a folder, by name; raises MissingPartError when there is none or one is unreadable."""
    documents = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = msgspec.json.decode(path.read_bytes())
        except msgspec.DecodeError as error:
            raise MissingPartError(f"{path} is not JSON: {error}", "put the PSP's own file there") from error
        if isinstance(content, dict) and "openapi" in content:
            documents.append(Document(path.stem, content))
    if not documents:
        raise MissingPartError(f"{folder} holds no OpenAPI description", "put the PSP's own files there")
    return documents


def shown(path: Sequence[str | int]) -> str:
    """Give a place in a document for people: `source.phones[0].number`, `$` for the document itself."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".") or "$"
