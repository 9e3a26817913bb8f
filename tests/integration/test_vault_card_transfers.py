"""Cards from one vault to another: two databases, two keyrings, real gRPC, and the command of an operator."""

import hashlib
import json
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from jwcrypto import jwk
from payera.vault.v1 import key_service_pb2 as contract
from payera.vault.v1 import key_service_pb2_grpc as stubs

from devstack.cards.card_file import check_file
from mesh.channels import refusal_of
from mesh.identifiers import new_id
from mesh.reasons import Reason
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.vault_desk import OPERATOR_KEYS, VaultDesk, running_desk
from tests.unit.devstack.card_vault import rewritten
from tests.unit.vault_svc.test_vault_card_transfers import numbers
from tests.unit.vault_svc.transfers import Recipient, Sender
from vault_svc.domain.token import MerchantId

pytestmark = pytest.mark.integration

NUMBER = "4242424242424242"
EXPIRY = {"exp_month": 12, "exp_year": 2040}


@dataclass(frozen=True, slots=True)
class Place:
    """A database of its own with the keyring that its keys are under."""

    server: PostgresServer
    keyring: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Place]]:
    folder = tmp_path_factory.mktemp("keyrings")
    with running_postgres() as first, running_postgres() as second:
        for server in (first, second):
            server.migrate()
        yield Place(first, folder / "first.json"), Place(second, folder / "second.json")


@pytest.fixture
async def old(places: tuple[Place, Place], tmp_path: Path) -> AsyncIterator[VaultDesk]:
    async with running_desk(tmp_path / "old", places[0].server.role_urls["vault_svc"], places[0].keyring) as desk:
        yield desk


@pytest.fixture
async def new(places: tuple[Place, Place], tmp_path: Path) -> AsyncIterator[VaultDesk]:
    async with running_desk(tmp_path / "new", places[1].server.role_urls["vault_svc"], places[1].keyring) as desk:
        yield desk


