"""Says with which reasons of the error catalogue each operation may answer, and writes them as responses."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.rpc import code_pb2

from reference.contracts import Contracts, EnumValue, Method

REASON_ENUM: Final = "payera.errors.v1.Reason"
PREFIX: Final = "REASON_"
ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"
RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
REQUEST_ID: Final = "0f6f1c9e-6f0a-4d0e-9a43-2f6d4a0f7c11"

#: Reasons that any operation with an API key may answer with, and any at all.
WITH_KEY: Final = ("API_KEY_MISSING", "API_KEY_INVALID", "API_KEY_REVOKED", "API_KEY_SCOPE")
ALWAYS: Final = ("INVALID_FIELD",)
FAULTS: Final = ("OVERLOADED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL")
WITH_BODY: Final = ("MALFORMED_BODY", "UNKNOWN_FIELD", "BODY_TOO_LARGE")
WITH_QUERY: Final = ("UNKNOWN_PARAMETER",)
WITH_PAGES: Final = ("INVALID_PAGE_TOKEN",)
IDEMPOTENT: Final = (
    "IDEMPOTENCY_KEY_MISSING",
    "IDEMPOTENCY_KEY_INVALID",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_KEY_IN_FLIGHT",
)
_CHANGES_ACCOUNT: Final = ("PSP_ACCOUNT_NOT_FOUND", "PSP_ACCOUNT_READ_ONLY")
#: What is particular to one operation.
PARTICULAR: Final[Mapping[str, tuple[str, ...]]] = {
    "CreatePayment": (
        "INVALID_AMOUNT",
        "UNKNOWN_CURRENCY",
        "CURRENCY_EXPONENT_MISMATCH",
        "CARD_NUMBER_IN_TEXT",
        "TOKEN_NOT_FOUND",
        "TOKEN_USED",
        "MERCHANT_REFERENCE_TAKEN",
        "NO_ELIGIBLE_ACCOUNT",
        "PAYMENT_BLOCKED",
        "STORED_CREDENTIAL_UNKNOWN",
    ),
    "GetPayment": ("PAYMENT_NOT_FOUND",),
    "ExplainRouting": ("PAYMENT_NOT_FOUND",),
    "CapturePayment": (
        "PAYMENT_NOT_FOUND",
        "INVALID_AMOUNT",
        "PAYMENT_NOT_CAPTURABLE",
        "CAPTURE_EXCEEDS_AUTHORIZED",
        "MODIFICATION_IN_PROGRESS",
    ),
    "VoidPayment": ("PAYMENT_NOT_FOUND", "PAYMENT_NOT_VOIDABLE", "MODIFICATION_IN_PROGRESS"),
    "CreateRefund": (
        "PAYMENT_NOT_FOUND",
        "INVALID_AMOUNT",
        "CARD_NUMBER_IN_TEXT",
        "PAYMENT_NOT_REFUNDABLE",
        "REFUND_EXCEEDS_CAPTURED",
        "MODIFICATION_IN_PROGRESS",
    ),
    "GetRefund": ("REFUND_NOT_FOUND",),
    "CreateToken": ("INVALID_CARD",),
    "GetToken": ("TOKEN_NOT_FOUND",),
    "UpdateToken": ("TOKEN_NOT_FOUND", "INVALID_CARD"),
    "DeleteToken": ("TOKEN_NOT_FOUND",),
    "DestroyDataKey": ("OPERATION_NOT_FOUND", "OPERATION_NOT_READY"),
    "CancelOperation": ("OPERATION_NOT_FOUND", "OPERATION_NOT_READY"),
    "ApproveOperation": ("OPERATION_NOT_FOUND", "OPERATION_NOT_READY"),
    "ConfigureMerchant": ("MERCHANT_NOT_FOUND",),
    "GetMerchant": ("MERCHANT_NOT_FOUND",),
    "CreateApiKey": ("MERCHANT_NOT_FOUND", "API_KEY_LIMIT"),
    "ListApiKeys": ("MERCHANT_NOT_FOUND",),
    "RevokeApiKey": ("API_KEY_NOT_FOUND",),
    "GetReview": ("REVIEW_NOT_FOUND",),
    "ResolveReview": (
        "REVIEW_NOT_FOUND",
        "REVIEW_SETTLED",
        "REVIEW_CHANGED",
        "REVIEW_ACTION_NOT_POSSIBLE",
        "CARD_NUMBER_IN_TEXT",
    ),
    "CreatePspAccount": ("PSP_ACCOUNT_EXISTS", "PSP_ACCOUNT_LIMIT", "UNKNOWN_CONNECTOR", "CARD_NUMBER_IN_TEXT"),
    "GetPspAccount": ("PSP_ACCOUNT_NOT_FOUND",),
    "ConfigurePspAccount": (*_CHANGES_ACCOUNT, "CARD_NUMBER_IN_TEXT"),
    "SetPspCredentials": _CHANGES_ACCOUNT,
    "DisablePspAccount": _CHANGES_ACCOUNT,
    "EnablePspAccount": _CHANGES_ACCOUNT,
    "CheckPspAccount": ("PSP_ACCOUNT_NOT_FOUND",),
    "CreateWebhookSecret": (*_CHANGES_ACCOUNT, "WEBHOOK_SECRET_LIMIT"),
    "ListWebhookSecrets": ("PSP_ACCOUNT_NOT_FOUND",),
    "RetireWebhookSecret": (*_CHANGES_ACCOUNT, "WEBHOOK_SECRET_NOT_FOUND"),
    "ReceiveWebhook": ("PSP_ACCOUNT_NOT_FOUND", "WEBHOOK_REFUSED"),
    "GetPspWebhook": ("WEBHOOK_NOT_FOUND",),
    "ReplayPspWebhook": ("WEBHOOK_NOT_FOUND",),
    "CreateRuleset": ("RULESET_INVALID", "RULESET_LIMIT", "CARD_NUMBER_IN_TEXT"),
    "CheckRuleset": ("CARD_NUMBER_IN_TEXT",),
    "GetRuleset": ("RULESET_NOT_FOUND",),
    "ApproveRuleset": ("RULESET_NOT_FOUND", "RULESET_OWN_APPROVAL"),
    "ActivateRuleset": ("RULESET_NOT_FOUND", "RULESET_INVALID", "RULESET_NOT_APPROVED", "RULESET_CONFLICT"),
    "RollBackRuleset": ("RULESET_NOT_FOUND", "RULESET_INVALID", "RULESET_NEVER_ACTIVE", "RULESET_CONFLICT"),
}
#: Reasons no documented operation answers with: an unknown path is no operation, and callers are services of the mesh.
ELSEWHERE: Final = frozenset({"UNKNOWN_ROUTE", "CALLER_NOT_ALLOWED"})

#: What stands in the gaps of the catalogue's messages in examples; a pair of reason and gap where one reason differs.
_GAPS: Final[Mapping[str, str]] = {
    "MALFORMED_BODY.detail": "`amount.value` is not an integer of at most 64 bits.",
    "UNKNOWN_PARAMETER.detail": "`pagesize`.",
    "INVALID_FIELD.detail": "`currency` does not match the pattern ^[A-Z]{3}$",
    "UNKNOWN_FIELD.field": "captur_method",
    "CARD_NUMBER_IN_TEXT.field": "description",
    "INVALID_CARD.field": "card.number",
    "INVALID_CARD.rule": "the check digit is wrong",
    "NO_ELIGIBLE_ACCOUNT.detail": "no account takes amex in JPY",
    "PAYMENT_BLOCKED.detail": "prepaid cards are not taken for subscriptions",
    "PAYMENT_BLOCKED.rule": "subscriptions",
    "MODIFICATION_IN_PROGRESS.detail": "a capture is being sent",
    "REFUND_EXCEEDS_CAPTURED.amount": "2000",
    "INVALID_AMOUNT.amount": "0",
    "CAPTURE_EXCEEDS_AUTHORIZED.amount": "2000",
    "PAYMENT_NOT_CAPTURABLE.status": "DECLINED",
    "PAYMENT_NOT_VOIDABLE.status": "SUCCEEDED",
    "PAYMENT_NOT_REFUNDABLE.status": "AUTHORIZED",
    "CURRENCY_EXPONENT_MISMATCH.currency": "JPY",
    "UNKNOWN_CURRENCY.currency": "XXX",
    "RULESET_INVALID.detail": 'rules[0].condition of "cheap cards": no payment has the brand "vissa"; write "visa"',
    "RULESET_LIMIT.limit": "10000",
    "account": "acme_stripe",
    "active_version": "8",
    "available": "1050",
    "captured": "1050",
    "connector": "strype",
    "expected": "0",
    "expected_version": "7",
    "given": "2",
    "key_id": "key_01JD3V6M5Q0C8Y2R7KXW4T9ZBN",
    "limit": "100",
    "BODY_TOO_LARGE.limit": "65536",
    "PSP_ACCOUNT_LIMIT.limit": "1000",
    "WEBHOOK_SECRET_LIMIT.limit": "10",
    "merchant_id": "mer_01JD3V5H2A9D4EJ6M8QPSRTVWX",
    "OPERATION_NOT_READY.state": "it needs another approver",
    "operation_id": "cop_01JD3VD0M2P4R6T8V0X2Z4B6C8",
    "method": "POST",
    "path": "/v1/payment",
    "payment_id": "pay_01JD3V8Y7NQ2F5R6T9WXZ0ABCD",
    "refund_id": "ref_01JD3VB2K4M6P8R0T2V4X6Z8AC",
    "review_id": "pay_01JD3V8Y7NQ2F5R6T9WXZ0ABCD_1",
    "REVIEW_ACTION_NOT_POSSIBLE.detail": "it is settled, so that nothing would be asked; say CHARGED or NOT_CHARGED",
    "REVIEW_CHANGED.version": "3",
    "scope": "SECRET",
    "secret_id": "whs_01JD3V6M5Q0C8Y2R7KXW4T9ZBN",
    "token_id": "tok_01JD3V7C4G6H8J0K2M4N6P8Q0R",
    "version": "9",
    "webhook_id": "whk_01JD3VB2K4M6P8R0T2V4X6Z8AC",
}


def catalogue(contracts: Contracts) -> dict[str, EnumValue]:
    """Give the reasons by name without prefix, in the catalogue's order."""
    values = contracts.enums[REASON_ENUM].values
    return {value.name.removeprefix(PREFIX): value for value in values if value.descriptor.number != 0}


