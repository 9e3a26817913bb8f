"""Says in our words what CEL finds wrong with a condition, and what to write instead."""

import re
from dataclasses import dataclass, replace
from typing import Final

from router_svc.adapters.cel.environment import TEXT_VARIABLES, VARIABLES
from router_svc.adapters.cel.tokens import Token, TokenKind, tokens_of
from router_svc.domain.problems import closest
from router_svc.domain.vocabulary import BOUNDS_OF, WORDS_OF

_ERROR: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'")
_EXAMPLE: Final = 'write comparisons that `&&` or `||` join, like `currency == "EUR" && amount > 1000`'
_LISTED_VARIABLES: Final = ", ".join(f"`{name}`" for name in VARIABLES)
_METHODS: Final = (
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "size",
    "exists",
    "all",
    *(name.removeprefix("at.") for name in BOUNDS_OF if name.startswith("at.")),
)
_FUNCTIONS: Final = ("has", "size", "timestamp", "duration", "int", "string", *_METHODS)
_FUNCTIONS_TOLD: Final = ("startsWith", "endsWith", "contains", "matches", "has", "size", "timestamp", "getHours")
#: What other systems call our facts.
_OTHER_NAMES: Final = {
    "card_brand": "brand",
    "card_country": "issuer_country",
    "card_type": "funding",
    "country": "issuer_country",
    "date": "at",
    "hour": 'at.getHours("Europe/Berlin")',
    "iin": "bin",
    "minor_units": "amount",
    "network": "brand",
    "now": "at",
    "payment_method": "method",
    "scheme": "brand",
    "sum": "amount",
    "threeds": "three_ds",
    "time": "at",
    "type": "method",
    "value": "amount",
    "weekday": 'at.getDayOfWeek("Europe/Berlin")',
}
_WORD_OPERATORS: Final = {
    "and": "write `&&`",
    "or": "write `||`",
    "not": 'write `!`, like `!(brand == "amex")`, or `!=`',
    "is": "write `==`",
    "equals": "write `==`",
    "like": 'write `bin.startsWith("4111")`, or `matches` with a pattern',
    "between": "write `amount >= 1000 && amount <= 5000`",
    "then": "leave it out: what to do is the rule's action",
    "if": "leave it out: a condition is what stands after it",
}
_SYMBOLS: Final = {
    "=": ("`=` compares nothing", "write `==`"),
    "===": ("`===` is no operator", "write `==`"),
    "!==": ("`!==` is no operator", "write `!=`"),
    "<>": ("`<>` is no operator", "write `!=`"),
    "=>": ("`=>` is no operator", "write `>=`"),
    "=<": ("`=<` is no operator", "write `<=`"),
    "&": ("`&` is no operator", "write `&&`"),
    "|": ("`|` is no operator", "write `||`"),
}
_TYPES: Final = {
    "int": "a whole number",
    "uint": "an unsigned number",
    "double": "a number with a decimal point",
    "string": "a text",
    "bool": "true or false",
    "null_type": "null",
    "bytes": "bytes",
    "dyn": "anything",
    "google.protobuf.Timestamp": "a moment",
    "google.protobuf.Duration": "a duration",
}
_RARE: Final = {
    "invalid int literal": ("the number is too large for an amount", "write at most 9223372036854775807"),
    "operand of a select": (
        "what stands before the point has no parts",
        'write the whole key in brackets, like `metadata["a.b"]`',
    ),
}
_RELATIONS: Final = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One error: `why` and `instead` are sentences; `offset` counts characters from 0, None when it has no place."""

    offset: int | None
    why: str
    instead: str


def translate(condition: str, message: str) -> Finding:
    """Say what is wrong with a condition of which the compiler says `message`, and what to write instead."""
    found = _ERROR.search(message)
    if found is None or "recursion" in message:
        return too_deep() if "recursion" in message else Finding(None, "the condition can't be compiled", _EXAMPLE)
    offset = _offset(condition, int(found[1]), int(found[2]))
    text = found[3].removesuffix(" [INVALID_ARGUMENT]")
    tokens = tokens_of(condition)
    if text.startswith(("Syntax error", "reserved identifier")):
        return _syntax(condition, tokens, offset, text)
    undeclared = _UNDECLARED.search(text)
    if undeclared:
        return _undeclared(condition, tokens, offset, undeclared[1])
    overload = _OVERLOAD.search(text)
    if overload:
        return _overload(tokens, offset, overload[1], overload[2])
    for part, (why, instead) in _RARE.items():
        if part in text:
            return Finding(offset, why, instead)
    return Finding(offset, f"it can't be compiled: {text}", _EXAMPLE)


def too_deep() -> Finding:
    """Say that a condition is nested too deeply."""
    return Finding(None, "the condition is nested too deeply", "use fewer brackets in each other, or two rules")


def not_bool(kind: str) -> Finding:
    """Say that a condition gives something that is neither true nor false; `kind` is CEL's name of its type."""
    if kind == "INT":
        return Finding(0, "the condition gives a number, not true or false", "compare it, like `amount > 1000`")
    if kind == "STRING":
        instead = 'compare it, like `currency == "EUR"`'
        return Finding(0, "the condition gives a text, not true or false", instead)
    return Finding(0, "the condition does not give true or false", "compare the value with another")


