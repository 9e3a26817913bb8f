"""A small API description with every peculiarity of the PSPs' own, so that judging can be tried without their files."""

import json
from pathlib import Path
from typing import Any

from devstack.descriptions import Description, load

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def body(media: dict[str, Any], content_type: str = JSON) -> dict[str, Any]:
    return {"required": True, "content": {content_type: media}}


SCHEMAS: dict[str, Any] = {
    "Money": {
        "type": "object",
        "required": ["value", "currency"],
        "properties": {
            "value": {"type": "integer", "format": "int64", "minimum": 0},
            "currency": {"type": "string", "minLength": 3, "maxLength": 3},
        },
    },
    "Source": {
        "type": "object",
        "required": ["type"],
        "discriminator": {
            "propertyName": "type",
            "mapping": {"card": "#/components/schemas/CardSource", "token": "#/components/schemas/TokenSource"},
        },
        "properties": {"type": {"type": "string"}},
    },
    "CardSource": {
        "allOf": [
            schema("Source"),
            {
                "type": "object",
                "required": ["number"],
                "properties": {"number": {"type": "string", "pattern": "^[0-9]{12,19}$"}, "holder": schema("Holder")},
            },
        ]
    },
    "TokenSource": {
        "allOf": [schema("Source"), {"type": "object", "properties": {"token": {"type": "string", "minLength": 1}}}]
    },
    "Holder": {"type": "object", "properties": {"name": {"type": "string"}}},
    "Payment": {
        "type": "object",
        "required": ["amount", "source", "id"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "amount": schema("Money"),
            "source": {"allOf": [schema("Source")]},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
            "open": {"type": "object"},
            "note": {"type": "string", "nullable": True, "enum": ["a", "b"]},
            "method": {"type": "string", "enum": ["old"], "x-stripeBypassValidation": True},
            "choice": {
                "anyOf": [
                    {"type": "object", "properties": {"left": {"type": "string"}}, "required": ["left"]},
                    {"type": "object", "properties": {"right": {"type": "integer"}}, "required": ["right"]},
                ]
            },
            "customer": {"anyOf": [{"type": "string"}, schema("Holder")], "nullable": True},
            "phones": {"type": "array", "maxItems": 2, "items": schema("Holder")},
            "created_on": {"type": "string", "format": "date-time"},
            "country": {"type": "string", "format": "ISO 3166-1"},
            "broken": {"type": "string", "pattern": "(unclosed"},
            "card_token": {"type": "string", "pattern": r"^(tok)_(\w{26})$ | ^(card_tok)_(\w{12})$"},
        },
    },
    "Closed": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}},
    "Form": {
        "type": "object",
        "additionalProperties": False,
        "required": ["amount"],
        "properties": {
            "amount": {"type": "integer"},
            "confirm": {"type": "boolean"},
            "rate": {"type": "number"},
            "off_session": {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["recurring"]}]},
            "ends": {"anyOf": [{"type": "string", "enum": ["now"]}, {"type": "integer", "format": "unix-time"}]},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
            "types": {"type": "array", "items": {"type": "string"}},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"count": {"type": "integer"}}}},
        },
    },
}

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Invented PSP", "version": "1"},
    "servers": [{"url": "https://api.psp.example/v72"}],
    "paths": {
        "/payments": {
            "parameters": [
                {"name": "X-Request", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 4}},
                {"name": "Content-Type", "in": "header", "required": True, "schema": {"type": "string"}},
            ],
            "post": {
                "requestBody": body(
                    {
                        "schema": schema("Payment"),
                        "examples": {
                            "good": {"value": {"amount": {"value": 1, "currency": "EUR"}, "source": {"type": "token"}}},
                            "bad": {"$ref": "#/components/examples/bad"},
                        },
                    }
                ),
                "responses": {
                    "201": {"description": "", "content": {JSON: {"schema": schema("Payment")}}},
                    "4XX": {"description": "", "content": {JSON: {"schema": schema("Closed"), "example": {"a": 1}}}},
                    "204": {"description": ""},
                },
            },
        },
        "/payments/details": {"get": {"responses": {"default": {"description": ""}}}},
        "/payments/{id}": {
            "get": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^pay_"}},
                    {"name": "expand[]", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}},
                ],
                "responses": {"200": {"$ref": "#/components/responses/Found"}},
            }
        },
        "/forms": {
            "post": {
                "requestBody": body({"schema": schema("Form")}, FORM),
                "responses": {"200": {"description": ""}},
            }
        },
    },
    "webhooks": {
        "/CAPTURE": {"post": {"requestBody": body({"schema": schema("Closed"), "example": {"a": 1}}), "responses": {}}}
    },
    "components": {
        "schemas": SCHEMAS | {"Shown": {"type": "string", "maxLength": 3, "example": "long"}},
        "examples": {"bad": {"value": {"amount": {"value": "1", "currency": "EUR"}, "source": {"type": "token"}}}},
        "responses": {"Found": {"description": "", "content": {JSON: {"schema": schema("Payment")}}}},
    },
}


def described(folder: Path) -> Description:
    (folder / "psp").mkdir()
    (folder / "psp" / "api.json").write_text(json.dumps(DESCRIPTION))
    return load(folder, "psp")
