"""From OpenAPI's schemas to JSON Schema 2020-12: what the two mean differently, and where a description is wrong.

A component is translated when it is first needed and kept in the instance, so that Stripe's six megabytes cost nothing
until an operation asks for its part.
"""

import re
import warnings
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from devstack.descriptions.documents import NOTHING, Document

Schema = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/"
DISPATCH: Final = "x-dispatch"
"""Our keyword for a discriminator: `property`, and `mapping` from its values to references."""
READ_ONLY: Final = "x-read-only"
"""Our keyword for a property that a request must not carry."""
PLAIN: Final = "plain:"
"""Begins a reference to a component without its discriminator, as its own subtypes mean it."""

_KEPT: Final = (
    "type",
    "enum",
    "const",
    "required",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")

_MISPRINTED_PATTERNS: Final[Mapping[str, str]] = {
    # Checkout.com: blanks around the bar make the pattern match nothing; a doubled backslash means a backslash.
    r"^(tok)_(\w{26})$ | ^(card_tok)_(\w{12})$": r"^(tok)_(\w{26})$|^(card_tok)_(\w{12})$",
    r"^(dsp)_(\\w{26})$": r"^(dsp)_(\w{26})$",
}


class Direction(StrEnum):
    """Who sends the document: a `readOnly` property belongs into responses alone, a `writeOnly` one into requests."""

    REQUEST = "request"
    RESPONSE = "response"


class Translator:
    """Translates the schemas of one document for one direction."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._unwanted = "readOnly" if direction is Direction.REQUEST else "writeOnly"
        self._components: dict[str, Schema] = {}
        self._families: dict[str, frozenset[str]] = {}

    def component(self, reference: str) -> Schema:
        """Give the schema that a translated `$ref` names; raises LookupError when there is none."""
        known = self._components.get(reference)
        if known is None:
            name = reference.removeprefix(PLAIN)
            known = self.translate(self._document.at(name), inside=name)
            if reference.startswith(PLAIN):
                known = {key: value for key, value in known.items() if key != DISPATCH}
            self._components[reference] = known
        return known

    def translate(self, schema: Mapping[str, Any], *, inside: str = "") -> Schema:
        """Give the JSON Schema of an OpenAPI schema, which stands `inside` a component or in an operation."""
        if isinstance(schema.get("$ref"), str):
            return {"$ref": self._reference(schema["$ref"], inside)}
        translated: Schema = {key: schema[key] for key in _KEPT if key in schema}
        translated |= self._pattern(schema)
        translated |= self._object(schema, inside)
        if isinstance(schema.get("items"), Mapping):
            translated["items"] = self.translate(schema["items"])
        for keyword in _BRANCHES:
            if keyword in schema:
                translated[keyword] = [self.translate(branch, inside=inside) for branch in schema[keyword]]
        if schema.get("x-stripeBypassValidation"):
            # Stripe's own mark for "more is accepted than is written here".
            for keyword in ("enum", "anyOf", "oneOf"):
                translated.pop(keyword, None)
        if isinstance(schema.get("discriminator"), Mapping):
            translated |= self._dispatch(schema["discriminator"], inside)
        if schema.get(self._unwanted):
            translated[READ_ONLY] = True
        return _nullable(translated) if schema.get("nullable") else translated

    def _reference(self, reference: str, inside: str) -> str:
        return PLAIN + reference if inside and inside in self._family(reference) else reference

    def _pattern(self, schema: Mapping[str, Any]) -> Schema:
        pattern = schema.get("pattern")
        if not isinstance(pattern, str):
            return {}
        pattern = _MISPRINTED_PATTERNS.get(pattern, pattern)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                re.compile(pattern)
        except re.error:
            return {}
        return {"pattern": pattern}

    def _object(self, schema: Mapping[str, Any], inside: str) -> Schema:
        translated: Schema = {}
        properties = schema.get("properties", NOTHING)
        if properties:
            translated["properties"] = {name: self.translate(inner) for name, inner in properties.items()}
            unwanted = {name for name, inner in properties.items() if inner.get(self._unwanted)}
            required = [name for name in schema.get("required", ()) if name not in unwanted]
            if "required" in schema:
                translated["required"] = required
        additional = schema.get("additionalProperties")
        if isinstance(additional, Mapping):
            translated["additionalProperties"] = self.translate(additional, inside=inside)
        elif isinstance(additional, bool):
            translated["additionalProperties"] = additional
        return translated

    def _dispatch(self, discriminator: Mapping[str, Any], inside: str) -> Schema:
        mapping = {
            value: self._full(target)
            for value, target in discriminator.get("mapping", NOTHING).items()
            if self._full(target) != inside
        }
        return {DISPATCH: {"property": discriminator["propertyName"], "mapping": mapping}}

    def _full(self, target: str) -> str:
        return target if target.startswith("#/") else COMPONENTS + target

    def _family(self, reference: str) -> frozenset[str]:
        """Give the components from which this one must be meant without its discriminator: its subtypes and theirs."""
        known = self._families.get(reference)
        if known is not None:
            return known
        component = self._document.at(reference)
        targets = component.get("discriminator", NOTHING).get("mapping", NOTHING).values()
        family: set[str] = set()
        waiting = [self._full(target) for target in targets]
        while waiting:
            name = waiting.pop()
            if name == reference or name in family:
                continue
            family.add(name)
            waiting += [part["$ref"] for part in self._document.at(name).get("allOf", ()) if "$ref" in part]
        self._families[reference] = frozenset(family)
        return self._families[reference]


def _nullable(schema: Schema) -> Schema:
    simple = isinstance(schema.get("type"), str) and not any(keyword in schema for keyword in _BRANCHES)
    if not simple:
        return {"anyOf": [schema, {"type": "null"}]}
    widened = schema | {"type": [schema["type"], "null"]}
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened
