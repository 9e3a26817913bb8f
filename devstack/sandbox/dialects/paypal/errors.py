"""PayPal's error answers (schemas `error_400` to `error_503` of the Orders v2 and Payments v2 descriptions)."""

import hashlib
from types import MappingProxyType
from typing import Final

from devstack.sandbox.incoming import Reply

_NAMES: Final = MappingProxyType(
    {
        400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
        401: (
            "AUTHENTICATION_FAILURE",
            "Authentication failed due to missing authorization header, or invalid authentication credentials.",
        ),
        403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
        404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
        409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
        415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
        422: (
            "UNPROCESSABLE_ENTITY",
            "The requested action could not be performed, semantically incorrect, or failed business validation.",
        ),
        500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    }
)


def error(status: int, issue: str = "", field: str = "") -> Reply:
    """Give an error answer with at most one issue; `field` is a JSON pointer into the request."""
    name, message = _NAMES[status]
    debug_id = hashlib.sha256(f"{status}{issue}{field}".encode()).hexdigest()[:13]
    body: dict[str, object] = {"name": name, "message": message, "debug_id": debug_id}
    if issue:
        body["details"] = [{"issue": issue, "field": field, "location": "body"} if field else {"issue": issue}]
    return Reply(status, body)


UNAUTHORIZED: Final = error(401)
BAD_CLIENT: Final = Reply(401, {"error": "invalid_client", "error_description": "Client Authentication failed"})
BAD_GRANT: Final = Reply(400, {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"})
INTERNAL: Final = error(500)
NO_RESOURCE: Final = error(404, "INVALID_RESOURCE_ID")
IN_PROGRESS: Final = error(409, "PREVIOUS_REQUEST_IN_PROGRESS")
DUPLICATE_INVOICE: Final = error(422, "DUPLICATE_INVOICE_ID")
