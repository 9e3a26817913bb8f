"""The PSPs' own examples, judged by their own descriptions: those that don't fit are known and named here."""

from collections.abc import Mapping

import pytest

from devstack.descriptions import ExampleKind
from tests.conformance.material import PSPS, Descriptions

COUNTS: Mapping[str, Mapping[ExampleKind, int]] = {
    "adyen": {ExampleKind.REQUEST: 54, ExampleKind.RESPONSE: 146, ExampleKind.WEBHOOK: 42},
    "checkout": {ExampleKind.REQUEST: 15, ExampleKind.RESPONSE: 6, ExampleKind.SCHEMA: 44},
    "paypal": {ExampleKind.REQUEST: 9, ExampleKind.RESPONSE: 6, ExampleKind.SCHEMA: 6},
    "stripe": {},
}

#: Example and the places at which it is not as its own description says.
DEFECTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "adyen": {
        # Additional data that the closed list of keys does not have.
        f"webhook {name.upper()} {name}": frozenset(f"notificationItems[0].{ITEM}.additionalData.{key}" for key in keys)
        for ITEM in ("NotificationRequestItem",)
        for name, keys in {
            "manual_review_accept": ("hmacSignature", "paymentMethodVariant"),
            "manual_review_reject": ("hmacSignature", "paymentMethodVariant"),
            "offer_closed": ("hmacSignature", "paymentMethodVariant"),
            "order_closed": tuple(
                f"order-1-{key}" for key in ("pspReference", "paymentAmount", "paymentMethod", "success")
            ),
            "postponed_refund": ("hmacSignature",),
            "prearbitration_lost": ("metadata.company", "metadata.link_id", "metadata.type"),
            "recurring_contract": ("hmacSignature", "recurring.shopperReference"),
        }.items()
    },
    "checkout": {
        # British postal codes against a pattern of the United States', a null where none may be.
        "request POST /marketplace/entities Company": frozenset(
            {
                "company.principal_address.zip",
                "company.registered_address.zip",
                "company.representatives[0].address.zip",
            }
        ),
        "request POST /marketplace/entities Individual": frozenset({"individual.registered_address.zip"}),
        "request PUT /marketplace/entities/{id} Company": frozenset(
            {
                "company.principal_address.zip",
                "company.registered_address.zip",
                "company.representatives[0].address.zip",
            }
        ),
        "request PUT /marketplace/entities/{id} Individual": frozenset({"individual.registered_address.zip"}),
        "request POST /marketplace/entities/{id}/instruments BankAccount": frozenset(
            {"account_holder.billing_address.zip"}
        ),
        "response GET /marketplace/entities/{id} 200 Company": frozenset(
            {
                "company.principal_address.zip",
                "company.registered_address.zip",
                "company.representatives[0].address.zip",
                "company.representatives[0].middle_name",
            }
        ),
        "response GET /marketplace/entities/{id} 200 Individual": frozenset({"individual.registered_address.zip"}),
        # The payout's `amount` stands beside its source, and the schema wants it inside.
        "request POST /payments Payout": frozenset({"$", "source"}),
        # `_links.action` for `_links.actions`, and a source without the expiry that is required.
        "response POST /payments 201 example": frozenset({"source", "_links", "_links.action"}),
        "response GET /validation/bank-accounts/{country}/{currency} 200 example": frozenset(
            f"sections[0].fields[{place}].description" for place in range(3)
        ),
        "schema #/components/schemas/BankAccountFields example": frozenset(
            f"sections[0].fields[{place}].description" for place in range(3)
        ),
        "schema #/components/schemas/event-links example": frozenset({"payment", "dispute"}),
        "schema #/components/schemas/3dsId example": frozenset({"$"}),
        "schema #/components/schemas/SessionId example": frozenset({"$"}),
    },
    "paypal": {
        "request POST /v2/checkout/orders order_request": frozenset(
            {"payment_source.paypal.experience_context.payment_method_selected"}
        ),
        "request POST /v2/checkout/orders/{id}/confirm-payment-source confirm_order_request": frozenset(
            {"payment_source.paypal.experience_context.payment_method_selected"}
        ),
        # A placeholder for an address, and a whole event where the schema's fields are all read-only.
        "request POST /v1/notifications/verify-webhook-signature verify_webhook_signature": frozenset(
            {
                "cert_url",
                *(
                    f"webhook_event.{name}"
                    for name in ("id", "create_time", "resource_type", "event_type", "summary", "resource")
                ),
            }
        ),
        "schema #/components/schemas/error_503 example": frozenset({"information_link"}),
    },
    "stripe": {},
}


@pytest.mark.parametrize("psp", PSPS)
def test_every_example_is_there(psp_descriptions: Descriptions, psp: str) -> None:
    examples = list(psp_descriptions(psp).examples())
    counts = {kind: sum(1 for example in examples if example.kind is kind) for kind in ExampleKind}
    assert {kind: count for kind, count in counts.items() if count} == COUNTS[psp]


@pytest.mark.parametrize("psp", PSPS)
def test_examples_keep_to_their_own_description_but_for_known_defects(psp_descriptions: Descriptions, psp: str) -> None:
    description = psp_descriptions(psp)
    found: dict[str, set[str]] = {}
    for example in description.examples():
        places = {finding.partition(": ")[0] for finding in description.example_findings(example)}
        if places:
            found.setdefault(example.label, set()).update(places)
    assert found == DEFECTS[psp]


@pytest.mark.parametrize("psp", PSPS)
def test_every_schema_of_every_operation_can_be_judged(psp_descriptions: Descriptions, psp: str) -> None:
    """An unreadable schema would otherwise come up in the middle of a payment at the sandbox PSP."""
    description = psp_descriptions(psp)
    for operation in description.operations:
        path = operation.path.replace("{", "").replace("}", "")
        for status in operation.content.get("responses", {}):
            code = int(status) if status.isdecimal() else 500
            findings = description.response_findings(operation.method, path, code, "application/json", b"{}")
            assert all(": " in finding for finding in findings)
        for content_type in ("application/json", "application/x-www-form-urlencoded"):
            body = b"{}" if content_type.endswith("json") else b"a=b"
            findings = description.request_findings(operation.method, path, {"content-type": content_type}, body)
            assert all(": " in finding for finding in findings)
    for name in description.webhook_names():
        assert all(": " in finding for finding in description.webhook_findings(name, b"{}"))
