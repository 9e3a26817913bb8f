"""What the edge's configuration repeats of the contracts is what the contracts say."""

import json
import re
from collections.abc import Iterator

import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from payera.gateway.v1 import merchant_service_pb2, payment_service_pb2, review_service_pb2
from payera.psp.v1 import psp_account_service_pb2, psp_webhook_service_pb2
from payera.routing.v1 import ruleset_service_pb2
from payera.vault.v1 import key_service_pb2, token_service_pb2

from mesh.channels import LARGEST_MESSAGE_BYTES
from psp_connectors.adapters.grpc.webhook_service import BODY_BYTES_MAX, SIGNATURE_HEADERS
from tests.unit.openapi.tools import ROOT, tool

LUA = (ROOT / "envoy" / "edge.lua").read_text(encoding="utf-8")
REQUEST_LUA = (ROOT / "envoy" / "request.lua").read_text(encoding="utf-8")
OPENAPI = json.loads((ROOT / "gen" / "openapi.json").read_text(encoding="utf-8"))
TEMPLATE = (ROOT / "envoy" / "envoy.template.yaml").read_text(encoding="utf-8")


def lua_set(name: str, script: str = LUA) -> set[str]:
    match = re.search(rf"^local {name} = {{(.*?)}}", script, re.MULTILINE | re.DOTALL)
    assert match is not None
    return set(re.findall(r"(\w+) = true", match[1]))


def public_request_fields() -> Iterator[FieldDescriptor]:
    """Give the fields of everything that can stand in the body of a public call."""
    waiting: list[Descriptor] = []
    modules = (
        payment_service_pb2,
        merchant_service_pb2,
        review_service_pb2,
        token_service_pb2,
        key_service_pb2,
        psp_account_service_pb2,
        psp_webhook_service_pb2,
        ruleset_service_pb2,
    )
    for module in modules:
        for service in module.DESCRIPTOR.services_by_name.values():
            if service.full_name in tool("reference.document").SERVICES:
                waiting += [method.input_type for method in service.methods]
    while waiting:
        for field in waiting.pop().fields:
            yield field
            if field.message_type is not None and not field.message_type.full_name.startswith("google."):
                waiting.append(field.message_type)


def test_the_script_knows_the_maps_and_booleans_of_public_requests() -> None:
    fields = list(public_request_fields())
    maps = {item.name for item in fields if item.message_type is not None and item.message_type.GetOptions().map_entry}
    assert lua_set("MAPS") == maps
    assert lua_set("BOOLEANS") == {item.name for item in fields if item.type == FieldDescriptor.TYPE_BOOL}


def test_the_script_knows_the_integers_of_request_bodies() -> None:
    integers = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64}
    names = {item.name for item in public_request_fields() if item.type in integers}
    assert lua_set("INTEGERS") == names - lua_set("PAGE_PARAMETERS", REQUEST_LUA)


def test_the_script_knows_the_resources_and_the_query_parameters_of_the_reference() -> None:
    # The door for webhooks is no resource: its query is refused like that of any POST.
    resources = {re.split("[/:]", path)[2] for path in OPENAPI["paths"]} - {"psp-webhooks"}
    assert lua_set("RESOURCES", REQUEST_LUA) == resources
    paged = lua_set("PAGE_PARAMETERS", REQUEST_LUA)
    block = REQUEST_LUA[REQUEST_LUA.index("local PARAMETERS") : REQUEST_LUA.index("local byte")]
    own = {
        path: set(re.findall(r"(\w+) = true", names))
        for path, names in re.findall(r'\["(.*?)"\] = {(.*?)}', block, re.DOTALL)
    }
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            entries = operation.get("parameters", ())
            documented = {entry["name"] for entry in entries if entry.get("in") == "query"}
            assert documented - paged == (own.pop(path, set()) if method == "get" else set()), path
    assert own == {}


def test_no_public_request_has_a_field_for_decimal_numbers() -> None:
    decimals = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
    assert not [item.full_name for item in public_request_fields() if item.type in decimals]


def test_the_script_repeats_the_catalogue_word_for_word() -> None:
    entries = tool("reference.errors").catalogue(tool("reference.contracts").read_contracts())
    block = LUA[LUA.index("local CATALOGUE") : LUA.index("local byte")]
    found = re.findall(r'(\w+) = \{\s*code = (\d+),\s*message = "(.*?)",\s*remedy = "(.*?)",\s*\}', block)
    assert len(found) == block.count("code =")
    for reason, code, message, remedy in found:
        catalogue = entries[reason].catalogue
        example = tool("reference.errors").example(reason, entries[reason])
        assert (int(code), message, remedy) == (example["code"], catalogue.message, catalogue.remedy)


def test_the_edge_transcodes_the_documented_services_and_no_others() -> None:
    filters = re.search(r"services:\n((?:\s+- payera\.\S+\n)+)", TEMPLATE)
    assert filters is not None
    assert set(re.findall(r"- (\S+)", filters[1])) == set(tool("reference.document").SERVICES)


def test_the_edge_passes_the_headers_that_signatures_rest_on() -> None:
    block = REQUEST_LUA[REQUEST_LUA.index("local WEBHOOK_HEADERS") : REQUEST_LUA.index("local RESOURCES")]
    passed = set(re.findall(r'\["([\w-]+)"\] = true', block))
    needed_for_http = {"accept", "content-length", "content-type", "te", "transfer-encoding", "x-request-id"}
    assert passed - needed_for_http - {"x-forwarded-proto"} == SIGNATURE_HEADERS


def test_the_limits_of_bodies_are_those_that_are_told() -> None:
    told = dict(re.findall(r'^local (\w+_BYTES_MAX) = "(\d+)"', REQUEST_LUA, re.MULTILINE))
    buffered = [int(limit) for limit in re.findall(r"max_request_bytes: (\d+)", TEMPLATE)]
    held = re.search(r"^local WEBHOOK_BYTES_MAX = (\d+)", LUA, re.MULTILINE)
    assert held is not None
    assert int(told["WEBHOOK_BYTES_MAX"]) == int(held[1]) == BODY_BYTES_MAX
    # The room beyond it is for the message that the body stands in, and as much as the services take.
    assert [int(told["BODY_BYTES_MAX"]), LARGEST_MESSAGE_BYTES, int(told["RULESET_BYTES_MAX"])] == buffered


def test_the_edge_never_retries() -> None:
    assert "retry_policy" not in TEMPLATE
    assert "retry_on" not in TEMPLATE


def test_the_configuration_has_the_placeholders_that_renderers_fill() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEMPLATE)) == {
        "ADMIN_PORT",
        "CONNECTORS_HOST",
        "CONNECTORS_PORT",
        "DESCRIPTOR_PATH",
        "DOCS_HTML_PATH",
        "GATEWAY_HOST",
        "GATEWAY_PORT",
        "LISTEN_ADDRESS",
        "LUA_PATH",
        "OPENAPI_PATH",
        "REDOC_PATH",
        "REQUEST_LUA_PATH",
        "REST_PORT",
        "ROUTER_HOST",
        "ROUTER_PORT",
        "TLS_DIRECTORY",
        "VAULT_HOST",
        "VAULT_PORT",
    }
    assert isinstance(yaml.safe_load(TEMPLATE), dict)
