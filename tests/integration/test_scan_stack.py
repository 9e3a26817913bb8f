"""The scan over real Kafka and Temporal: records, histories, memos, failures and schedules, encrypted or not."""

import asyncio
import os
import secrets
import signal
import string
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from devstack.configuration import TEMPORAL_NAMESPACE, load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import Order, Report, State, Store, search_all
from devstack.scan.stack import stores_of
from devstack.scan.stores.kafka import KafkaTopics
from devstack.scan.stores.temporal import TemporalHistories
from devstack.scan.stores.temporal_files import TemporalFiles
from mesh.card_numbers import luhn_valid
from mesh.keyring import create_keyring, load_keyring
from mesh.temporal_codec import encrypting_converter

pytestmark = pytest.mark.integration


CODE = "7391"
ATTRIBUTE = SearchAttributeKey.for_keyword("PlantedCard")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(load_configuration(tmp_path_factory.mktemp("scan") / "stack", 0, environ={}))
    try:
        stack.start(ComponentName.KAFKA, wait=False)
        stack.start(ComponentName.TEMPORAL)
        stack.start(ComponentName.KAFKA)
        asyncio.run(add_attribute(stack))
        yield stack
    finally:
        stack.down(wipe=True)


def new_number() -> str:
    body = "4" + f"{int.from_bytes(os.urandom(8)) % 10**14:014}"
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


def new_name() -> str:
    """Give a name without digits: those of a random one may look like a card's number, which a report masks."""
    return "planted-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(24))


def scanned(store: Store, *planted: str, codes: tuple[str, ...] = (), seconds: float = 120) -> Report:
    """Search for what was planted, or for anything when nothing is named."""
    canaries = tuple(Canary(text) for text in planted)
    wanted = Wanted(canaries, codes, any_card=not planted, any_code=not planted)
    return search_all([store], Order(Matcher(wanted), canaries, seconds_per_store=seconds))


def topics(stack: Stack) -> KafkaTopics:
    return KafkaTopics(stack.configuration.address(PortName.KAFKA))


def histories(stack: Stack, keyring: Path | None = None) -> TemporalHistories:
    address = stack.configuration.address(PortName.TEMPORAL)
    keyrings = (keyring,) if keyring else (stack.configuration.codec_keyring, stack.configuration.vault_codec_keyring)
    return TemporalHistories(address, TEMPORAL_NAMESPACE, *keyrings)


def new_topic(stack: Stack, name: str = "", **settings: str) -> str:
    name = name or new_name()
    admin = AdminClient({"bootstrap.servers": stack.configuration.address(PortName.KAFKA)})
    for future in admin.create_topics([NewTopic(name, 3, 1, config=settings)]).values():
        future.result(15)
    return name


def producer(stack: Stack, **settings: Any) -> Producer:
    return Producer({"bootstrap.servers": stack.configuration.address(PortName.KAFKA), **settings})


def test_every_part_of_a_record_is_searched(stack: Stack) -> None:
    topic = new_topic(stack)
    key, value, header, name = (new_number() for _ in range(4))
    writer = producer(stack)
    writer.produce(topic, key=f"card {key}", value=b"fine", partition=0)
    writer.produce(topic, key="fine", value=f'{{"card": "{value}"}}', partition=1)
    writer.produce(topic, value=None, key="a tombstone", headers=[("x-card", header.encode())], partition=2)
    writer.produce(topic, value=b"fine", headers=[(name, b""), ("cvc", CODE.encode())], partition=2)
    writer.flush(15)

    report = scanned(topics(stack), key, value, header, name, codes=(CODE,))

    assert report.is_complete, report
    assert {(finding.place, finding.kind.value) for finding in report.findings} == {
        (f"topic {topic}/0 record 0 key", "canary"),
        (f"topic {topic}/1 record 0 value", "canary"),
        (f"topic {topic}/2 record 0 header", "canary"),
        (f"topic {topic}/2 record 1 header", "canary"),
        (f"topic {topic}/2 record 1 header", "canary code"),
    }
    assert scanned(topics(stack)).exit_code == 1
    assert not any(number in repr(report) for number in (key, value, header, name))


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_compressed_records_are_searched(stack: Stack, codec: str) -> None:
    topic, number = new_topic(stack), new_number()
    writer = producer(stack, **{"compression.type": codec, "linger.ms": 500})
    for count in range(500):
        writer.produce(topic, value=f"record {count}: {number if count == 400 else 'fine'}", partition=1)
    writer.flush(15)

    [finding] = scanned(topics(stack), number).findings

    assert finding.place == f"topic {topic}/1 record 400 value"


