"""Reads a process's settings from PAYERA_* environment variables into a frozen value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

T = TypeVar("T")


class SettingsError(ValueError):
    """A variable is missing or has a value it may not have; the text names the variable and never repeats the value."""


class BaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process is told; services subclass it. An empty `listen` or `metrics_listen` means none."""

    environment: Literal["dev", "qa", "prod"]
    listen: str = ""
    metrics_listen: str = ""
    tls_directory: Path = Path()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    crash_directory: Path | None = None

    def __post_init__(self) -> None:
        """Refuse crash points in production."""
        if self.environment == "prod" and self.crash_directory is not None:
            message = "PAYERA_CRASH_DIRECTORY must not be set in prod"
            raise ValueError(message)


def variable_of(field: str) -> str:
    """Give the name of the variable that fills `field`: PAYERA_LISTEN for `listen`."""
    return f"PAYERA_{field.upper()}"


def load(kind: type[T], environment: Mapping[str, str]) -> T:
    """Build `kind`, a msgspec.Struct or dataclass, from `environment`; an empty variable counts as absent.

    Raises SettingsError that names the first variable that is missing or wrong.
    """
    fields = msgspec.inspect.type_info(kind)
    if not isinstance(fields, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
        message = f"{kind.__name__} is neither a msgspec.Struct nor a dataclass"
        raise TypeError(message)
    values: dict[str, str] = {}
    for field in fields.fields:
        text = environment.get(variable_of(field.name), "")
        if text:
            values[field.name] = text
        elif field.required:
            message = f"{variable_of(field.name)} is not set"
            raise SettingsError(message)
    try:
        return msgspec.convert(values, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error))) from None


def _decode(kind: type[Any], value: object) -> object:
    if kind is Path:
        return Path(str(value))
    message = f"settings can't hold a {kind.__name__}"
    raise NotImplementedError(message)


def _explain(text: str) -> str:
    """Turn msgspec's "... - at `$.field`" into a sentence about the variable."""
    what, separator, where = text.partition(" - at `$.")
    if not separator:
        return text
    if what.startswith("Invalid enum value"):
        what = "not one of the values it may have"
    return f"{variable_of(where.rstrip('`'))} is wrong: {what}"
