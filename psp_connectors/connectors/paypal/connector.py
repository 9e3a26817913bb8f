"""The connector of PayPal's card payments: Orders v2 to authorize or charge, Payments v2 for all that follows."""

from typing import Final

from psp_connectors.connectors.paypal.answers import parse
from psp_connectors.connectors.paypal.capabilities import CAPABILITIES, SHAPE
from psp_connectors.connectors.paypal.credentials import CHECK, GRANT
from psp_connectors.connectors.paypal.requests import build
from psp_connectors.connectors.paypal.webhooks import read_webhook
from psp_connectors.domain.connector import Connector

PAYPAL: Final = Connector(
    name="paypal",
    capabilities=CAPABILITIES,
    shape=SHAPE,
    build=build,
    parse=parse,
    read_webhook=read_webhook,
    grant=GRANT,
    check=CHECK,
)
"""The connector itself."""
