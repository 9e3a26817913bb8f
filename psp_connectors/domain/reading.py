"""Reads fields out of JSON of which nothing is certain: what is not there, or is of another type, reads as empty."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

NOTHING: Final[Mapping[str, Any]] = {}

Step = str | int


def value_at(container: object, *path: Step) -> object:
    """Give what stands at the end of a path of field names and places in lists; None when it leads nowhere."""
    for step in path:
        if isinstance(step, int):
            inside = isinstance(container, list) and -len(container) <= step < len(container)
            container = container[step] if isinstance(container, list) and inside else None
        else:
            container = container.get(step) if isinstance(container, dict) else None
    return container


def text_at(container: object, *path: Step) -> str:
    """Give the text at the end of a path, empty when there is none."""
    value = value_at(container, *path)
    return value if isinstance(value, str) else ""


def integer_at(container: object, *path: Step) -> int | None:
    """Give the integer at the end of a path; None for anything else, a boolean and a float included."""
    value = value_at(container, *path)
    return value if type(value) is int else None


def truth_at(container: object, *path: Step) -> bool | None:
    """Give the boolean at the end of a path; None for anything else."""
    value = value_at(container, *path)
    return value if isinstance(value, bool) else None


def mapping_at(container: object, *path: Step) -> Mapping[str, Any]:
    """Give the object at the end of a path, empty when there is none."""
    value = value_at(container, *path)
    return value if isinstance(value, dict) else NOTHING


def items_at(container: object, *path: Step) -> Sequence[object]:
    """Give the list at the end of a path, empty when there is none."""
    value = value_at(container, *path)
    return value if isinstance(value, list) else ()