def anchor(reason: str) -> str:
    """Give the anchor of a reason on the error page."""
    return reason.lower().replace("_", "-")


def reasons_of(method: Method, *, body: bool, query: bool, pages: bool) -> tuple[str, ...]:
    """Give the reasons an operation may answer with, without doubles."""
    parts: list[str] = [*WITH_KEY, *ALWAYS] if method.access.key_scope else [*ALWAYS]
    # A body that is passed on as it came is bounded and not read.
    raw = bool(method.http.body) and method.http.body != "*"
    parts += ("BODY_TOO_LARGE",) if raw else WITH_BODY if body else ()
    parts += WITH_QUERY if query else ()
    parts += WITH_PAGES if pages else ()
    parts += IDEMPOTENT if method.access.idempotent else ()
    parts += PARTICULAR.get(method.name, ())
    return tuple(dict.fromkeys([*parts, *FAULTS]))


def filled(reason: str, entry: EnumValue) -> tuple[str, dict[str, str]]:
    """Give a reason's example message and the metadata that fills its gaps; raise KeyError for an unknown gap."""
    message = entry.catalogue.message
    names = [part.split("}")[0] for part in message.split("{")[1:]]
    values = {name: _GAPS.get(f"{reason}.{name}") or _GAPS[name] for name in names}
    for name, value in values.items():
        message = message.replace(f"{{{name}}}", value)
    return message, values