def test_records_of_transactions_are_searched_also_of_those_given_up(stack: Stack) -> None:
    topic, given_up, kept = new_topic(stack), new_number(), new_number()
    writer = producer(stack, **{"transactional.id": uuid.uuid4().hex})
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce(topic, value=f"card {given_up}", partition=0)
    writer.flush(15)
    writer.abort_transaction(15)
    writer.begin_transaction()
    writer.produce(topic, value=f"card {kept}", partition=0)
    writer.commit_transaction(15)

    report = scanned(topics(stack), given_up, kept)

    # The partition ends with a marker that no consumer is given.
    assert report.is_complete
    assert [finding.place for finding in report.findings] == [
        f"topic {topic}/0 record 0 value",
        f"topic {topic}/0 record 2 value",
    ]


def test_a_topic_named_after_a_number_is_found_and_not_told(stack: Stack) -> None:
    number = new_number()
    new_topic(stack, f"merchant-{number}")

    report = scanned(topics(stack), number)

    assert [finding.place.partition(" merchant")[0] for finding in report.findings] == ["the name of the topic"]
    assert number not in repr(report)


def test_kafka_that_is_away_or_slow_is_not_called_clean(stack: Stack) -> None:
    away = scanned(KafkaTopics("127.0.0.1:1"), seconds=30)
    assert (away.exit_code, away.stores[0].state) == (2, State.NOT_SEARCHED)

    slow = scanned(topics(stack), new_number(), seconds=0.05)
    assert slow.exit_code == 2


async def client_of(stack: Stack, *, encrypted: str = "") -> Client:
    options: dict[str, Any] = {}
    if encrypted:
        configuration = stack.configuration
        keyring = {"gateway": configuration.codec_keyring, "vault": configuration.vault_codec_keyring}[encrypted]
        options["data_converter"] = encrypting_converter(load_keyring(keyring))
    address = stack.configuration.address(PortName.TEMPORAL)
    return await Client.connect(address, namespace=TEMPORAL_NAMESPACE, **options)


