"""The types that hold a card number, a card verification code or a key without ever showing it by accident."""

import hmac
from typing import Final, NoReturn, SupportsIndex, final

_REDACTED: Final = "redacted"


class _Secret:
    """A value that prints as redacted and refuses to be copied, pickled, formatted or changed.

    Compared in constant time, and unhashable, so that it can't become a key of a map that outlives it.
    """

    __slots__ = ("__value",)
    __value: bytes

    def __init__(self, value: bytes) -> None:
        object.__setattr__(self, "_Secret__value", value)

    def _reveal(self) -> bytes:
        return self.__value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_REDACTED})"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, format_spec: str) -> str:
        # A width or precision would tell how long the hidden value is supposed to look; it is ignored.
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, _Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value, other._reveal())

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self._refuse("be changed")

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse("be changed")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self._refuse("be pickled or copied")

    def __getstate__(self) -> NoReturn:
        self._refuse("be pickled or copied")

    def __copy__(self) -> NoReturn:
        self._refuse("be pickled or copied")

    def __deepcopy__(self, memo: dict[int, object]) -> NoReturn:
        self._refuse("be pickled or copied")

    def _refuse(self, what: str) -> NoReturn:
        message = f"a {type(self).__name__} may not {what}"
        raise TypeError(message)


@final
class CardNumber(_Secret):
    """A card number (PAN): ASCII digits without separators. Only `reveal` gives them."""

    __slots__ = ()

    def __init__(self, digits: str) -> None:
        super().__init__(digits.encode("ascii"))

    def reveal(self) -> str:
        """Give the digits. For sealing, the fingerprint and the answer to a detokenize call, nowhere else."""
        return self._reveal().decode("ascii")


@final
class CardSecurityCode(_Secret):
    """A card verification code (CVC): three or four ASCII digits. Only `reveal` gives them."""

    __slots__ = ()

    def __init__(self, digits: str) -> None:
        super().__init__(digits.encode("ascii"))

    def reveal(self) -> str:
        """Give the digits. For sealing and the answer to the one detokenize call that uses them up."""
        return self._reveal().decode("ascii")


@final
class HolderName(_Secret):
    """The name on a card, possibly empty. Only `reveal` gives it."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name.encode("utf-8"))

    def reveal(self) -> str:
        """Give the name. For sealing and the answer to a detokenize call."""
        return self._reveal().decode("utf-8")


@final
class SecretKey(_Secret):
    """Bytes of a cryptographic key. Only `reveal` gives them."""

    __slots__ = ()

    def reveal(self) -> bytes:
        """Give the key's bytes, for the cipher that uses them."""
        return self._reveal()