def example(reason: str, entry: EnumValue) -> dict[str, Any]:
    """Give the whole error answer for a reason, as a caller gets it."""
    message, values = filled(reason, entry)
    metadata = values | {
        "doc": f"https://payera.dev/errors#{anchor(reason)}",
        "remedy": entry.catalogue.remedy,
        "request_id": REQUEST_ID,
    }
    info = {"@type": ERROR_INFO, "reason": reason, "domain": "payera.dev", "metadata": metadata}
    details: list[dict[str, Any]] = [info]
    if reason == "INVALID_FIELD":
        violation = {"field": "currency", "description": "does not match the pattern ^[A-Z]{3}$"}
        details.append({"@type": BAD_REQUEST, "field_violations": [violation]})
    if entry.catalogue.retryable:
        details.append({"@type": RETRY_INFO, "retry_delay": "1s"})
    return {"code": code_pb2.Code.Value(entry.catalogue.grpc_code), "message": message, "details": details}


def responses(reasons: Iterable[str], entries: Mapping[str, EnumValue]) -> dict[str, Any]:
    """Give one response per HTTP status, lowest first, with an example per reason."""
    by_status: dict[int, list[str]] = {}
    for reason in reasons:
        by_status.setdefault(entries[reason].catalogue.http_status, []).append(reason)
    return {str(status): _response(by_status[status], entries) for status in sorted(by_status)}


