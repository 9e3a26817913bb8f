"""Reads a JSON document field by field; whatever is wrong is told with the field, the rule and the remedy."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from devstack.errors import StackError

NEXT_STEP: Final = "the format is described in docs/routing-worlds.md"
_SHOWN: Final = 60


class WorldError(StackError):
    """A world's file is not as it has to be."""


class Field:
    """One value of the document, and where it stands."""

    def __init__(self, value: Any, path: str = "") -> None:  # noqa: ANN401 - JSON may be anything
        self.value = value
        self.path = path

    def refuse(self, rule: str) -> WorldError:
        """Make the error for this field; `rule` says what it has to be, and so what to write."""
        shown = repr(self.value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        return WorldError(f"{self.path or 'the document'}: {rule}, not {shown}", NEXT_STEP)

    def members(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, "Field"]:
        """Take an object apart; raises WorldError for a member that is missing, or that nobody reads."""
        values = self._object()
        for name in values:
            if name not in required and name not in optional:
                allowed = ", ".join(sorted({*required, *optional}))
                raise WorldError(f"{self._at(name)}: nothing has this name; take it out, or use: {allowed}", NEXT_STEP)
        for name in required:
            if name not in values:
                raise WorldError(f"{self._at(name)}: it is missing; add it", NEXT_STEP)
        return {name: Field(value, self._at(name)) for name, value in values.items()}

    def entries(self) -> dict[str, "Field"]:
        """Take an object with any names apart."""
        return {name: Field(value, self._at(name)) for name, value in self._object().items()}

    def items(self, at_least: int = 1, at_most: int = 1_000) -> list["Field"]:
        """Take a list apart."""
        if not isinstance(self.value, list) or not at_least <= len(self.value) <= at_most:
            raise self.refuse(f"it has to be a list of {at_least} to {at_most}")
        return [Field(value, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def text(self) -> str:
        """Give a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.refuse("it has to be a text")
        return self.value

    def whole(self, least: int, most: int) -> int:
        """Give a whole number within bounds."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not least <= self.value <= most:
            raise self.refuse(f"it has to be a whole number from {least:,} to {most:,}")
        return self.value

    def number(self, least: float, most: float) -> float:
        """Give a number within bounds."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool) or not least <= self.value <= most:
            raise self.refuse(f"it has to be a number from {least:g} to {most:g}")
        return float(self.value)

    def choice(self, allowed: Collection[str]) -> str:
        """Give one of some words."""
        if self.value not in allowed:
            raise self.refuse(f"it has to be one of: {', '.join(allowed)}")
        return str(self.value)

    def _object(self) -> Mapping[str, Any]:
        if not isinstance(self.value, dict):
            raise self.refuse("it has to be an object")
        return self.value

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
