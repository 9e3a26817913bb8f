"""Writes down what went over the wire between a connector and its PSP, so that a person can read it."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

WIDTH: Final = 116
#: Lines of a body that are shown unless all are asked for.
LINES_MAX: Final = 24
_DULL_HEADERS: Final = frozenset({"content-type"})


def wire_lines(exchange: Mapping[str, Any], *, whole: bool) -> Iterator[str]:
    """Yield the lines of one exchange as the sandbox's control API tells it: `>` was sent, `<` was answered."""
    query = f"?{exchange['query']}" if exchange["query"] else ""
    yield f"> {exchange['method']} {exchange['path']}{query}"
    yield from _part("> ", exchange["headers"], exchange["body"], whole=True)
    answer = exchange["answer"]
    if answer is None:
        yield "< no answer: the connection was lost"
        return
    yield f"< {answer['status']}"
    yield from _part("< ", answer["headers"], answer["body"], whole=whole)


def _part(mark: str, headers: Mapping[str, str], body: object, *, whole: bool) -> Iterator[str]:
    for name, value in headers.items():
        if name not in _DULL_HEADERS:
            yield f"{mark}{name}: {value}"
    lines = list(_body_lines(body))
    shown = lines if whole or len(lines) <= LINES_MAX else lines[: LINES_MAX - 1]
    for line in shown:
        yield f"{mark}  {line}"
    if len(shown) < len(lines):
        yield f"{mark}  ... {len(lines) - len(shown)} more lines: payera demo psps --whole"


def _body_lines(body: object) -> Iterator[str]:
    """Yield a form field by field, JSON without what is empty in it, and everything else as it is."""
    match body:
        case None:
            return
        case str():
            yield from textwrap.wrap(body, WIDTH) or [""]
        case list() if all(isinstance(each, list) for each in body):
            yield from (f"{name} = {value}" for name, value in body)
        case _:
            yield from _json_lines(_without_empty(body))


def _json_lines(value: Any, indent: str = "", name: str = "", end: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield JSON with everything that fits on a line in one line."""
    start = f"{indent}{name}: " if name else indent
    short = start + json.dumps(value, ensure_ascii=False) + end
    if len(short) <= WIDTH or not isinstance(value, dict | list) or not value:
        yield short
        return
    named = [(json.dumps(key), each) for key, each in value.items()] if isinstance(value, dict) else []
    parts = named or [("", each) for each in value]
    opening, closing = ("{", "}") if named else ("[", "]")
    yield f"{start}{opening}"
    for position, (key, each) in enumerate(parts, 1):
        yield from _json_lines(each, f"{indent}  ", key, "," if position < len(parts) else "")
    yield f"{indent}{closing}{end}"


def _without_empty(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        kept = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", {}, [])}
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    return value