def _response(reasons: list[str], entries: Mapping[str, EnumValue]) -> dict[str, Any]:
    lines = [f"- `{reason}`: {entries[reason].comment}" for reason in reasons]
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if any(entries[reason].catalogue.retryable for reason in reasons):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    examples = {reason: {"$ref": f"#/components/examples/{reason}"} for reason in reasons}
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "examples": examples}
    return {"description": "\n".join(lines), "headers": headers, "content": {"application/json": content}}


def error_schemas() -> dict[str, Any]:
    """Give the schemas of the error answer and its details."""
    info = {
        "type": "object",
        "description": "Why the call was refused, for programs.",
        "properties": {
            "@type": {"type": "string", "const": ERROR_INFO},
            "reason": {
                "type": "string",
                "description": "The reason's name in the error catalogue. Branch on this, never on the message.",
            },
            "domain": {"type": "string", "const": "payera.dev"},
            "metadata": {
                "type": "object",
                "description": "The values in the message one by one, and always `remedy`, `doc` and `request_id`.",
                "additionalProperties": {"type": "string"},
            },
        },
        "required": ["@type", "reason", "domain", "metadata"],
    }
    violation = {
        "type": "object",
        "description": "One rule that is broken.",
        "properties": {
            "field": {"type": "string", "description": "Path of the field, such as `amount.value`."},
            "description": {"type": "string", "description": "The rule, in words."},
        },
        "required": ["field", "description"],
    }
    bad_request = {
        "type": "object",
        "description": "Which fields break which rule; with `INVALID_FIELD` and `RULESET_INVALID`.",
        "properties": {
            "@type": {"type": "string", "const": BAD_REQUEST},
            "field_violations": {"type": "array", "items": violation, "description": "One entry per rule."},
        },
        "required": ["@type", "field_violations"],
    }
    retry = {
        "type": "object",
        "description": "When to repeat the call; the same as the `Retry-After` header.",
        "properties": {
            "@type": {"type": "string", "const": RETRY_INFO},
            "retry_delay": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?s$", "description": "Such as `1s`."},
        },
        "required": ["@type", "retry_delay"],
    }
    names = {"ErrorInfo": info, "ErrorFields": bad_request, "ErrorRetry": retry}
    kinds = {ERROR_INFO: "ErrorInfo", BAD_REQUEST: "ErrorFields", RETRY_INFO: "ErrorRetry"}
    detail = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names],
        "discriminator": {
            "propertyName": "@type",
            "mapping": {kind: f"#/components/schemas/{name}" for kind, name in kinds.items()},
        },
    }
    error = {
        "type": "object",
        "description": "A refused call. After a `5xx`, repeat it with the same `Idempotency-Key` to learn its outcome.",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "Number of the gRPC status code."},
            "message": {"type": "string", "description": "What happened, for an engineer. Its wording may change."},
            "details": {"type": "array", "items": detail, "description": "The first is always the `ErrorInfo`."},
        },
        "required": ["code", "message", "details"],
    }
    return {"Error": error, **names}
