"""The OpenAPI document: valid, complete, and true to the contracts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from payera.gateway.v1 import (
    merchant_service_pb2,
    payment_pb2,
    payment_service_pb2,
    review_service_pb2,
    routing_pb2,
)
from payera.psp.v1 import psp_account_service_pb2 as accounts_pb2
from payera.psp.v1 import psp_webhook_service_pb2 as webhooks_pb2
from payera.routing.v1 import ruleset_service_pb2 as rulesets_pb2
from payera.vault.v1 import token_service_pb2
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.unit.openapi.tools import DESCRIPTORS, ROOT, tool

EXAMPLES = json.loads((ROOT / "proto" / "tools" / "reference" / "examples.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    built: dict[str, Any] = tool("reference.document").build(DESCRIPTORS)
    return built


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            yield verb, path, operation


def by_id(document: dict[str, Any], operation_id: str) -> dict[str, Any]:
    return next(operation for _, _, operation in operations(document) if operation["operationId"] == operation_id)


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object that is a schema, wherever it stands."""
    if isinstance(value, dict):
        if "type" in value and isinstance(value["type"], str) and "scheme" not in value:
            yield value
        for name, part in value.items():
            if name not in {"examples", "example", "const", "value"}:
                yield from schemas_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from schemas_in(part)


def validator(document: dict[str, Any], reference: dict[str, Any]) -> OAS31Validator:
    registry: Registry[Any] = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
    pointer = reference["$ref"].replace("#", "urn:document#", 1)
    return OAS31Validator({"$ref": pointer}, registry=registry)


def test_the_committed_document_is_fresh(tmp_path: Path) -> None:
    target = tmp_path / "openapi.json"
    tool("openapi").write_openapi(DESCRIPTORS, target)
    committed = ROOT / "gen" / "openapi.json"
    assert target.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), "generate gen/ again"


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_every_public_rpc_is_an_operation(document: dict[str, Any]) -> None:
    listed = {(verb, path) for verb, path, _ in operations(document)}
    assert ("post", "/v1/payments/{payment_id}:capture") in listed
    assert ("get", "/v1/payments/{payment_id}/refunds") in listed
    contracts = tool("reference.contracts").read_contracts(DESCRIPTORS)
    with_http = {
        name
        for name, service in contracts.services.items()
        if any(m.http.WhichOneof("pattern") for m in service.methods)
    }
    assert with_http == set(tool("reference.document").SERVICES), "a service has HTTP rules and is not documented"
    bindings = [
        rule
        for name in with_http
        for method in contracts.services[name].methods
        for rule in (method.http, *method.http.additional_bindings)
    ]
    assert len(listed) == len(bindings)


