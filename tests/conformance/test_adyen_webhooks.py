"""What the connector makes of every webhook that Adyen's own description shows, and the public signature vectors."""

import json
from dataclasses import replace
from typing import Any

import pytest
from Adyen import util  # type: ignore[import-untyped]

from devstack.descriptions import Description, Example, ExampleKind, default_folder, load
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext, WebhookReading
from tests.fakes.connectors.adyen import HMAC_KEY, adyen_account, envelope, item, modification_item, signed, webhook

ADYEN = CONNECTORS["adyen"]
SPECS = default_folder()
DESCRIPTION: Description | None = load(SPECS, "adyen") if SPECS is not None else None
WEBHOOKS: list[Example] = (
    [example for example in DESCRIPTION.examples() if example.kind is ExampleKind.WEBHOOK] if DESCRIPTION else []
)
VECTORS: list[dict[str, Any]] = (
    [v for v in json.loads((SPECS.parent / "vectors" / "webhook_vectors.json").read_text()) if v["psp"] == "adyen"]
    if SPECS is not None
    else []
)
needs_material = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")

UNSIGNED = {"ACH_NOTIFICATION_OF_CHANGE", "DIRECT_DEBIT_NOTICE_OF_CHANGE_NOTIFICATION"}
"""Of another form, with no signature inside: not standard webhooks."""

OF_OPERATIONS = {
    "AUTHORISATION": (OperationKind.AUTHORIZE, OutcomeKind.APPROVED, False),
    "AUTHORISATION_ADJUSTMENT": (OperationKind.INCREMENT, OutcomeKind.APPROVED, False),
    "CANCELLATION": (OperationKind.VOID, OutcomeKind.APPROVED, False),
    "CAPTURE": (OperationKind.CAPTURE, OutcomeKind.APPROVED, False),
    "CAPTURE_FAILED": (OperationKind.CAPTURE, OutcomeKind.DECLINED, True),
    "REFUND": (OperationKind.REFUND, OutcomeKind.DECLINED, False),  # the example is of one that failed
    "REFUNDED_REVERSED": (OperationKind.REFUND, OutcomeKind.DECLINED, True),
    "REFUND_FAILED": (OperationKind.REFUND, OutcomeKind.DECLINED, True),
    "TECHNICAL_CANCEL": (OperationKind.REVERSE, OutcomeKind.APPROVED, False),
}


def read(raw: RawWebhook, merchant_account: str, key: str = HMAC_KEY) -> WebhookReading:
    assert ADYEN.read_webhook is not None
    account = replace(adyen_account(), settings={"merchant_account": merchant_account})
    return ADYEN.read_webhook(raw, account, WebhookContext(secrets=[Secret(key)], now=0))


@needs_material
def test_the_description_has_the_webhooks_that_this_test_knows() -> None:
    assert len(WEBHOOKS) == 42
    assert {example.operation for example in WEBHOOKS} > set(OF_OPERATIONS) | UNSIGNED


@pytest.mark.parametrize("example", [pytest.param(e, id=e.label) for e in WEBHOOKS])
def test_every_webhook_of_the_description_is_understood(example: Example) -> None:
    items = [signed(wrapped["NotificationRequestItem"]) for wrapped in example.value.get("notificationItems", [])]
    if example.operation in UNSIGNED:
        assert items == []
        reading = read(RawWebhook(headers={}, body=json.dumps(example.value).encode()), "YOUR_MERCHANT_ACCOUNT")
        assert (reading.authenticity, reading.notifications) == (Authenticity.FORGED, ())
        return
    reading = read(webhook(*items), items[0]["merchantAccountCode"])
    assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 0)
    (notification,) = reading.notifications
    assert notification.event_type == items[0]["eventCode"]
    kind, outcome, reversal = OF_OPERATIONS.get(notification.event_type, (None, None, False))
    assert (notification.kind, notification.reversal) == (kind, reversal)
    assert (notification.outcome.kind if notification.outcome else None) is outcome
    if notification.outcome is not None:
        assert (notification.outcome.amount, notification.currency) == (1000, "EUR")
        assert not notification.outcome.unmapped


@pytest.mark.parametrize("example", [pytest.param(e, id=e.label) for e in WEBHOOKS])
def test_an_unsigned_webhook_of_the_description_is_forged(example: Example) -> None:
    reading = read(RawWebhook(headers={}, body=json.dumps(example.value).encode()), "YOUR_MERCHANT_ACCOUNT")
    assert (reading.authenticity, reading.notifications) == (Authenticity.FORGED, ())


@pytest.mark.parametrize("event", sorted(OF_OPERATIONS))
def test_the_webhooks_of_our_tests_are_as_described(event: str) -> None:
    if DESCRIPTION is None:
        pytest.skip("the PSP material at ../shared/psp is not there")
    one = item() if event == "AUTHORISATION" else modification_item(event, "cap_1")
    assert DESCRIPTION.webhook_findings(event, json.dumps(envelope(signed(one))).encode()) == []


@needs_material
def test_there_are_vectors() -> None:
    assert len(VECTORS) == 3


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["case"]) for v in VECTORS])
def test_public_signature_vectors(vector: dict[str, Any]) -> None:
    unsigned, key, expected = vector["item"], vector["secret"], vector["expected"]
    additional = {**unsigned.get("additionalData", {}), "hmacSignature": expected}
    genuine = {**unsigned, "additionalData": additional}
    reading = read(webhook(genuine), unsigned["merchantAccountCode"], key)
    assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 0)
    spoiled = genuine | {"pspReference": unsigned["pspReference"] + "0"}
    assert read(webhook(spoiled), unsigned["merchantAccountCode"], key).authenticity is Authenticity.FORGED
    other_key = key[:-2] + ("00" if key[-2:] != "00" else "11")
    assert read(webhook(genuine), unsigned["merchantAccountCode"], other_key).authenticity is Authenticity.FORGED


@pytest.mark.parametrize("reference", ["pay_1_1", ":a:b:", "back\\slash", "for/ward", "mixed:\\/", "ünï©ode"])
def test_the_official_sdk_signs_and_verifies_alike(reference: str) -> None:
    for one in (item(merchantReference=reference), modification_item("REFUND", reference, success="false")):
        signature = util.generate_notification_sig(one, HMAC_KEY).decode()
        genuine = {**one, "additionalData": {"hmacSignature": signature}}
        assert read(webhook(genuine), one["merchantAccountCode"]).authenticity is Authenticity.GENUINE
        ours = {"notificationItems": [{"NotificationRequestItem": signed(one)}]}
        assert util.is_valid_hmac_notification(ours, HMAC_KEY)
