"""The dialects by name. Each is imported when an account speaks it."""

import importlib
from types import MappingProxyType
from typing import Final, cast

from devstack.sandbox.dialects.contract import Dialect
from mesh.settings import SettingsError

OWN: Final = "payera"

MODULES: Final = MappingProxyType(
    {
        OWN: "devstack.sandbox.dialects.payera.dialect",
        "stripe": "devstack.sandbox.dialects.stripe.dialect",
        "adyen": "devstack.sandbox.dialects.adyen.dialect",
        "checkout": "devstack.sandbox.dialects.checkout.dialect",
        "paypal": "devstack.sandbox.dialects.paypal.dialect",
    }
)
"""Modules that each have a DIALECT."""

NAMES: Final = tuple(MODULES)


def dialect(name: str) -> Dialect:
    """Give a dialect; raises SettingsError for a name that is none."""
    module = MODULES.get(name)
    if module is None:
        message = f"there is no dialect {name!r}: use one of {', '.join(NAMES)}"
        raise SettingsError(message)
    return cast("Dialect", importlib.import_module(module).DIALECT)