def test_no_object_is_bare_and_everything_is_described(document: dict[str, Any]) -> None:
    for schema in schemas_in(document["components"]["schemas"]):
        if schema["type"] == "object":
            assert schema.get("properties") or "additionalProperties" in schema, schema
            assert schema["description"], schema
        if schema["type"] == "array":
            assert schema["items"], schema
    for name, schema in document["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            assert part.get("description") or "const" in part, f"{name}.{field}"
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["responses"]["200"]["description"], path
        assert all(parameter.get("description") or "$ref" in parameter for parameter in operation.get("parameters", []))


def test_validation_rules_are_constraints(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    money = schemas["Money"]
    assert money["required"] == ["value", "currency"]
    assert money["properties"]["value"]["pattern"] == "^[1-9][0-9]{0,11}$"
    assert money["properties"]["value"]["format"] == "int64"
    assert money["properties"]["exponent"]["maximum"] == 4
    card = schemas["Card"]
    assert card["required"] == ["number", "exp_month", "exp_year"]
    assert card["properties"]["number"]["minLength"] == 12
    create = schemas["CreatePaymentRequest"]
    assert create["additionalProperties"] is False
    assert create["required"] == ["amount", "token"]
    assert create["properties"]["metadata"]["maxProperties"] == 50
    assert create["properties"]["metadata"]["propertyNames"] == {"type": "string", "minLength": 1, "maxLength": 40}
    assert schemas["CreateApiKeyRequest"]["required"] == ["scope"]
    assert "payment_id" not in schemas["CapturePaymentRequest"]["properties"]


def test_enums_are_explained_and_leave_the_unset_value_out(document: dict[str, Any]) -> None:
    status = document["components"]["schemas"]["PaymentStatus"]
    assert status["enum"][0] == "PROCESSING"
    assert "`AUTHORIZED`: The amount is held" in status["description"]
    for schema in schemas_in(document["components"]["schemas"]):
        assert not [value for value in schema.get("enum", []) if value.endswith("UNSPECIFIED")]


def test_each_operation_says_which_key_it_needs(document: dict[str, Any]) -> None:
    assert by_id(document, "createToken")["security"] == [{"publishable_key": []}, {"secret_key": []}]
    assert by_id(document, "createPayment")["security"] == [{"secret_key": []}]
    assert by_id(document, "createMerchant")["security"] == [{"operator_key": []}]
    assert by_id(document, "createRuleset")["security"] == [{"secret_key": []}, {"operator_key": []}]


def test_calls_that_move_money_take_an_idempotency_key_and_no_others(document: dict[str, Any]) -> None:
    reference = {"$ref": "#/components/parameters/IdempotencyKey"}
    taking = {op["operationId"] for _, _, op in operations(document) if reference in op.get("parameters", [])}
    assert taking == {"createPayment", "capturePayment", "voidPayment", "createRefund"}
    for name in taking:
        assert "Idempotent-Replayed" in by_id(document, name)["responses"]["200"]["headers"]
        assert "IDEMPOTENCY_KEY_REUSED" in by_id(document, name)["responses"]["400"]["description"]


def test_every_reason_of_the_catalogue_is_answered_by_some_operation(document: dict[str, Any]) -> None:
    errors = tool("reference.errors")
    contracts = tool("reference.contracts").read_contracts(DESCRIPTORS)
    assert set(document["components"]["examples"]) == set(errors.catalogue(contracts)) - errors.ELSEWHERE


def test_error_examples_are_what_the_schema_says_and_stand_under_their_status(document: dict[str, Any]) -> None:
    errors = tool("reference.errors")
    entries = errors.catalogue(tool("reference.contracts").read_contracts(DESCRIPTORS))
    error = validator(document, {"$ref": "#/components/schemas/Error"})
    for reason, example in document["components"]["examples"].items():
        error.validate(example["value"])
        assert example["value"]["details"][0]["reason"] == reason
        assert re.search(r"\{[a-z_]+\}", example["value"]["message"]) is None
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            for reason in response["content"]["application/json"]["examples"] if status != "200" else ():
                assert entries[reason].catalogue.http_status == int(status)


def test_examples_are_what_the_schemas_say(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        contents = operation["responses"]["200"]["content"]
        if "application/json" not in contents:
            assert operation["operationId"] == "receiveWebhook", "only a PSP is answered with plain text"
            continue
        content = contents["application/json"]
        for example in content["examples"].values():
            validator(document, content["schema"]).validate(example["value"])
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]
            for example in body["examples"].values():
                validator(document, body["schema"]).validate(example["value"])


@pytest.mark.parametrize(
    ("operation_id", "request_type", "answer_type"),
    [
        ("createToken", token_service_pb2.CreateTokenRequest, token_service_pb2.Token),
        ("createPayment", payment_service_pb2.CreatePaymentRequest, payment_pb2.Payment),
        ("listPayments", None, payment_service_pb2.ListPaymentsResponse),
        ("explainRouting", None, routing_pb2.PaymentRouting),
        ("capturePayment", payment_service_pb2.CapturePaymentRequest, payment_pb2.Payment),
        ("voidPayment", payment_service_pb2.VoidPaymentRequest, payment_pb2.Payment),
        ("createRefund", payment_service_pb2.CreateRefundRequest, payment_pb2.Refund),
        ("listRefunds", None, payment_service_pb2.ListRefundsResponse),
        ("createMerchant", merchant_service_pb2.CreateMerchantRequest, merchant_service_pb2.Merchant),
        ("listReviews", None, review_service_pb2.ListReviewsResponse),
        ("getReview", None, review_service_pb2.Review),
        ("resolveReview", review_service_pb2.ResolveReviewRequest, review_service_pb2.Review),
        ("createApiKey", merchant_service_pb2.CreateApiKeyRequest, merchant_service_pb2.ApiKey),
        ("listApiKeys", None, merchant_service_pb2.ListApiKeysResponse),
        ("createPspAccount", accounts_pb2.CreatePspAccountRequest, accounts_pb2.PspAccount),
        ("listPspAccounts", None, accounts_pb2.ListPspAccountsResponse),
        ("configurePspAccount", accounts_pb2.ConfigurePspAccountRequest, accounts_pb2.PspAccount),
        ("setPspCredentials", accounts_pb2.SetPspCredentialsRequest, accounts_pb2.PspAccount),
        ("disablePspAccount", accounts_pb2.DisablePspAccountRequest, accounts_pb2.PspAccount),
        ("checkPspAccount", accounts_pb2.CheckPspAccountRequest, accounts_pb2.CheckPspAccountResponse),
        ("createWebhookSecret", accounts_pb2.CreateWebhookSecretRequest, accounts_pb2.WebhookSecret),
        ("listWebhookSecrets", None, accounts_pb2.ListWebhookSecretsResponse),
        ("listPspWebhooks", None, webhooks_pb2.ListPspWebhooksResponse),
        ("getPspWebhook", None, webhooks_pb2.PspWebhook),
        ("replayPspWebhook", webhooks_pb2.ReplayPspWebhookRequest, webhooks_pb2.PspWebhook),
        ("createRuleset", rulesets_pb2.CreateRulesetRequest, rulesets_pb2.RulesetVersion),
        ("checkRuleset", rulesets_pb2.CheckRulesetRequest, rulesets_pb2.CheckRulesetResponse),
        ("getRuleset", None, rulesets_pb2.RulesetVersion),
        ("listRulesets", None, rulesets_pb2.ListRulesetsResponse),
        ("getActiveRuleset", None, rulesets_pb2.ActiveRuleset),
        ("approveRuleset", rulesets_pb2.ApproveRulesetRequest, rulesets_pb2.RulesetVersion),
        ("activateRuleset", rulesets_pb2.ActivateRulesetRequest, rulesets_pb2.RulesetVersion),
        ("rollBackRuleset", rulesets_pb2.RollBackRulesetRequest, rulesets_pb2.ActiveRuleset),
        ("setApprovalPolicy", rulesets_pb2.SetApprovalPolicyRequest, rulesets_pb2.ApprovalPolicy),
        ("listRoutingChanges", None, rulesets_pb2.ListRoutingChangesResponse),
    ],
)
def test_examples_are_messages_of_the_contract(operation_id: str, request_type: Any, answer_type: Any) -> None:
    for example in EXAMPLES[operation_id]["answers"].values():
        message = json_format.ParseDict(example["value"], answer_type())
        printed = json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert printed == example["value"], "an example is not what the API would print"
    for example in EXAMPLES[operation_id].get("requests", {}).values():
        json_format.ParseDict(example["value"], request_type())


def test_a_gap_of_a_message_without_an_example_is_an_error() -> None:
    errors = tool("reference.errors")
    contracts = tool("reference.contracts")
    value = contracts.EnumValue(descriptor=contracts.EnumValueDescriptorProto(name="REASON_NEW"), comment="New.")
    value.catalogue.message = "It has a {novelty}."
    with pytest.raises(KeyError, match="novelty"):
        errors.example("NEW", value)