def _offset(condition: str, line: int, column: int) -> int:
    lines = condition.split("\n")
    start = sum(len(before) + 1 for before in lines[: line - 1])
    return max(0, min(start + column - 1, len(condition)))


def _syntax(condition: str, tokens: list[Token], offset: int, text: str) -> Finding:
    """Look for what people write who know other languages; the first such token is what is wrong."""
    for place, token in enumerate(tokens):
        following = tokens[place + 1].text if place + 1 < len(tokens) else ""
        finding = _foreign(token, following)
        if finding is not None:
            return finding
    opened = _brackets(tokens)
    if opened is not None:
        return opened
    if offset >= len(condition.rstrip()) or "'<EOF>' expecting {" in text:
        return Finding(offset, "the condition ends where something has to follow", _EXAMPLE)
    at = next((token for token in tokens if token.offset <= offset < token.offset + len(token.text)), None)
    what = f"`{at.text}` can't stand here" if at is not None else "this can't stand here"
    return Finding(offset, what, _EXAMPLE)


def _foreign(token: Token, following: str) -> Finding | None:
    if token.kind is TokenKind.QUOTE:
        why = f"`{token.text}` is no quotation mark of conditions" if token.text not in "\"'" else "the text has no end"
        instead = 'write straight quotes, like "EUR"' if token.text not in "\"'" else "close it with the same quote"
        return Finding(token.offset, why, instead)
    if token.kind is TokenKind.SYMBOL and token.text in _SYMBOLS:
        why, instead = _SYMBOLS[token.text]
        return Finding(token.offset, why, instead)
    if token.kind is TokenKind.NAME and token.text.lower() in _WORD_OPERATORS:
        return Finding(token.offset, f"`{token.text}` is no operator", _WORD_OPERATORS[token.text.lower()])
    if token.text == "in" and following == "(":
        instead = 'write square brackets, like `currency in ["EUR", "USD"]`'
        return Finding(token.offset + len("in"), "what follows `in` is no list", instead)
    if token.kind is TokenKind.NUMBER and re.fullmatch(r"\d+([,_]\d+)+(\.\d+)?", token.text):
        digits = re.sub(r"[,_]", "", token.text)
        return Finding(token.offset, f"`{token.text}` is no number", f"write its digits alone: `{digits}`")
    return None


def _brackets(tokens: list[Token]) -> Finding | None:
    closing = {"(": ")", "[": "]", "{": "}"}
    opened: list[Token] = []
    for token in tokens:
        if token.text in closing and token.kind is TokenKind.SYMBOL:
            opened.append(token)
        if token.text in closing.values() and token.kind is TokenKind.SYMBOL:
            last = closing[opened.pop().text] if opened else ""
            if last != token.text:
                return Finding(token.offset, f"the bracket `{token.text}` was never opened", "take it out")
    if opened:
        first = opened[-1]
        return Finding(first.offset, f"the bracket `{first.text}` is never closed", f"add `{closing[first.text]}`")
    return None


def _undeclared(condition: str, tokens: list[Token], offset: int, name: str) -> Finding:
    # For a call the place is that of its bracket, for a field that of its point; what is meant is the name.
    is_call = condition[offset : offset + 1] == "("
    before = condition[:offset].rstrip()
    start = len(before) - len(name) if is_call and before.endswith(name) else offset
    if condition[offset : offset + 1] == ".":
        begin = re.search(r"[A-Za-z_][A-Za-z0-9_.]*\Z", condition[:offset])
        start = begin.start() if begin else offset
    lower = name.lower()
    if lower in _WORD_OPERATORS:
        return Finding(start, f"`{name}` is no operator", _WORD_OPERATORS[lower])
    if lower in {"true", "false"}:
        return Finding(start, f"there is nothing that is called `{name}`", f"write `{lower}`")
    if lower in {"none", "nil", "undefined", "null"}:
        return Finding(start, f"there is nothing that is called `{name}`", 'what is not known is empty: write `""`')
    if is_call:
        meant = closest(name, _FUNCTIONS)
        instead = f"write `{meant}`" if meant else f"use one of: {', '.join(_FUNCTIONS_TOLD)}"
        return Finding(start, f"there is no function `{name}`", instead)
    return Finding(start, f"there is no fact `{name}`", _fact_meant(tokens, start, name))