async def add_attribute(stack: Stack) -> None:
    client = await client_of(stack)
    kinds = {ATTRIBUTE.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
    request = AddSearchAttributesRequest(search_attributes=kinds, namespace=TEMPORAL_NAMESPACE)
    await client.operator_service.add_search_attributes(request)


async def plant_workflow(client: Client, where: str, number: str) -> str:
    """Start a workflow that no worker takes, with the number in one place of it; return its id."""
    workflow_id = new_name()
    memo = {"note": f"card {number}"} if where == "memo" else None
    argument = f'{{"number": "{number}"}}' if where == "input" else "fine"
    pair = SearchAttributePair(ATTRIBUTE, number if where == "attribute" else "fine")
    handle = await client.start_workflow(
        "PlantedWorkflow",
        argument,
        id=workflow_id,
        task_queue="nobody",
        memo=memo,
        search_attributes=TypedSearchAttributes([pair]),
    )
    if where == "signal":
        await handle.signal("planted", {"card": number, "cvc": CODE})
    if where == "integer":
        await handle.signal("planted", int(number))
    if where == "failure":
        await handle.terminate("fine", reason=f"the card {number} was refused")
    if where == "details":
        await handle.terminate({"card": number}, reason="fine")
    return workflow_id


PLACES = ("input", "memo", "signal", "integer", "attribute", "failure", "details")
#: These are no payloads for a codec: they are kept as they are.
NEVER_ENCRYPTED = frozenset({"attribute", "failure"})


async def plant(stack: Stack, *, encrypted: str) -> dict[str, tuple[str, str]]:
    client = await client_of(stack, encrypted=encrypted)
    numbers = {where: new_number() for where in PLACES}
    return {where: (await plant_workflow(client, where, number), number) for where, number in numbers.items()}


def until_listed(stack: Stack, workflow_ids: set[str]) -> None:
    """Wait until the list of workflows has them all: it is brought up to date a little later."""

    async def listed() -> set[str]:
        client = await client_of(stack)
        return {workflow.id async for workflow in client.list_workflows()}

    deadline = time.monotonic() + 120
    while not workflow_ids <= asyncio.run(listed()):
        assert time.monotonic() < deadline


@pytest.mark.parametrize("encrypted", ["gateway", "vault", ""])
def test_every_part_of_a_history_is_searched(stack: Stack, encrypted: str) -> None:
    planted = asyncio.run(plant(stack, encrypted=encrypted))
    until_listed(stack, {workflow_id for workflow_id, _ in planted.values()})

    report = scanned(histories(stack), *(number for _, number in planted.values()), codes=(CODE,))

    assert report.is_complete, report
    for where, (workflow_id, number) in planted.items():
        found = [finding for finding in report.findings if f"workflow {workflow_id} " in finding.place]
        assert found, where
        decrypted = bool(encrypted) and where not in NEVER_ENCRYPTED
        assert {"(decrypted)" in finding.place for finding in found} == {decrypted}, where
        assert number not in repr(report)
    assert any(finding.kind.value == "canary code" for finding in report.findings)
    assert scanned(histories(stack)).exit_code == 1


def test_what_cant_be_decrypted_is_not_called_clean(stack: Stack, tmp_path: Path) -> None:
    planted = asyncio.run(plant(stack, encrypted="gateway"))
    until_listed(stack, {workflow_id for workflow_id, _ in planted.values()})
    create_keyring(tmp_path / "other.json")

    for keyring in (tmp_path / "other.json", tmp_path / "none.json"):
        report = scanned(histories(stack, keyring), planted["memo"][1])
        assert report.exit_code == 2
        assert "encrypted payloads" in report.stores[0].reasons[0]


def test_schedules_are_searched(stack: Stack) -> None:
    number, schedule_id = new_number(), new_name()

    async def create() -> None:
        client = await client_of(stack, encrypted="gateway")
        action = ScheduleActionStartWorkflow("PlantedWorkflow", f"card {number}", id=schedule_id, task_queue="nobody")
        await client.create_schedule(schedule_id, Schedule(action=action, spec=ScheduleSpec()))

    asyncio.run(create())
    deadline = time.monotonic() + 120
    while not (report := scanned(histories(stack), number)).found:
        assert time.monotonic() < deadline

    assert {finding.place for finding in report.findings} == {f"schedule {schedule_id} (decrypted)"}


def test_temporals_files_are_searched(stack: Stack) -> None:
    planted = asyncio.run(plant(stack, encrypted=""))
    folder = stack.configuration.home / "temporal"

    report = scanned(TemporalFiles(folder), planted["memo"][1], planted["failure"][1])

    assert report.is_complete, report
    found = {finding.place.split(" ")[0] for finding in report.findings}
    assert found <= {"temporal.db", "temporal/temporal.db", "temporal/temporal.db-wal"}
    assert "temporal.db" in found
    # What is encrypted is not in there.
    sealed = asyncio.run(plant(stack, encrypted="gateway"))
    assert scanned(TemporalFiles(folder), sealed["input"][1], sealed["memo"][1]).exit_code == 0


def test_temporal_that_is_away_or_slow_is_not_called_clean(stack: Stack) -> None:
    away = scanned(TemporalHistories("127.0.0.1:1", TEMPORAL_NAMESPACE, stack.configuration.codec_keyring))
    assert (away.exit_code, away.stores[0].state) == (2, State.NOT_SEARCHED)
    assert scanned(histories(stack), new_number(), seconds=0.05).exit_code == 2


def test_the_stores_of_a_stack_are_all_there_and_those_that_are_away_are_told(stack: Stack) -> None:
    stores = stores_of(stack.configuration)
    canaries = (Canary(new_number()),)

    order = Order(Matcher(Wanted(canaries, any_card=False, any_code=False)), canaries, seconds_per_store=120)
    report = search_all(tuple(stores.values()), order)

    # Only Kafka and Temporal run here.
    states = {store.name: store.state for store in report.stores}
    assert states == {
        "postgres": State.NOT_SEARCHED,
        "postgres-files": State.NOT_SEARCHED,
        "kafka": State.SEARCHED,
        "temporal": State.SEARCHED,
        "temporal-files": State.SEARCHED,
        "home": State.SEARCHED,
    }
    assert report.exit_code == 2


#: Runs a command that can be interrupted also where the tests run in the background, which ignores interrupts.
INTERRUPTIBLE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("store", ["kafka", "temporal", "home"])
def test_an_interruption_ends_the_command_at_once(stack: Stack, store: str, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(1 << 40)
    command = [sys.executable, "-m", "devstack.cli", "--home", str(stack.configuration.home)]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *command, "scan", str(large), "--store", store],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "searching" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        # The file of a terabyte would take hours.
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130, errors
    assert "nothing found in" not in output