def results_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.with_name(f"{path.name}.results").read_text().splitlines()[1:]]


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def everything_in(server: PostgresServer) -> str:
    """Give every row of the vault's tables as text."""
    with psycopg.connect(server.admin_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'vault'").fetchall()
        return "".join(
            str(connection.execute(f"SELECT row_to_json(t)::text FROM vault.{name} AS t".encode()).fetchall())
            for (name,) in tables
        )


async def refused(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refusal = refusal_of(caught.value)
    assert refusal is not None, caught.value
    return refusal.reason


async def test_cards_go_from_one_vault_to_another(
    old: VaultDesk, new: VaultDesk, places: tuple[Place, Place], tmp_path: Path
) -> None:
    merchant_id = new_id("mer")
    kept = {}
    for place, number in enumerate(numbers(230)):
        token = await old.keep(merchant_id, number, f"cus_{place}")
        kept[token.token_id] = number
    importing = await new.approved("import_cards", merchant_id)
    public_key = written(tmp_path / "key.json", await new.good("cards", "import-key", "--operation", importing))
    exporting = await old.approved("export_cards", merchant_id, "--public-key", public_key)
    path = tmp_path / "cards"
    told = await old.good("cards", "export", str(path), "--operation", exporting, "--page-size", "100")
    assert f"230 cards exported to {path}, encrypted" in told
    assert check_file(path).sha256 in told
    told = await new.good("cards", "import", str(path), "--operation", importing)
    assert "230 cards imported; " in told

    results = results_of(path)
    assert {result["source_id"] for result in results} == set(kept)
    for result in results[::23]:
        details = await new.details(merchant_id, result["token_id"])
        assert details.number.reveal() == kept[result["source_id"]]
        assert details.holder_name.reveal() == "Ada Lovelace"
    for desk, operation in ((old, exporting), (new, importing)):
        [listed] = [
            each for each in json.loads(await desk.good("operations", "list", "--json")) if each["id"] == operation
        ]
        assert (listed["state"], len(listed["approvers"])) == ("finished", 2)
    shown = "".join(
        [path.read_text(), path.with_name("cards.results").read_text(), *old.shown, *new.shown,
         str(old.log.lines), str(new.log.lines), everything_in(places[0].server), everything_in(places[1].server)]
    )  # fmt: skip
    assert not any(secret in shown for secret in (*numbers(230), "Lovelace", '"d":', "PRIVATE"))


async def test_what_was_imported_can_be_exported_for_another_implementation(
    new: VaultDesk, places: tuple[Place, Place], tmp_path: Path
) -> None:
    merchant_id = new_id("mer")
    importing = await new.approved("import_cards", merchant_id)
    sender = Sender(await new.good("cards", "import-key", "--operation", importing))
    lines = [
        sender.seal(id=f"a-{place}", number=number, customer_id=f"cus_{place}", **EXPIRY).encode() + b"\n"
        for place, number in enumerate(numbers(5))
    ]
    path = rewritten(tmp_path / "cards", lines)
    await new.good("cards", "import", str(path), "--operation", importing)
    for parameters in ({"kty": "RSA", "size": 3072}, {"kty": "OKP", "crv": "X25519"}):
        recipient = Recipient(**parameters)
        public_key = written(tmp_path / "key.json", recipient.public_key)
        digest = (await new.good("cards", "thumbprint", public_key)).strip()
        exporting = await new.approved("export_cards", merchant_id, "--public-key", public_key)
        assert digest in await new.good("operations", "list")
        back = tmp_path / f"back-{parameters['kty']}"
        await new.good("cards", "export", str(back), "--operation", exporting)
        cards = [recipient.open(line) for line in back.read_text().splitlines()[1:-1]]
        assert [(card["number"], card["customer_id"]) for card in cards] == [
            (number, f"cus_{place}") for place, number in enumerate(numbers(5))
        ]
        assert {card["id"] for card in cards} == {result["token_id"] for result in results_of(path)}
    assert NUMBER not in everything_in(places[1].server)


async def test_refused_lines_are_told_and_corrected_ones_follow(new: VaultDesk, tmp_path: Path) -> None:
    merchant_id = new_id("mer")
    importing = await new.approved("import_cards", merchant_id)
    sender = Sender(await new.good("cards", "import-key", "--operation", importing))
    stranger = jwk.JWK.generate(kty="EC", crv="P-256").export_public()
    good = sender.seal(id="1", number=NUMBER, **EXPIRY)
    lines = [
        good,
        sender.seal(id="2", number=NUMBER[:-1] + "1", **EXPIRY),
        Sender(stranger).seal(id="3", number=NUMBER, **EXPIRY),
        good[:-4] + "AAAA",
        "x" * 20_000,
        sender.seal(id="6", number=NUMBER, exp_month=1, exp_year=2020),
    ]
    path = rewritten(tmp_path / "cards", [line.encode() + b"\n" for line in lines])
    result = await new.payera("cards", "import", str(path), "--operation", importing)
    assert result.exit_code == 1
    assert "2 cards imported, 1 of them with a remark; " in result.output
    assert "4 lines refused: " in result.output
    assert [bool(each["token_id"]) for each in results_of(path)] == [True, False, False, False, False, True]
    assert NUMBER[:8] not in result.output + path.with_name("cards.results").read_text()

    corrected = rewritten(
        tmp_path / "corrected",
        [sender.seal(id=name, number=NUMBER, **EXPIRY).encode() + b"\n" for name in ("1", "2", "3", "4", "5")],
    )
    told = await new.good("cards", "import", str(corrected), "--operation", importing)
    assert "5 cards imported; " in told
    assert results_of(corrected)[0]["token_id"] == results_of(path)[0]["token_id"]
    assert (await new.payera("cards", "import", str(path), "--operation", importing)).exit_code == 1
    assert "finished" in await new.good("cards", "finish-import", "--operation", importing)


async def test_nobody_does_it_alone(old: VaultDesk, tmp_path: Path) -> None:
    merchant_id = new_id("mer")
    await old.keep(merchant_id, NUMBER)
    public_key = written(tmp_path / "key.json", Recipient().public_key)
    asked = await old.good(
        "operations", "request", "export_cards", "--merchant", merchant_id, "--public-key", public_key
    )
    operation_id = asked.split()[0]
    path = tmp_path / "cards"
    # Nobody said yes.
    assert (await old.payera("operations", "approve", operation_id)).exit_code == 1
    for _ in range(2):
        assert "approved by key_0\n" in await old.good("operations", "approve", operation_id, "--yes")
        result = await old.payera("cards", "export", str(path), "--operation", operation_id)
        assert result.exit_code == 1
        assert "two approvals" in result.output
        assert not path.exists()
    await old.good("operations", "approve", operation_id, "--yes", key=OPERATOR_KEYS[1])
    await old.good("cards", "export", str(path), "--operation", operation_id, key=OPERATOR_KEYS[2])
    result = await old.payera("cards", "export", str(tmp_path / "again"), "--operation", operation_id)
    assert result.exit_code == 1
    assert "finished" in result.output
    result = await old.payera("operations", "approve", operation_id, "--yes", key=OPERATOR_KEYS[1])
    assert "begun already" in result.output


async def test_an_export_that_one_began_is_not_gone_on_with_by_another(old: VaultDesk, tmp_path: Path) -> None:
    merchant_id = new_id("mer")
    await old.keep(merchant_id, NUMBER)
    public_key = written(tmp_path / "key.json", Recipient().public_key)
    operation_id = await old.approved("export_cards", merchant_id, "--public-key", public_key)
    request = contract.ExportCardsRequest(operation_id=operation_id)
    async with old.channel("operator") as channel:
        transfers = stubs.CardTransferServiceStub(channel)
        page = await transfers.ExportCards(request, timeout=10, metadata=key_of(OPERATOR_KEYS[2]))
        assert len(page.cards) == 1
        for key in OPERATOR_KEYS[:2]:
            assert (await refused(transfers.ExportCards(request, timeout=10, metadata=key_of(key)))) is (
                Reason.OPERATION_NOT_READY
            )
        foreign = contract.ExportCardsRequest(operation_id=operation_id, page_token="AAAA")
        assert (await refused(transfers.ExportCards(foreign, timeout=10, metadata=key_of(OPERATOR_KEYS[2])))) is (
            Reason.INVALID_FIELD
        )


def key_of(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


async def test_only_operators_with_their_own_certificate_move_cards(old: VaultDesk) -> None:
    request = contract.ExportCardsRequest(operation_id=new_id("cop"))
    for caller, key, reason in (
        ("envoy", OPERATOR_KEYS[0], Reason.CALLER_NOT_ALLOWED),
        ("gateway_svc", OPERATOR_KEYS[0], Reason.CALLER_NOT_ALLOWED),
        ("operator", "sk_test_merchant", Reason.API_KEY_SCOPE),
        ("operator", "ok_test_unknown", Reason.API_KEY_INVALID),
        ("operator", OPERATOR_KEYS[0], Reason.OPERATION_NOT_FOUND),
    ):
        async with old.channel(caller) as channel:
            stub = stubs.CardTransferServiceStub(channel)
            assert (await refused(stub.ExportCards(request, timeout=10, metadata=key_of(key)))) is reason
            if caller == "envoy":
                operations = stubs.ControlledOperationServiceStub(channel)
                listing = contract.ListOperationsRequest()
                assert await operations.ListOperations(
                    listing, timeout=10, metadata=(*key_of(key), ("x-payera-body-fields", ""))
                )


@pytest.mark.parametrize(
    "key", ['{"kty":"oct","k":"AAAA"}', jwk.JWK.generate(kty="EC", crv="P-256").export_private(), "none"]
)
async def test_a_wrong_key_is_refused_with_its_rule(old: VaultDesk, tmp_path: Path, key: str) -> None:
    public_key = written(tmp_path / "key.json", key)
    options = ("--merchant", new_id("mer"), "--public-key", public_key)
    result = await old.payera("operations", "request", "export_cards", *options)
    assert result.exit_code == 1
    assert "public_key" in result.output
    assert "next:" in result.output
    result = await old.payera("cards", "thumbprint", public_key)
    assert result.exit_code == 1


async def test_a_key_is_destroyed_by_command_after_two_approvals(places: tuple[Place, Place], old: VaultDesk) -> None:
    merchant_id = new_id("mer")
    await old.keep(merchant_id, NUMBER)
    operation_id = await old.approved("destroy_data_key", merchant_id, "--key-version", "1")
    result = await old.payera("operations", "destroy-key", operation_id, "--yes")
    assert result.exit_code == 1
    assert "rotate it first" in result.output
    await old.parts.keys.replace_data_key(MerchantId(merchant_id), 1)
    result = await old.payera("operations", "destroy-key", operation_id, "--yes")
    assert result.exit_code == 1
    assert "try again in a minute" in result.output
    with psycopg.connect(places[0].server.admin_url) as connection:
        connection.execute(
            "UPDATE vault.data_key SET state_changed_at = now() - interval '1 minute' WHERE merchant_id = %s",
            (merchant_id,),
        )
    assert "1 card can never be read again" in await old.good("operations", "destroy-key", operation_id, "--yes")


async def test_an_operation_is_cancelled_by_command_by_one_who_had_a_part_in_it(old: VaultDesk) -> None:
    operation_id = await old.approved("import_cards", new_id("mer"))
    result = await old.payera("operations", "cancel", operation_id, "--yes", key=OPERATOR_KEYS[2])
    assert result.exit_code == 1
    assert "neither requested nor approved nor begun with this key" in result.output
    await old.good("cards", "import-key", "--operation", operation_id)
    assert "  ends " in await old.good("operations", "list")
    said = await old.good("operations", "cancel", operation_id, "--yes", key=OPERATOR_KEYS[1])
    assert f"{operation_id} is cancelled" in said
    result = await old.payera("cards", "import-key", "--operation", operation_id)
    assert result.exit_code == 1
    assert "it was cancelled" in result.output


async def test_without_a_vault_the_way_to_one_is_shown(tmp_path: Path, old: VaultDesk) -> None:
    await old.server.stop(0)
    result = await old.payera("operations", "approve", new_id("cop"), "--yes")
    assert result.exit_code == 1
    assert "payera status" in result.output
    old.home = tmp_path / "none"
    result = await old.payera("operations", "list")
    assert result.exit_code == 1
    assert "payera up" in result.output


async def test_a_further_operators_key_is_made_for_a_development_stack(
    old: VaultDesk, places: tuple[Place, Place], tmp_path: Path
) -> None:
    server = places[0].server
    ports = json.loads((old.home / "ports.json").read_text())
    ports["ports"]["postgres"] = server.port
    (old.home / "ports.json").write_text(json.dumps(ports))
    (old.home / "secrets.json").write_text(json.dumps({"database/postgres": server.administrator_password}))
    path = tmp_path / "key"
    assert str(path) in await old.good("operations", "new-key", str(path))
    key = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with psycopg.connect(server.admin_url) as connection:
        rows = connection.execute(
            "SELECT scope, merchant_id FROM gateway.api_key WHERE sha256 = %s", (hashlib.sha256(key.encode()).digest(),)
        )
        assert rows.fetchall() == [(3, None)]
    assert key not in "".join(old.shown)
    assert (await old.payera("operations", "new-key", str(path))).exit_code == 1
    result = await old.payera("operations", "list", "--key-file", str(path))
    assert "key" in result.output


async def test_an_operation_and_a_key_that_are_none_are_said_so(old: VaultDesk, tmp_path: Path) -> None:
    result = await old.payera("cards", "export", str(tmp_path / "cards"), "--operation", new_id("cop"))
    assert result.exit_code == 1
    assert "payera operations list" in result.output
    assert not (tmp_path / "cards.part").exists()
    result = await old.payera("operations", "list", key=" ")
    assert result.exit_code == 1
    assert "PAYERA_OPERATOR_KEY is empty" in result.output
    result = await old.payera("operations", "list", "--key-file", written(tmp_path / "empty", ""))
    assert "the file of the key is empty" in result.output
