"""docs/errors.md and docs/events.md say what the contracts say."""

import re

from payera.errors.v1 import reason_pb2
from payera.events.v1 import audit_event_pb2, payment_event_pb2

from tests.unit.openapi.tools import ROOT, tool


def test_the_error_page_is_fresh() -> None:
    committed = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert committed == tool("error_catalogue").render(), "run proto/tools/error_catalogue.py"


def test_the_error_page_has_an_anchor_for_every_reason() -> None:
    anchors = set(re.findall(r'<a id="([a-z-]+)"></a>', tool("error_catalogue").render()))
    reasons = [value.name for value in reason_pb2.Reason.DESCRIPTOR.values if value.number]
    assert anchors == {name.removeprefix("REASON_").lower().replace("_", "-") for name in reasons}


def test_the_event_page_is_fresh() -> None:
    committed = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert committed == tool("event_catalogue").render(), "run proto/tools/event_catalogue.py"


def test_the_event_page_names_every_kind_and_field() -> None:
    page = tool("event_catalogue").render()
    for value in payment_event_pb2.PaymentEventType.DESCRIPTOR.values:
        kind = value.name.removeprefix("PAYMENT_EVENT_TYPE_")
        assert (f"`dev.payera.payment.{kind.lower()}`" in page) is (value.number != 0)
    for contract in (payment_event_pb2, audit_event_pb2):
        for message in contract.DESCRIPTOR.message_types_by_name.values():
            assert f"### {message.name}\n" in page
            for field in message.fields:
                assert f"| {field.number} | `{field.name}` |" in page
