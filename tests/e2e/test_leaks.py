"""No card number and no code where it must not be: `payera scan` over a stack on which everything was played."""

import asyncio
import json
import shutil
import uuid
from base64 import b64encode
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from devstack import cli
from devstack.configuration import TEMPORAL_NAMESPACE
from devstack.names import PortName
from devstack.rest import Rest
from devstack.scan.allowing import SHIPPED, load_allow_list
from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import Order, Report, search_all
from devstack.scan.stack import STORES, stores_of
from mesh.card_numbers import luhn_valid
from mesh.keyring import load_keyring
from mesh.temporal_codec import encrypting_converter
from tests.e2e.support import Mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

#: Numbers that no other test uses, with a code that no number, id or time contains by chance.
CANARY = "4000056655665556"
CANARY_CODE = "7391"
AMEX = "371449635398431"
WRONG = CANARY[:-1] + "7"
#: What proves an authentication, of the usual form: 20 bytes in base64.
PROVING = "leaks-of-a-play-e2e!"
PROOF = b64encode(PROVING.encode()).decode()
SECURE = {
    "version": "2.2.0",
    "eci": "05",
    "cryptogram": PROOF,
    "ds_transaction_id": "c272b04f-6e7b-43a2-bb78-90f4fb94aa25",
    "trans_status": "Y",
}
SECONDS_PER_STORE = 240


def scanned(
    mesh: Mesh, planted: Collection[str], stores: Collection[str] = STORES, *, any_card: bool = False
) -> Report:
    """Search stores for what was planted, in every form; a store that can't be searched whole fails the test."""
    canaries = tuple(Canary(text) for text in planted)
    matcher = Matcher(Wanted(canaries, any_card=any_card, any_code=any_card))
    of_the_stack = stores_of(mesh.stack.configuration)
    order = Order(matcher, canaries, load_allow_list((SHIPPED,)), SECONDS_PER_STORE)
    report = search_all([of_the_stack[name] for name in stores], order)
    assert report.is_complete, [(store.name, store.reasons) for store in report.stores]
    return report


def places(mesh: Mesh, number: str, store: str) -> list[str]:
    report = scanned(mesh, [number], [store])
    assert number not in repr(report)
    return [finding.place for finding in report.findings]


def command(mesh: Mesh, *arguments: str | Path) -> Result:
    home = str(mesh.stack.configuration.home)
    return CliRunner().invoke(cli.main, ["--home", home, "scan", *map(str, arguments)])


def new_number() -> str:
    body = f"4{uuid.uuid4().int % 10**14:014}"
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


def new_name() -> str:
    """Give a name without digits: a report hides the row of digits that looks like a card's by chance."""
    return uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))


def play(mesh: Mesh) -> None:
    """Use the canary in every way that could leak it: approved, declined, cascaded, unknown, refused, in error."""
    for amount in (1000, 410_105, 400_151, 400_906, 400_902):
        payment = mesh.pay(amount, token=mesh.token(CANARY, CANARY_CODE[:3]), three_d_secure=SECURE)
        mesh.settled(payment["id"])
        assert PROOF not in repr((payment, mesh.payment(payment["id"])))
    for wrong in ({"eci": "02"}, {"trans_status": "N"}, {"cryptogram": f"{PROOF}{PROOF}"}, {"eci": PROOF}):
        assert mesh.create(1000, three_d_secure=SECURE | wrong).status == 400
    mesh.settled(mesh.pay(1000, token=mesh.token(AMEX, CANARY_CODE))["id"])
    bad = {"number": WRONG, "exp_month": 12, "exp_year": 2040, "cvc": CANARY_CODE}
    assert mesh.rest.post("/v1/tokens", {"card": bad}, money=False).status == 400
    assert mesh.create(1000, description=CANARY).status == 400
    assert mesh.create(1000, metadata={CANARY: "x"}).status == 400
    assert mesh.rest.get(f"/v1/tokens/{CANARY}").status in {400, 404}
    assert mesh.rest.get(f"/v1/payments?merchant_reference={CANARY}").status in {200, 400}
    assert mesh.rest.send("POST", "/v1/tokens", f'{{"card": {{"number": {CANARY}'.encode()).status == 400
    wrong_type = f'{{"card": {{"number": "{CANARY}", "exp_month": "{CANARY}"}}}}'
    assert mesh.rest.send("POST", "/v1/tokens", wrong_type.encode()).status == 400
    as_an_operator(mesh)


