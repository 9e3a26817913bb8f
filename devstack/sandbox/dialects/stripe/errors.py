"""Stripe's errors.

Source: Stripe API reference, "Errors", "Idempotent requests"; Stripe docs, "Error codes".
"""

from collections.abc import Mapping
from typing import Any, Final

from devstack.sandbox.incoming import Reply

_DOCS: Final = "https://stripe.com/docs/error-codes/"


def error(status: int, message: str, **fields: object) -> Reply:
    """Give an invalid request error, or one of another `type`; fields without a value are left out."""
    content: dict[str, Any] = {"type": "invalid_request_error", "message": message}
    content |= {name: value for name, value in fields.items() if value}
    code = content.get("code")
    if isinstance(code, str):
        content["doc_url"] = _DOCS + code.replace("_", "-")
    return Reply(status, {"error": content})


def missing(name: str) -> Reply:
    """Say that a parameter is missing."""
    return error(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown(name: str) -> Reply:
    """Say that a parameter is none of this call's."""
    return error(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def invalid(name: str, message: str, code: str = "") -> Reply:
    """Say what is wrong with a parameter, without repeating its value."""
    return error(400, message, code=code, param=name)


def no_such(kind: str, identifier: str, param: str) -> Reply:
    """Say that there is no such object."""
    return error(404, f"No such {kind}: '{identifier[:80]}'", code="resource_missing", param=param)


def card_error(code: str, message: str, decline_code: str = "", objects: Mapping[str, object] | None = None) -> Reply:
    """Give a decline: HTTP 402, with the objects it belongs to."""
    return error(402, message, type="card_error", code=code, decline_code=decline_code, **(objects or {}))


def key_reused(key: str) -> Reply:
    """Say that an idempotency key came with another request."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return error(400, message, type="idempotency_error")


IN_FLIGHT: Final = error(
    409,
    "There is currently another in-progress request using this Idempotent Key. Please try again later.",
    code="idempotency_key_in_use",
)
NO_KEY: Final = error(401, "You did not provide an API key. Set your API key as a Bearer token.")
WRONG_KEY: Final = error(401, "Invalid API Key provided.")
INTERNAL: Final = error(500, "An unknown error occurred.", type="api_error")
TOO_MANY: Final = error(
    429, "Request rate limit exceeded.", code="rate_limit", doc_url="https://stripe.com/docs/error-codes/rate-limit"
)
NO_ROUTE: Final = error(404, "Unrecognized request URL. Please see https://stripe.com/docs.")
UNEXPECTED: Final = "payment_intent_unexpected_state"
