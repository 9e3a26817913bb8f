"""PSP accounts and webhooks through Envoy and the command line, on the whole stack."""

import json
import uuid
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from devstack import cli
from devstack.names import ComponentName
from devstack.rest import Rest
from tests.e2e.support import Mesh
from tests.support.psp_inbox import SETTINGS, WEBHOOK_SECRET, body_of, new_reference, refund_item

pytestmark = pytest.mark.e2e

API_KEY = "planted_e2e_key_4715"


@pytest.fixture(scope="module")
def operator(mesh: Mesh) -> Rest:
    return Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)


@pytest.fixture(scope="module")
def account(mesh: Mesh) -> str:
    name = f"adyen_{uuid.uuid4().hex[:8]}"
    settings = [part for item in SETTINGS.items() for part in ("--setting", "=".join(item))]
    options = ("--connector", "adyen", "--base-url", "http://127.0.0.1:1", "--credentials", "-", *settings)
    added = call(mesh, "add", name, *options, given=json.dumps({"api_key": API_KEY}))
    assert added.exit_code == 0, added.output
    secret = call(mesh, "webhook-secret", name, "--file", "-", given=WEBHOOK_SECRET)
    assert secret.exit_code == 0, secret.output
    return name


def call(mesh: Mesh, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, ["--home", str(mesh.stack.configuration.home), "psp", *arguments], input=given)


def post(mesh: Mesh, account: str, body: bytes) -> tuple[int, bytes]:
    """Send a webhook as a PSP would: no API key, and a content type of its own."""
    connection = HTTPConnection(urlsplit(mesh.stack.configuration.rest_url).netloc, timeout=10)
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Adyen HttpClient 1.0"}
    try:
        connection.request("POST", f"/v1/psp-webhooks/{account}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_account_is_listed_beside_those_of_the_stack(mesh: Mesh, account: str) -> None:
    listed = call(mesh, "list")
    assert listed.exit_code == 0, listed.output
    rows = {line.split()[0]: line.split()[1] for line in listed.output.splitlines()}
    assert (rows[account], rows["sandbox_a"]) == ("adyen", "sandbox")


def test_a_check_of_a_psp_that_is_away_ends_with_the_next_step(mesh: Mesh, account: str) -> None:
    checked = call(mesh, "check", account)
    assert checked.exit_code == 1
    assert "tried  POST http://127.0.0.1:1/paymentMethods" in checked.output
    assert "next:" in checked.output


def test_a_webhook_comes_in_and_is_seen_by_operators(mesh: Mesh, account: str, operator: Rest) -> None:
    reference = new_reference()
    body = body_of(refund_item(reference))
    assert post(mesh, account, body) == (200, b"[accepted]")
    found = operator.get(f"/v1/psp_webhooks?account={account}").body["psp_webhooks"]
    [webhook] = [each for each in found if any(reference in event["event_id"] for event in each["events"])]
    whole = operator.get(f"/v1/psp_webhooks/{webhook['id']}").body
    assert whole["body_text"].encode() == body
    assert reference in json.dumps(whole["events"])
    listed = call(mesh, "webhooks", "--account", account)
    assert webhook["id"] in listed.output
    replayed = call(mesh, "replay", webhook["id"])
    assert replayed.exit_code == 0, replayed.output


def test_a_forged_webhook_is_refused_in_the_shape_of_every_error(mesh: Mesh, account: str, operator: Rest) -> None:
    before = ids_of(operator, account)
    for body in (body_of(refund_item(new_reference(), secret="AA" * 32)), b"", b"\x00\xff", b"x" * 1024 * 1024):
        status, answer = post(mesh, account, body)
        assert (status, reason_of(answer)) == (401, "WEBHOOK_REFUSED")
    assert reason_of(post(mesh, "nobody", b"{}")[1]) == "PSP_ACCOUNT_NOT_FOUND"
    assert ids_of(operator, account) == before


def test_merchants_see_nothing_of_accounts_and_webhooks(mesh: Mesh, account: str) -> None:
    for path in ("/v1/psp_accounts", f"/v1/psp_accounts/{account}", "/v1/psp_webhooks"):
        answer = mesh.rest.get(path)
        assert (answer.status, answer.reason) == (403, "API_KEY_SCOPE")


def test_wrong_accounts_are_refused_with_every_field(operator: Rest) -> None:
    body = {"account": "wrong", "connector": "adyen", "api_key": API_KEY, "settings": {"nonsense": "x"}}
    answer = operator.post("/v1/psp_accounts", body, money=False)
    assert (answer.status, answer.reason) == (400, "INVALID_FIELD")
    fields = {each["field"] for each in answer.body["details"][1]["field_violations"]}
    assert fields == {"base_url", "settings.nonsense", "settings.merchant_account", "settings.return_url"}
    assert API_KEY not in json.dumps(answer.body)


def test_disabling_takes_effect_and_is_shown(mesh: Mesh, account: str, operator: Rest) -> None:
    assert call(mesh, "disable", account).exit_code == 0
    assert "disable_time" in operator.get(f"/v1/psp_accounts/{account}").body
    assert post(mesh, account, body_of(refund_item(new_reference())))[0] == 200, "webhooks of what was paid still count"
    assert call(mesh, "enable", account).exit_code == 0
    assert "disable_time" not in operator.get(f"/v1/psp_accounts/{account}").body


def test_planted_credentials_are_in_no_log_and_no_table(mesh: Mesh, account: str) -> None:
    logs = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in mesh.stack.configuration.logs_directory.glob("*.log")
    )
    assert account in logs
    tables = mesh.rows("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'connectors'")
    content: list[Any] = [
        mesh.rows(f"SELECT row_to_json(t)::text AS row FROM {row['schemaname']}.{row['tablename']} AS t")
        for row in tables
    ]
    assert account in str(content)
    for planted in (API_KEY, WEBHOOK_SECRET):
        assert planted not in logs
        assert planted not in str(content)
        assert planted.encode().hex() not in str(content)
    assert mesh.stack.ready(ComponentName.CONNECTORS)


def reason_of(answer: bytes) -> str:
    return str(json.loads(answer)["details"][0]["reason"])


def ids_of(operator: Rest, account: str) -> list[str]:
    return [each["id"] for each in operator.get(f"/v1/psp_webhooks?account={account}").body["psp_webhooks"]]