def as_an_operator(mesh: Mesh) -> None:
    """Put the canary where operators' calls take ids and names; what is refused late is logged by the database."""
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    account = f"leaks_{uuid.uuid4().hex[:8]}"
    body = {"account": account, "connector": "stripe", "base_url": "http://127.0.0.1:1", "api_key": "sk_test_leaks"}
    assert operator.post("/v1/psp_accounts", body, money=False).status == 200
    assert operator.post("/v1/psp_accounts", body | {"account": f"a{CANARY}"}, money=False).status == 400
    for path in (
        f"/v1/psp_accounts/{account}/webhook_secrets/{CANARY}:retire",
        f"/v1/psp_accounts/{CANARY}:disable",
        f"/v1/psp_accounts/{CANARY}/webhook_secrets/{CANARY}:retire",
        f"/v1/psp_webhooks/{CANARY}:replay",
        f"/v1/api_keys/{CANARY}:revoke",
        f"/v1/merchants/{CANARY}/api_keys",
    ):
        assert operator.post(path, {"scope": "SECRET"} if path.endswith("api_keys") else {}, money=False).status == 404
    for path in (f"/v1/psp_webhooks/{CANARY}", f"/v1/merchants/{CANARY}", f"/v1/psp_accounts/{CANARY}"):
        assert operator.get(path).status == 404


# Stands before the tests that plant numbers: what is deleted stays on the disk for a while.
def test_no_card_number_or_code_is_anywhere_but_in_the_vault(mesh: Mesh, tmp_path: Path) -> None:
    play(mesh)
    canaries = tmp_path / "canaries"
    canaries.write_text(
        "\n".join([CANARY, AMEX, WRONG, PROVING, PROOF, f"code: {CANARY_CODE}", f"code: {CANARY_CODE[:3]}"])
    )

    outcome = command(mesh, "--json", "--canaries", canaries, "--seconds", str(SECONDS_PER_STORE))

    told = json.loads(outcome.stdout)
    assert told["findings"] == [], json.dumps(told["findings"][:5])
    assert outcome.exit_code == 0, [(store["name"], store["reasons"]) for store in told["stores"]]
    searched = {store["name"]: store for store in told["stores"]}
    assert set(searched) == set(STORES)
    # So much is there at least: nothing was found because there was nothing, not because nobody looked.
    least = {"postgres": 250, "postgres-files": 500, "kafka": 20, "temporal": 20, "temporal-files": 10, "home": 50}
    assert {name: store["places"] for name, store in searched.items() if store["places"] < least[name]} == {}
    assert searched["postgres-files"]["bytes_read"] > 20_000_000
    assert not any(number in outcome.output for number in (CANARY, AMEX, WRONG, PROOF))


