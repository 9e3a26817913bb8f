"""Adyen's error answers (Checkout API v72, ServiceError; docs.adyen.com, Error codes and messages)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from devstack.sandbox.incoming import Reply

TRANSIENT: Final[Mapping[str, str]] = MappingProxyType({"transient-error": "true"})
"""Says that the same request with the same key may be sent again."""


def error(
    status: int,
    code: str,
    message: str,
    kind: str = "validation",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Reply:
    """Give an error answer."""
    body = {"status": status, "errorCode": code, "message": message, "errorType": kind}
    return Reply(status, body, headers)


UNAUTHORIZED: Final = error(401, "000", "HTTP Status Response - Unauthorized", "security")
INVALID_MERCHANT_ACCOUNT: Final = error(403, "901", "Invalid Merchant Account", "security")
NOT_SUPPORTED: Final = error(500, "905", "Payment details are not supported", "configuration")
INTERNAL: Final = error(500, "000", "Internal error", "internal")
NO_RESOURCE: Final = error(404, "000", "There is no such resource")
IN_PROGRESS: Final = error(422, "704", "request already processed or in progress", headers=TRANSIENT)
NO_PAYMENT: Final = error(422, "167", "Original pspReference required for this operation")
TOO_MANY: Final = error(422, "000", "There are too many modifications of this payment")
