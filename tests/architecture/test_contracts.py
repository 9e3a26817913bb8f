"""What every rpc of Payera's contracts must declare."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from payera.options.v1 import options_pb2

GENERATED = Path(__file__).resolve().parents[2] / "gen"
IDENTITIES = {
    "envoy",
    "gateway_svc",
    "gateway_worker",
    "gateway_relay",
    "router_svc",
    "vault_svc",
    "psp_connectors",
    "operator",
}
#: The generated stub types extension fields as plain descriptors.
ACCESS: Any = options_pb2.access
PUBLIC = {
    "payera.gateway.v1.PaymentService",
    "payera.gateway.v1.MerchantService",
    "payera.gateway.v1.ReviewService",
    "payera.psp.v1.PspAccountService",
    "payera.psp.v1.PspWebhookService",
    "payera.routing.v1.RulesetService",
    "payera.vault.v1.TokenService",
}
INTERNAL = {
    "payera.connectors.v1.ConnectorService",
    "payera.history.v1.HistoryService",
    "payera.keys.v1.KeyService",
    "payera.notifications.v1.NotificationService",
    "payera.router.v1.RouterService",
    "payera.vault.v1.CardService",
}


#: Calls from outside that bring no API key of ours: a PSP's signature is looked at instead.
KEYLESS = {"ReceiveWebhook"}


def modules() -> Iterator[str]:
    for path in sorted((GENERATED / "payera").rglob("*_pb2.py")):
        yield ".".join(path.relative_to(GENERATED).with_suffix("").parts)


def methods() -> list[MethodDescriptor]:
    for name in modules():
        importlib.import_module(name)
    pool = Default()
    return [method for service in sorted(PUBLIC | INTERNAL) for method in pool.FindServiceByName(service).methods]


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name)
def test_every_rpc_names_its_callers_and_its_key(method: MethodDescriptor) -> None:
    access = method.GetOptions().Extensions[ACCESS]
    assert access.callers, "deny by default: an rpc without callers is callable by no one"
    assert set(access.callers) <= IDENTITIES
    has_route = method.GetOptions().HasExtension(annotations_pb2.http)
    if method.containing_service.full_name in PUBLIC:
        assert has_route
        assert "envoy" in access.callers
        assert (access.key_scope == options_pb2.KEY_SCOPE_UNSPECIFIED) == (method.name in KEYLESS)
    else:
        assert not has_route
        assert "envoy" not in access.callers
        assert access.key_scope == options_pb2.KEY_SCOPE_UNSPECIFIED


def test_operators_may_call_for_a_merchant_only_where_they_name_it_and_no_money_is_moved() -> None:
    for method in methods():
        access = method.GetOptions().Extensions[ACCESS]
        if access.operators:
            assert access.key_scope == options_pb2.KEY_SCOPE_SECRET
            assert "merchant_id" in method.input_type.fields_by_name
            assert not access.idempotent


def test_every_call_that_moves_money_takes_an_idempotency_key() -> None:
    money = {"CreatePayment", "CapturePayment", "VoidPayment", "CreateRefund"}
    idempotent = {m.name for m in methods() if m.GetOptions().Extensions[ACCESS].idempotent}
    assert idempotent == money


def test_no_contract_outside_the_vault_has_a_field_for_a_card_number_or_code() -> None:
    forbidden = {"pan", "cvc", "cvv", "cid", "track", "pin_block", "card_number"}
    for name in modules():
        if name.startswith("payera.vault."):
            continue
        descriptor = importlib.import_module(name).DESCRIPTOR
        for message in descriptor.message_types_by_name.values():
            fields = {field.name for field in message.fields}
            assert not fields & forbidden, f"{message.full_name} has {fields & forbidden}"
