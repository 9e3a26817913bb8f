"""Writes docs/events.md, the page for readers of the Kafka topics, from payera/events/v1.

Usage: ``python proto/tools/event_catalogue.py [--output FILE]``.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from reference.contracts import DESCRIPTOR_PATH, ROOT, Contracts, Field, Message, read_contracts

PACKAGE: Final = "payera.events.v1"
TYPE_ENUM: Final = f"{PACKAGE}.PaymentEventType"
TYPE_PREFIX: Final = "PAYMENT_EVENT_TYPE_"
EVENT: Final = f"{PACKAGE}.PaymentEvent"
AUDIT_HEADS: Final = f"{PACKAGE}.AuditHeads"
CLOUD_EVENTS_PREFIX: Final = "dev.payera.payment."

#: Which optional part of the event comes with which kinds, by the word their names begin with.
_ATTEMPT_WORDS: Final = ("ATTEMPT_",)
_MODIFICATION_WORDS: Final = ("CAPTURE_", "VOID_", "REFUND_", "MODIFICATION_")
_WITH_ATTEMPT: Final = frozenset(
    {
        *("PAYMENT_CREATED", "PAYMENT_AUTHORIZED", "PAYMENT_DECLINED", "PAYMENT_FAILED"),
        *("PAYMENT_REQUIRES_ACTION", "ACTION_EXPIRED"),
    }
)
_WITH_MODIFICATION: Final = frozenset({"PAYMENT_PARTIALLY_CAPTURED"})
_WITH_EITHER: Final = frozenset({"PAYMENT_SUCCEEDED", "PAYMENT_VOIDED", "REVIEW_REQUIRED", "REVIEW_RESOLVED"})

INTRODUCTION: Final = """\
# Events

<!-- Written by proto/tools/event_catalogue.py from proto/payera/events/v1/. Change it there. -->

Everything that happens to a payment is published to Kafka as a protobuf message `payera.events.v1.PaymentEvent`. Each
event holds the payment as it stood after it, so that a reader needs no other source and no earlier event.

## What a reader may rely on

- **Nothing is lost.** An event is committed in the same database transaction as the change it tells of, and published
  until Kafka has acknowledged it.
- **At least once.** After a crash an event may come again, with the same `id`. Drop what you have handled: keep the
  ids you have seen, or, per payment, the highest `seq`.
- **In order per payment.** The key of every record is the payment's id, so all events of a payment are in one
  partition. `seq` counts 1, 2, 3, ... without a gap: a `seq` not above the highest you have seen is a repetition.
  Between payments there is no order.
- **No card data.** Brand, first six and last four digits, and expiry are all that an event knows of a card.
- **Contracts grow.** New kinds and fields are added; nothing is renamed, renumbered or removed within `v1`. Skip
  kinds that you do not know.

## Record

| part | content |
|---|---|
| key | the payment's id, UTF-8 |
| value | `payera.events.v1.PaymentEvent`, protobuf binary |
| header `ce_specversion` | `1.0` |
| header `ce_id` | the event's id, as in the field `id` |
| header `ce_source` | `/payera/gateway` |
| header `ce_type` | `dev.payera.payment.` and the kind in lower case, see below |
| header `ce_subject` | the payment's id |
| header `ce_time` | when it was committed, RFC 3339 in UTC |
| header `ce_dataschema` | the type URL of the value, `type.googleapis.com/payera.events.v1.PaymentEvent` |
| header `content-type` | `application/protobuf` |

This is the binary mode of CloudEvents 1.0 for Kafka: a reader can choose by `ce_type` without parsing the value.

## Kinds

`id`, `type`, `payment_id`, `merchant_id`, `seq`, `occur_time` and `payment` are always set. The last column names
what comes on top.
"""

AUDIT: Final = """\
## Heads of the vault's audit

