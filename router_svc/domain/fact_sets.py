"""Sets of values that a fact may have: of texts and of whole numbers.

Both kinds can be cut with another set and tell whether they are empty, have a value, or lie within another set;
`without` gives what is left of a set, as several sets.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Texts:
    """A set of texts: all of `values`, or all there are for None, that begin with `prefix`, and that the rest allows.

    No member is in `excluded` or begins with one of `excluded_prefixes`. `absent` tells that the fact may be missing.
    """

    values: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()
    prefix: str = ""
    excluded_prefixes: frozenset[str] = frozenset()
    absent: bool = False

    def __contains__(self, value: str | None) -> bool:
        """Tell whether a text, or None for a missing fact, is in the set."""
        if value is None:
            return self.absent
        if self.values is not None and value not in self.values:
            return False
        return (
            value not in self.excluded
            and value.startswith(self.prefix)
            and not any(value.startswith(prefix) for prefix in self.excluded_prefixes)
        )

    def is_empty(self) -> bool:
        """Tell whether nothing is in the set."""
        if self.absent:
            return False
        if self.values is not None:
            return not self.values if self.is_listed() else not any(value in self for value in self.values)
        # There is no end of texts with a prefix: single ones that are excluded leave others.
        return any(self.prefix.startswith(prefix) for prefix in self.excluded_prefixes)

    def cut(self, other: "Texts") -> "Texts":
        """Give what is in both sets."""
        absent = self.absent and other.absent
        if self.values is not None or other.values is not None:
            return Texts(values=self._common_values(other), absent=absent)
        shorter, longer = sorted((self.prefix, other.prefix), key=len)
        if not longer.startswith(shorter):
            return Texts(values=frozenset(), absent=absent)
        return Texts(
            excluded=self.excluded | other.excluded,
            prefix=longer,
            excluded_prefixes=self.excluded_prefixes | other.excluded_prefixes,
            absent=absent,
        )

    def _common_values(self, other: "Texts") -> frozenset[str]:
        if self.values is not None and other.values is not None and self.is_listed() and other.is_listed():
            return self.values & other.values
        values = self.values if self.values is not None else other.values or frozenset()
        return frozenset(value for value in values if value in self and value in other)

    def is_listed(self) -> bool:
        """Tell whether `values` alone says which texts are in the set."""
        return self.values is not None and not (self.excluded or self.prefix or self.excluded_prefixes)

    def is_within(self, other: "Texts") -> bool:
        """Tell whether all of this set is in the other one."""
        return all(part.is_empty() for part in self.without(other))

    def without(self, other: "Texts") -> "tuple[Texts, ...]":
        """Give what is in this set and not in the other one; a value may be in several of the sets."""
        absent = self.absent and not other.absent
        if self.values is not None:
            listed = self.is_listed() and other.is_listed()
            values = self.values - other.values if listed and other.values else self._values_outside(other)
            return (Texts(values=values, absent=absent),) if values or absent else ()
        present = replace(self, absent=False)
        parts = [present.cut(Texts(values=other.excluded))]
        parts += [present.cut(Texts(prefix=prefix)) for prefix in sorted(other.excluded_prefixes)]
        if other.prefix:
            parts.append(present.cut(Texts(excluded_prefixes=frozenset({other.prefix}))))
        if other.values is not None:
            parts.append(present.cut(Texts(excluded=other.values)))
        if absent:
            parts.append(Texts(values=frozenset(), absent=True))
        return tuple(part for part in parts if not part.is_empty())

    def _values_outside(self, other: "Texts") -> frozenset[str]:
        return frozenset(value for value in self.values or () if value in self and value not in other)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A set of whole numbers: spans with their smallest and largest number, apart from each other and in order."""

    spans: tuple[tuple[int, int], ...]

    def __contains__(self, value: int | None) -> bool:
        """Tell whether a number is in the set; None never is."""
        return value is not None and any(smallest <= value <= largest for smallest, largest in self.spans)

    def is_empty(self) -> bool:
        """Tell whether nothing is in the set."""
        return not self.spans

    def cut(self, other: "Numbers") -> "Numbers":
        """Give what is in both sets."""
        pairs = [(max(mine[0], theirs[0]), min(mine[1], theirs[1])) for mine in self.spans for theirs in other.spans]
        return Numbers(tuple(sorted(pair for pair in pairs if pair[0] <= pair[1])))

    def is_within(self, other: "Numbers") -> bool:
        """Tell whether all of this set is in the other one."""
        return not self.without(other)

    def without(self, other: "Numbers") -> "tuple[Numbers, ...]":
        """Give what is in this set and not in the other one: one set, or none when nothing is left."""
        left = list(self.spans)
        for smallest, largest in other.spans:
            left = [
                piece
                for mine in left
                for piece in ((mine[0], min(mine[1], smallest - 1)), (max(mine[0], largest + 1), mine[1]))
                if piece[0] <= piece[1]
            ]
        return (Numbers(tuple(left)),) if left else ()


FactSet = Texts | Numbers
