"""Form bodies and query strings as the documents they stand for: names unfolded, texts typed by the schema."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from devstack.descriptions.translation import Schema
from devstack.descriptions.validation import Judge

MOST_FIELDS: Final = 1000

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_TRUTHS: Final = {"true": True, "false": False}


class MalformedFormError(ValueError):
    """A form body that stands for no document; `str()` says why."""


def decode_form(text: str) -> dict[str, Any]:
    """Unfold a form: `a[b]=1&c[]=x&c[]=y&d[0][e]=2` is `{"a": {"b": "1"}, "c": ["x", "y"], "d": [{"e": "2"}]}`.

    All values stay texts. Raises MalformedFormError for names that contradict each other and for a name given twice.
    """
    document: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise MalformedFormError(str(error)) from error
    for name, value in pairs:
        _put(document, _steps(name), value, name)
    return {name: _lists(inner) for name, inner in document.items()}


def _steps(name: str) -> list[str]:
    match = _NAME.match(name)
    if match is None:
        raise MalformedFormError(f"{name!r} is no name of a field")
    return [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]


def _put(document: dict[str, Any], steps: Sequence[str], value: str, name: str) -> None:
    place = document
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        # An empty bracket adds to a list, one more each time.
        key = step or str(len(place))
        if following is None:
            if key in place:
                raise MalformedFormError(f"{name!r} is given twice")
            place[key] = value
            return
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise MalformedFormError(f"{name!r} has both a value and fields of its own")
        place = inner


def _lists(value: Any) -> Any:  # noqa: ANN401 - any value of a document
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(part) for name, part in value.items()}
    if inner and list(inner) == [str(place) for place in range(len(inner))]:
        return list(inner.values())
    return inner


def typed(judge: Judge, schemas: Sequence[Schema], value: Any) -> Any:  # noqa: ANN401 - any value of a document
    """Give a document of texts with the types its schemas want: `"1050"` is 1050 where an integer is declared.

    A text that no wanted type fits stays a text, for validation to find.
    """
    shapes = [shape for schema in schemas for shape in judge.shapes(schema)]
    if isinstance(value, str):
        readings = _readings(value, shapes)
        return next((r for r in readings if any(judge.is_valid(schema, r) for schema in schemas)), readings[0])
    if isinstance(value, list):
        items = [shape["items"] for shape in shapes if "items" in shape]
        if items:
            return [typed(judge, items, inner) for inner in value]
        # A map whose keys happen to be 0, 1, 2 is no list.
        value = {str(place): inner for place, inner in enumerate(value)}
    return {name: typed(judge, _schemas_of(name, shapes), inner) for name, inner in value.items()}


def _schemas_of(name: str, shapes: Sequence[Schema]) -> list[Schema]:
    declared = [shape["properties"][name] for shape in shapes if name in shape.get("properties", ())]
    return declared or [a for shape in shapes if isinstance(a := shape.get("additionalProperties"), dict)]


def _readings(text: str, shapes: Sequence[Schema]) -> list[Any]:
    wanted = set(_types(shapes))
    readings: list[Any] = []
    if "integer" in wanted and _INTEGER.match(text):
        readings.append(int(text))
    if "number" in wanted and _NUMBER.match(text):
        readings.append(float(text))
    if "boolean" in wanted and text in _TRUTHS:
        readings.append(_TRUTHS[text])
    return [*readings, text]


def _types(shapes: Sequence[Schema]) -> Iterator[str]:
    for shape in shapes:
        declared = shape.get("type", ())
        yield from (declared,) if isinstance(declared, str) else declared
