"""Judges a document by a schema: JSON Schema's own rules, discriminators, and properties that nobody declares."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from devstack.descriptions.documents import Document, shown
from devstack.descriptions.formats import format_checker
from devstack.descriptions.translation import DISPATCH, READ_ONLY, Direction, Schema, Translator

LONGEST_SHOWN: Final = 80
DEEPEST: Final = 60
"""No document is nested deeper; what is, gets a finding instead of a walk."""

Path = tuple[str | int, ...]


class Judge:
    """Judges documents of one direction by the schemas of one description."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self._translator = Translator(document, direction)
        self._unwanted = "read-only in a request" if direction is Direction.REQUEST else "write-only in a response"
        kind: Any = extend(  # type: ignore[no-untyped-call]
            Draft202012Validator, {"$ref": self._check_reference, DISPATCH: self._check_dispatch}
        )
        self._validator: Any = kind({}, format_checker=format_checker())

    def translate(self, schema: Mapping[str, Any]) -> Schema:
        """Give a schema of the description as `findings` takes it; to be kept, since translating is the costly part."""
        return self._translator.translate(schema)

    def findings(self, schema: Schema, value: object) -> list[str]:
        """Give what is wrong with a document, as `place: what`; nothing when it is as described."""
        undeclared = list(self._undeclared(value, [schema], ()))
        errors = self._validator.evolve(schema=schema).iter_errors(value)
        # The properties that a closed object does not have are told one by one already.
        told = [e for e in errors if not (undeclared and e.validator == "additionalProperties")]
        found = [text for error in told for text in _told(error)]
        return list(dict.fromkeys([*found, *undeclared]))

    def is_valid(self, schema: Schema, value: object) -> bool:
        """Tell whether a document keeps to a schema, properties that nobody declares aside."""
        return bool(self._validator.evolve(schema=schema).is_valid(value))

    def shapes(self, schema: Schema, value: object = ...) -> Iterator[Schema]:
        """Give the schemas that apply to a value at one place: references followed, branches chosen.

        Without a value, or when no branch fits it, all branches are given.
        """
        waiting = [schema]
        for _ in range(10_000):
            if not waiting:
                return
            current = waiting.pop()
            yield current
            if "$ref" in current:
                waiting.append(self._translator.component(current["$ref"]))
            waiting += current.get("allOf", ())
            for keyword in ("anyOf", "oneOf"):
                branches = current.get(keyword, ())
                fitting = [b for b in branches if value is not ... and self.is_valid(b, value)]
                waiting += fitting or branches
            if DISPATCH in current and isinstance(value, dict):
                target = _target(current[DISPATCH], value)
                waiting += [self._translator.component(target)] if target else []

    def _check_reference(
        self, validator: Validator, reference: str, value: object, _schema: object
    ) -> Iterator[ValidationError]:
        yield from validator.descend(value, self._translator.component(reference))  # type: ignore[attr-defined]

    def _check_dispatch(
        self, validator: Validator, dispatch: Mapping[str, Any], value: object, _schema: object
    ) -> Iterator[ValidationError]:
        if not isinstance(value, dict) or not dispatch["mapping"]:
            return
        target = _target(dispatch, value)
        if target is not None:
            yield from validator.descend(value, self._translator.component(target))  # type: ignore[attr-defined]
        elif dispatch["property"] in value:
            known = ", ".join(sorted(dispatch["mapping"]))
            text = f"{value[dispatch['property']]!r} is none of {known}"
            yield ValidationError(text, path=(dispatch["property"],))

    def _undeclared(self, value: object, schemas: Sequence[Schema], path: Path) -> Iterator[str]:
        if len(path) > DEEPEST:
            yield f"{shown(path)}: nested too deeply"
            return
        if isinstance(value, dict):
            shapes = [shape for schema in schemas for shape in self.shapes(schema, value)]
            is_open = not any("properties" in shape or "additionalProperties" in shape for shape in shapes)
            for name, inner in value.items():
                yield from self._undeclared_property(name, inner, shapes, path, is_open=is_open)
        elif isinstance(value, list):
            shapes = [shape for schema in schemas for shape in self.shapes(schema, value)]
            items = [shape["items"] for shape in shapes if "items" in shape]
            for place, inner in enumerate(value):
                yield from self._undeclared(inner, items, (*path, place))

    def _undeclared_property(
        self, name: str, value: object, shapes: Sequence[Schema], path: Path, *, is_open: bool
    ) -> Iterator[str]:
        declared = [shape["properties"][name] for shape in shapes if name in shape.get("properties", ())]
        additional = [shape["additionalProperties"] for shape in shapes if "additionalProperties" in shape]
        if not declared and not is_open and not any(additional) and {} not in additional:
            yield f"{shown((*path, name))}: no such property in the description"
            return
        if any(READ_ONLY in schema for schema in declared):
            yield f"{shown((*path, name))}: {self._unwanted}"
        maps = [schema for schema in additional if isinstance(schema, dict)]
        yield from self._undeclared(value, declared or maps, (*path, name))


def _target(dispatch: Mapping[str, Any], value: Mapping[str, Any]) -> str | None:
    named = value.get(dispatch["property"])
    return dispatch["mapping"].get(named) if isinstance(named, str) else None


def _told(error: ValidationError, above: Path = ()) -> list[str]:
    """Give the findings of an error; of alternatives that all fail, those of the one that comes closest."""
    path = (*above, *error.relative_path)
    if not error.context:
        return [f"{shown(path)}: {_brief(error.message)}"]
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    closest = min(branches.values(), key=_distance)
    return [text for inner in closest for text in _told(inner, path)] + [
        f"{shown(path)}: fits none of the alternatives, the closest of which is told"
    ]


def _distance(errors: Sequence[ValidationError]) -> tuple[int, int, int]:
    """Tell how far a branch is from fitting: other types and kinds count most, then fields missing, then wrong ones."""
    other_kind = sum(
        1
        for error in errors
        if (error.validator == "type" and not error.relative_path)
        or (error.validator in {"enum", "const", DISPATCH} and len(error.relative_path) <= 1)
    )
    missing = sum(1 for error in errors if error.validator == "required" and not error.relative_path)
    return other_kind, missing, len(errors)


def _brief(text: str) -> str:
    return text if len(text) <= 2 * LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} ... {text[-LONGEST_SHOWN:]}"
