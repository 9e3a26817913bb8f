"""Finds card verification codes by the name that stands before them: three or four digits alone say nothing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

#: In lower case. `cid` alone is also a connection's id, so it must be the whole name.
_NAME: Final = re.compile(
    rb"[csv](?:(?<=c)(?:v[cvnd]|sc|av2)2?(?:[ _.-]?(?:code|value|number))?"
    rb"|(?<=c)id"
    rb"|(?<=c)ard[ _.-]?code"
    rb"|(?:(?<=s)ecurity|(?<=v)erification)[ _.-]?(?:code|value|number))"
)
#: How each of them begins, which is quicker to search for.
_ROOTS: Final = (b"cvc", b"cvv", b"cvn", b"cvd", b"csc", b"cav2", b"cid", b"card", b"security", b"verification")
#: JSON, also within a text of JSON; a form's `card[cvc]=`; logfmt; XML; pairs; and an entry of a protobuf map.
_VALUE: Final = re.compile(
    rb"\\{0,8}[\"']?\]?[ \t]{0,3}[:=>]{1,2}[ \t\r\n]{0,8}\\{0,8}[\"']?(?P<plain>[0-9]{3,4})(?![0-9A-Za-z_]|\.[0-9])"
    rb"|\\{0,8}[\"'],[ \t\r\n]{0,8}\\{0,8}[\"'](?P<pair>[0-9]{3,4})\\{0,8}[\"']"
    rb"|\x12[\x03\x04](?P<entry>[0-9]{3,4})"
)
_BESIDE: Final = rb"[^0-9\r\n]{0,24}"
_CID: Final = b"cid"


@dataclass(frozen=True, slots=True)
class Code:
    """A code, where it begins, and the name before it."""

    text: str = field(repr=False)
    start: int
    name: str
    planted: bool


class CodeSearch:
    """Searches for any code beside a name, and for planted codes further from one and in any shape."""

    def __init__(self, planted: Sequence[str], *, any_code: bool) -> None:
        self._any = any_code
        texts = [re.escape(text.encode("ascii")) for text in planted]
        self._planted = re.compile(_BESIDE + rb"(" + rb"|".join(texts) + rb")(?![0-9])") if texts else None

    def find(self, data: bytes) -> Iterator[Code]:
        """Yield the codes in `data`; one that was planted as planted only."""
        if not self._any and self._planted is None:
            return
        for name in _names(data.lower()):
            if not _begins_name(data, name.start(), whole=name[0] == _CID):
                continue
            shown = name[0].decode("ascii")
            beside = self._planted.match(data, name.end()) if self._planted else None
            if beside is not None:
                yield Code(beside[1].decode("ascii"), beside.start(1), shown, planted=True)
                continue
            value = _VALUE.match(data, name.end()) if self._any else None
            if value is not None and value.lastgroup is not None:
                yield Code(value[value.lastgroup].decode("ascii"), value.start(value.lastgroup), shown, planted=False)


def _names(lower: bytes) -> Iterator[re.Match[bytes]]:
    for root in _ROOTS:
        at = lower.find(root)
        while at >= 0:
            name = _NAME.match(lower, at)
            if name is not None:
                yield name
            at = lower.find(root, at + len(root))


def _begins_name(data: bytes, start: int, *, whole: bool) -> bool:
    """Tell whether a name, or a word of one (`card_cvc`, `cardCvc`), begins at `start`."""
    before = chr(data[start - 1]) if start else " "
    escaped = start > 1 and before in "ntr" and data[start - 2] == ord("\\")
    if escaped or not (before.isalnum() or (whole and before in "_-.")):
        return True
    return not whole and before.islower() and chr(data[start]).isupper()
