"""All connectors by name. Adding a PSP is one folder beside this file and one line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from psp_connectors.connectors.adyen.connector import ADYEN
from psp_connectors.connectors.checkout.connector import CHECKOUT
from psp_connectors.connectors.paypal.connector import PAYPAL
from psp_connectors.connectors.sandbox.connector import SANDBOX
from psp_connectors.connectors.stripe.connector import STRIPE
from psp_connectors.domain.connector import Connector

CONNECTORS: Final[Mapping[str, Connector]] = MappingProxyType(
    {connector.name: connector for connector in (ADYEN, CHECKOUT, PAYPAL, SANDBOX, STRIPE)}
)