def test_what_is_planted_in_a_table_is_found_there_and_on_the_disk(mesh: Mesh) -> None:
    number = new_number()
    with psycopg.connect(mesh.stack.configuration.administrator_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.planted (note text)")
        try:
            connection.execute("INSERT INTO public.planted VALUES (%s)", (f"card {number[:4]} {number[4:]}",))
            assert set(places(mesh, number, "postgres")) == {
                "payera.public.planted (text)",
                "payera.public.planted (binary)",
            }
        finally:
            connection.execute("DROP TABLE public.planted")

    assert places(mesh, number, "postgres") == []
    # A dropped table's rows are in the write-ahead log still.
    assert any(place.startswith("pg_wal/") for place in places(mesh, number, "postgres-files"))


def test_what_is_planted_in_a_topic_is_found_there(mesh: Mesh) -> None:
    number, topic = new_number(), f"planted.{new_name()}"
    settings: dict[str, Any] = {"bootstrap.servers": mesh.stack.configuration.address(PortName.KAFKA)}
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(15)
    try:
        writer = Producer(settings)
        writer.produce(topic, value=json.dumps({"card": number}), headers=[("x-card", number.encode())])
        writer.flush(15)
        assert places(mesh, number, "kafka") == [f"topic {topic}/0 record 0 value", f"topic {topic}/0 record 0 header"]
    finally:
        admin.delete_topics([topic])[topic].result(15)

    assert until(lambda: places(mesh, number, "kafka"), lambda found: found == [], 30) == []


def test_what_is_planted_in_a_workflow_is_found_there_though_it_is_encrypted(mesh: Mesh) -> None:
    memo, argument, workflow_id = new_number(), new_number(), f"planted-{new_name()}"

    async def start() -> None:
        client = await client_of(mesh)
        await client.start_workflow(
            "PlantedWorkflow", {"card": argument}, id=workflow_id, task_queue="nobody", memo={"card": memo}
        )

    async def delete() -> None:
        client = await client_of(mesh)
        await client.get_workflow_handle(workflow_id).terminate()
        request = DeleteWorkflowExecutionRequest(
            namespace=TEMPORAL_NAMESPACE, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
        await client.workflow_service.delete_workflow_execution(request)

    asyncio.run(start())
    try:
        for number in (memo, argument):
            found = until(partial(places, mesh, number, "temporal"), bool, 30)
            assert all(place.startswith(f"workflow {workflow_id} ") for place in found)
            assert all(place.endswith("(decrypted)") for place in found)
        # What the server keeps is encrypted.
        assert scanned(mesh, [memo, argument], ["temporal-files"]).findings == []
    finally:
        asyncio.run(delete())

    assert until(lambda: places(mesh, argument, "temporal"), lambda left: left == [], 60) == []
    assert places(mesh, memo, "temporal") == []


def test_what_is_planted_in_a_log_is_found_there_and_told_by_the_exit_code(mesh: Mesh) -> None:
    number, code = new_number(), "7391"
    folder = mesh.stack.configuration.logs_directory / "planted"
    folder.mkdir()
    line = f'{{"event": "charged", "card": "{number}", "cvc": "{code}"}}\n'
    (folder / "planted.log").write_text(line)
    try:
        assert places(mesh, number, "home") == ["logs/planted/planted.log"]
        outcome = command(mesh, folder)
        assert outcome.exit_code == 1
        assert [told for told in outcome.stdout.splitlines() if "planted.log" in told] == [
            f"planted.log: raw: {number[:6]}***{number[-4:]} at offset {line.index(number)}",
            f"planted.log: beside cvc: *** at offset {line.rindex(code)} (code)",
        ]
        assert number not in outcome.output
        (folder / "planted.log").write_text("masked\n")
        assert command(mesh, folder).exit_code == 0
    finally:
        shutil.rmtree(folder)

    assert places(mesh, number, "home") == []


def test_a_store_that_is_away_is_not_called_clean(mesh: Mesh) -> None:
    outcome = command(mesh, "--store", "kafka", "--seconds", "0.1")

    assert outcome.exit_code == 2
    assert "NOT ALL SEARCHED: kafka" in outcome.stdout


async def client_of(mesh: Mesh) -> Client:
    configuration = mesh.stack.configuration
    converter = encrypting_converter(load_keyring(configuration.codec_keyring))
    address = configuration.address(PortName.TEMPORAL)
    return await Client.connect(address, namespace=TEMPORAL_NAMESPACE, data_converter=converter)
