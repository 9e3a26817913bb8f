"""Stripe's form bodies and queries: bracketed names, the last value counts, an empty one is none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from devstack.sandbox.dialects.contract import Refused
from devstack.sandbox.dialects.stripe import errors
from devstack.sandbox.incoming import Incoming

LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 500
MOST_METADATA = 50


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a call, by their bracketed names; `expand` apart. Its repr shows none."""

    values: dict[str, str] = field(repr=False)
    expand: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Give a parameter, empty when it is not there."""
        return self.values.get(name, "")

    def required(self, name: str) -> str:
        """Give a parameter; raises Refused without it."""
        value = self.text(name)
        if not value:
            raise Refused(errors.missing(name))
        return value

    def truth(self, name: str) -> bool:
        """Give a boolean, false when it is not there; raises Refused for anything else."""
        value = self.text(name)
        if value not in {"", "true", "false"}:
            raise Refused(errors.invalid(name, f"Invalid boolean: {name}"))
        return value == "true"

    def integer(self, name: str) -> int | None:
        """Give an integer, None when it is not there; raises Refused for anything else."""
        value = self.text(name)
        if not value:
            return None
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > len("9" * 15):
            raise Refused(errors.invalid(name, f"Invalid integer: {name}", "parameter_invalid_integer"))
        return int(value)

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Give one of several words, empty when it is not there; raises Refused for another."""
        value = self.text(name)
        if value and value not in choices:
            raise Refused(errors.invalid(name, f"Invalid {name}: must be one of {', '.join(sorted(choices))}"))
        return value

    def group(self, name: str) -> dict[str, str]:
        """Give the parameters `name[key]` by their keys; deeper ones keep their brackets as dots."""
        head = f"{name}["
        return {
            key[len(head) : -1].replace("][", "."): value for key, value in self.values.items() if key.startswith(head)
        }

    def metadata(self) -> dict[str, str]:
        """Give the metadata; raises Refused beyond Stripe's bounds."""
        given = self.group("metadata")
        if len(given) > MOST_METADATA:
            raise Refused(errors.invalid("metadata", f"You can have up to {MOST_METADATA} metadata keys."))
        for key, value in given.items():
            if len(key) > LONGEST_METADATA_KEY or len(value) > LONGEST_METADATA_VALUE:
                raise Refused(errors.invalid("metadata", "Metadata keys have up to 40 characters, values up to 500."))
        return given

    def only(self, names: Collection[str]) -> None:
        """Raise Refused for a parameter that is not one of these."""
        for name in self.values:
            head = name.partition("[")[0]
            if head not in names:
                raise Refused(errors.unknown(head))

    def expanding(self, names: Sequence[str]) -> None:
        """Raise Refused for a property that can't be expanded here."""
        for name in self.expand:
            if name not in names:
                raise Refused(errors.error(400, f"This property cannot be expanded ({name[:40]})."))


def read_form(request: Incoming) -> Form:
    """Read the body of a POST, or the query of a GET; raises Refused."""
    try:
        pairs = request.form() if request.method == "POST" else request.parameters()
    except ValueError:
        raise Refused(errors.error(400, "Invalid request: the parameters can't be read.")) from None
    expand = tuple(value for name, value in pairs if name.partition("[")[0] == "expand")
    return Form({name: value for name, value in pairs if name.partition("[")[0] != "expand"}, expand)
