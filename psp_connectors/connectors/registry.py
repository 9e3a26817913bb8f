"""All connectors by name. Adding a PSP is one folder beside this file and one line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from psp_connectors.connectors.sandbox.connector import SANDBOX
from psp_connectors.domain.connector import Connector

CONNECTORS: Final[Mapping[str, Connector]] = MappingProxyType({connector.name: connector for connector in (SANDBOX,)})