The topic `payera.vault.audit-heads.v1` is not about payments. In it the vault publishes, as
`payera.events.v1.AuditHeads`, how far each chain of its [audit](audit.md) has come: within seconds of an access, and
every hour when there is none. It has one partition, is kept for 400 days and never compacted. Whoever keeps a copy out
of the reach of Payera's own administrators can prove later that nothing was changed before. No card data, no token and
no merchant is in it.

| part | content |
|---|---|
| key | the message's id, UTF-8; each message has its own |
| value | `payera.events.v1.AuditHeads`, protobuf binary |
| header `ce_specversion` | `1.0` |
| header `ce_id` | the message's id, as in the field `id` |
| header `ce_source` | `/payera/vault` |
| header `ce_type` | `dev.payera.vault.audit_heads` |
| header `ce_subject` | `audit` |
| header `ce_time` | when the heads were read, RFC 3339 in UTC |
| header `ce_dataschema` | `payera.events.v1.AuditHeads` |
| header `content-type` | `application/protobuf` |
"""


def render(descriptor_path: Path = DESCRIPTOR_PATH) -> str:
    """Give the page as Markdown: the contract with readers, the kinds of events, and every field of the messages."""
    contracts = read_contracts(descriptor_path)
    lines = [INTRODUCTION, "| kind | `ce_type` | when | also set |", "|---|---|---|---|"]
    for value in contracts.enums[TYPE_ENUM].values:
        if value.descriptor.number == 0:
            continue
        kind = value.name.removeprefix(TYPE_PREFIX)
        lines.append(f"| `{kind}` | `{cloud_events_type(kind)}` | {value.comment} | {_also_set(kind)} |")
    lines += ["", "## Fields"]
    for message in _reachable(contracts, EVENT):
        lines += ["", *_message_section(message)]
    lines += ["", AUDIT.removesuffix("\n")]
    for message in _reachable(contracts, AUDIT_HEADS):
        lines += ["", *_message_section(message)]
    return "\n".join(lines) + "\n"


def cloud_events_type(kind: str) -> str:
    """Give the CloudEvents type of a kind: `PAYMENT_SUCCEEDED` is `dev.payera.payment.payment_succeeded`."""
    return CLOUD_EVENTS_PREFIX + kind.lower()


def _also_set(kind: str) -> str:
    if kind in _WITH_EITHER:
        return "`attempt` or `modification`, whichever it is about"
    if kind in _WITH_ATTEMPT or kind.startswith(_ATTEMPT_WORDS):
        return "`attempt`"
    if kind in _WITH_MODIFICATION or kind.startswith(_MODIFICATION_WORDS):
        return "`modification`"
    error = f"event kind {kind} is new: say in proto/tools/event_catalogue.py what it carries"
    raise ValueError(error)


def _reachable(contracts: Contracts, start: str) -> list[Message]:
    """Give the message and those of ours that its fields lead to, each once, in the order they are met."""
    waiting, found = [start], list[Message]()
    while waiting:
        message = contracts.messages[waiting.pop(0)]
        if message in found:
            continue
        found.append(message)
        waiting += [item.type_name for item in message.fields if item.type_name in _own_messages(contracts)]
    return found


def _own_messages(contracts: Contracts) -> set[str]:
    return {name for name in contracts.messages if name.startswith("payera.")}


def _message_section(message: Message) -> list[str]:
    rows = [
        f"| {item.descriptor.number} | `{item.name}` | {_type_of(item)} | {item.comment} |" for item in message.fields
    ]
    return [
        f"### {message.full_name.rsplit('.', 1)[1]}",
        "",
        message.comment,
        "",
        "| number | field | type | meaning |",
        "|---|---|---|---|",
        *rows,
    ]


def _type_of(item: Field) -> str:
    name = item.type_name.rsplit(".", 1)[-1]
    return name or FieldDescriptorProto.Type.Name(item.descriptor.type).removeprefix("TYPE_").lower()


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "events.md")
    parser.parse_args().output.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