def _fact_meant(tokens: list[Token], start: int, name: str) -> str:
    parts = name.split(".")
    for part in reversed(parts):
        if part in VARIABLES:
            return f"write `{part}`: facts stand on their own"
    last = parts[-1].lower()
    compared = _compared_with(tokens, start)
    if compared in TEXT_VARIABLES and len(parts) == 1:
        word = closest(name, WORDS_OF.get(compared, frozenset())) or name
        return f'write a text in quotes: `"{word}"`'
    if any(name in words for words in WORDS_OF.values()):
        return f'write a text in quotes: `"{name}"`'
    meant = _OTHER_NAMES.get(last) or closest(last, VARIABLES)
    return f"write `{meant}`" if meant else f"the facts are: {_LISTED_VARIABLES}"


def _compared_with(tokens: list[Token], start: int) -> str:
    """Give what stands on the left of the comparison, or of the list, that the token at `start` is in."""
    place = next((index for index, token in enumerate(tokens) if token.offset >= start), 0)
    while place > 1 and tokens[place - 1].text in {"[", ","}:
        place -= 1 if tokens[place - 1].text == "[" else 2
    if place > 1 and tokens[place - 1].text in {"==", "!=", "in"}:
        return tokens[place - 2].text
    return ""


def _overload(tokens: list[Token], offset: int, operator: str, applied: str) -> Finding:
    kinds = [kind.strip() for kind in applied.split(",")]
    place = next((index for index, token in enumerate(tokens) if token.offset >= offset), len(tokens))
    left = tokens[place - 1].text if place > 0 else ""
    right = tokens[place + 1].text if place + 1 < len(tokens) else ""
    if operator in _RELATIONS:
        return replace(_relation(operator, kinds, left, right), offset=offset)
    if operator in {"_&&_", "_||_", "!_"}:
        symbol = operator.strip("_")
        return Finding(offset, f"`{symbol}` takes what is true or false, and here stands {_told(kinds)}", _EXAMPLE)
    if operator == "@in":
        instead = 'write a list of values of the same type, like `currency in ["EUR", "USD"]`'
        return Finding(offset, "what follows `in` is no list that this value can be in", instead)
    if re.fullmatch(r"\w+", operator.strip("_@")) and not operator.startswith("_"):
        return Finding(offset, f"`{operator}` can't be used with {_told(kinds)}", "give it values of another type")
    return Finding(offset, f"this can't be done with {_told(kinds)}", "use values of the same type")


def _relation(operator: str, kinds: list[str], left: str, right: str) -> Finding:  # noqa: PLR0911 - one per pair of types
    why = f"{_told(kinds)} can't be compared"
    pair = set(kinds)
    number = next((text for text in (right, left) if re.fullmatch(r"\d+\.\d+", text)), "")
    if pair == {"int", "double"}:
        minor = number.replace(".", "").lstrip("0") or "0" if re.fullmatch(r"\d+\.\d\d", number) else ""
        like = f"`{minor}` for {number} of a currency with two decimals" if minor else "`1050` for 10.50 EUR"
        return Finding(None, why, f"amounts are whole numbers in minor units: write {like}")
    if pair == {"int", "string"}:
        quoted = next((text for text in (right, left) if re.fullmatch(r"""["']-?\d+["']""", text)), "")
        if quoted and "amount" in {left, right}:
            return Finding(None, why, f"write the number without quotes: `{quoted[1:-1]}`")
        if operator not in {"_==_", "_!=_"}:
            return Finding(None, why, "make a number of the text, like `int(metadata.items) > 3`")
        digits = next((text for text in (right, left) if re.fullmatch(r"-?\d+", text)), "")
        return Finding(None, why, f'write the text in quotes: `"{digits}"`' if digits else "compare texts with texts")
    if "google.protobuf.Timestamp" in pair:
        return Finding(None, why, 'write a moment as `timestamp("2030-01-31T00:00:00Z")`')
    if "null_type" in pair:
        instead = 'what is not known is empty: write `""`; for metadata write `has(metadata.key)`'
        return Finding(None, why, instead)
    return Finding(None, why, "compare values of the same type")


def _told(kinds: list[str]) -> str:
    return " and ".join(_TYPES.get(kind, "a value of another type") for kind in kinds if kind) or "nothing"
