"""Cuts a condition that does not compile into tokens, to see what somebody may have meant."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TokenKind(StrEnum):
    """What a token is. A QUOTE is one that begins no text, or is none that CEL knows."""

    TEXT = "text"
    NUMBER = "number"
    NAME = "name"
    SYMBOL = "symbol"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its place, in characters from 0."""

    kind: TokenKind
    text: str
    offset: int


_TOKEN: Final = re.compile(
    r"""
    (?P<comment>//[^\n]*)
    | (?P<text>[rbRB]{0,2}(?:\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<number>\d+(?:[_,]\d{3})+(?:\.\d+)?|\d+(?:_\d+)+|\d+\.\d+|\d+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quote>["'\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb`])
    | (?P<symbol>===|!==|<>|=>|=<|==|!=|<=|>=|&&|\|\||[^\s])
    """,
    re.VERBOSE,
)


def tokens_of(condition: str) -> list[Token]:
    """Give the tokens of a condition in their order, without comments. Numbers are taken as people write them."""
    return [
        Token(TokenKind(match.lastgroup), match.group(), match.start())
        for match in _TOKEN.finditer(condition)
        if match.lastgroup is not None and match.lastgroup != "comment"
    ]
