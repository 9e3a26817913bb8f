"""Cards go from one merchant to another as an encrypted file, by the commands of two operators, and are paid with."""

import json
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devstack import cli
from devstack.cards.card_file import check_file
from devstack.rest import expect_ok
from tests.e2e.support import VISA, Mesh
from tests.e2e.test_stored_cards import new_shop, require_codes
from tests.unit.devstack.card_vault import rewritten
from tests.unit.vault_svc.transfers import Recipient, Sender

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NUMBERS = (VISA, "5555555555554444", "378282246310005")
EXPIRY = {"exp_month": 12, "exp_year": 2040}
HOLDER = "Ada Lovelace"
CUSTOMER = "customer-17"


@dataclass
class Desk:
    """Two operators at their terminals; whatever they were shown is kept in `shown`."""

    mesh: Mesh
    folder: Path
    second: Path
    shown: list[str] = field(default_factory=list)

    def payera(self, *arguments: str | Path) -> Result:
        """Run a command with the key of the stack's operator unless another is named."""
        command = ["--home", str(self.mesh.stack.configuration.home), *map(str, arguments)]
        result = CliRunner().invoke(cli.main, command, env={"PAYERA_OPERATOR_KEY": None, "COLUMNS": "120"})
        self.shown.append(result.output)
        return result

    def good(self, *arguments: str | Path) -> str:
        result = self.payera(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str | Path) -> str:
        """Give what is shown for a command that fails, on one line."""
        result = self.payera(*arguments)
        assert result.exit_code == 1, result.output
        return " ".join(result.output.split())

    def requested(self, kind: str, shop: Mesh, *options: str | Path) -> str:
        return self.good("operations", "request", kind, "--merchant", shop.merchant.merchant_id, *options).split()[0]

    def approved(self, kind: str, shop: Mesh, *options: str | Path) -> str:
        operation_id = self.requested(kind, shop, *options)
        for key in ((), ("--key-file", self.second)):
            self.good("operations", "approve", operation_id, "--yes", *key)
        return operation_id

    def importing(self, shop: Mesh) -> tuple[str, Path]:
        """Begin an import; give its id, and the file with its public key."""
        operation_id = self.approved("import_cards", shop)
        key = self.folder / f"{operation_id}.json"
        key.write_text(self.good("cards", "import-key", "--operation", operation_id))
        return operation_id, key

    def exported(self, shop: Mesh, public_key: Path, name: str = "cards") -> Path:
        path = self.folder / name
        operation_id = self.approved("export_cards", shop, "--public-key", public_key)
        self.good("cards", "export", path, "--operation", operation_id)
        return path

    def state_of(self, operation_id: str) -> str:
        found = json.loads(self.good("operations", "list", "--json", "-n", "100"))
        return str(next(each["state"] for each in found if each["id"] == operation_id))


@pytest.fixture
def desk(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Desk(mesh, folder, folder / "second.key")
    made.good("operations", "new-key", made.second)
    return made


@pytest.fixture
def shop(mesh: Mesh) -> Mesh:
    """Give a merchant who has cards on file, and a card that is good for one payment."""
    made = new_shop(mesh, "Old", "sandbox_a")
    for number in NUMBERS:
        card = {"number": number, "cvc": "1234" if number.startswith("37") else "123", "holder_name": HOLDER, **EXPIRY}
        body = {"card": card, "customer_id": CUSTOMER}
        token = expect_ok(made.rest.post("/v1/tokens", body, money=False), "a token")["id"]
        assert made.pay(1000, token=token, store_card=True)["status"] == "SUCCEEDED"
        made.kept(token)
    made.token()
    return made


def tokens_of(shop: Mesh) -> list[dict[str, Any]]:
    return list(expect_ok(shop.rest.get(f"/v1/tokens?customer_id={CUSTOMER}"), "tokens")["tokens"])


def cards_of(shop: Mesh) -> int:
    query = "SELECT count(*) AS n FROM vault.card WHERE merchant_id = %s"
    return int(shop.rows(query, shop.merchant.merchant_id)[0]["n"])


def results_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.with_name(f"{path.name}.results").read_text().splitlines()[1:]]


def envelopes_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)[1:-1]


def assert_nothing_in_the_clear(desk: Desk, secrets: Sequence[str]) -> None:
    """Neither the terminal nor any file of the desk, the temporary folder or the logs shows anything of a card."""
    home = desk.mesh.stack.configuration.home
    places = (desk.folder, home / "logs", home / "run")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert desk.folder / "cards" in files
    texts = ["".join(desk.shown), *(path.read_text(encoding="latin-1") for path in files)]
    assert not [secret for secret in secrets for text in texts if secret in text]
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_cards_go_to_another_merchant_and_are_paid_with(mesh: Mesh, desk: Desk, shop: Mesh) -> None:
    # The strictest there is: no first payment without the card's code, and a card that comes in a file has none.
    new = new_shop(mesh, "New", "sandbox_a")
    require_codes(new)
    importing, public_key = desk.importing(new)
    digest = desk.good("cards", "thumbprint", public_key).strip()
    exporting = desk.approved("export_cards", shop, "--public-key", public_key)
    assert f"key digest   {digest}" in desk.shown[-1]
    path = desk.folder / "cards"
    told = desk.good("cards", "export", path, "--operation", exporting)
    file = check_file(path)
    assert (file.cards, file.header["public_key_digest"]) == (len(NUMBERS), digest)
    assert f"3 cards exported to {path}, encrypted" in told
    assert file.sha256 in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {path.name for path in desk.folder.glob("cards*")} == {"cards"}

    sender = Sender(public_key.read_text())
    broken = sender.seal(id="broken", number=VISA[:-1] + "1", customer_id=CUSTOMER, **EXPIRY)
    sent = rewritten(desk.folder / "sent", [*envelopes_of(path), broken.encode() + b"\n"], public_key_digest=digest)
    told = desk.refused("cards", "import", sent, "--operation", importing)
    assert "3 cards imported; " in told
    assert "1 line refused: " in told
    *taken, refused = results_of(sent)
    assert [result["error"] for result in taken] == [""] * len(NUMBERS)
    assert (refused["line"], refused["source_id"], refused["token_id"]) == (5, "broken", "")
    assert "number: the check digit is wrong" in refused["error"]
    assert desk.state_of(importing) == "begun"

    corrected = sender.seal(id="broken", number=VISA, customer_id=CUSTOMER, **EXPIRY).encode() + b"\n"
    second = rewritten(desk.folder / "corrected", [corrected], public_key_digest=digest)
    assert "1 card imported; " in desk.good("cards", "import", second, "--operation", importing)
    assert desk.state_of(importing) == "finished"

    assert {result["source_id"] for result in taken} == {token["id"] for token in tokens_of(shop)}
    tokens = tokens_of(new)
    assert {token["id"] for token in tokens} == {result["token_id"] for result in [*taken, *results_of(second)]}
    assert sorted(token["card"]["last4"] for token in tokens) == sorted([*(number[-4:] for number in NUMBERS), "4242"])
    for token in tokens:
        payment = new.pay(700, token=token["id"])
        assert (payment["status"], payment.get("decline")) == ("SUCCEEDED", None)
    assert len(new.truth(payment["id"])) == 1
    assert_nothing_in_the_clear(desk, [*NUMBERS, HOLDER, '"d":'])


def test_nobody_moves_cards_alone_and_an_operation_is_finished_once(desk: Desk, shop: Mesh) -> None:
    public_key = desk.folder / "key.json"
    public_key.write_text(Recipient().public_key)
    operation_id = desk.requested("export_cards", shop, "--public-key", public_key)
    path = desk.folder / "cards"
    export = ("cards", "export", path, "--operation", operation_id)
    assert "it does not have two approvals yet" in desk.refused(*export)
    # The same key twice is one approval, and says so.
    desk.good("operations", "approve", operation_id, "--yes")
    told = desk.good("operations", "approve", operation_id, "--yes")
    assert "one more approval" in told
    assert "it does not have two approvals yet" in desk.refused(*export)
    assert desk.state_of(operation_id) == "requested"
    assert not list(desk.folder.glob("cards*"))

    told = desk.good("operations", "approve", operation_id, "--yes", "--key-file", desk.second)
    assert f"payera cards export FILE --operation {operation_id}" in told
    desk.good(*export)
    assert desk.state_of(operation_id) == "finished"
    again = desk.folder / "again"
    assert "it is finished" in desk.refused("cards", "export", again, "--operation", operation_id)
    for key in ((), ("--key-file", desk.second)):
        assert "begun already" in desk.refused("operations", "approve", operation_id, "--yes", *key)
    assert not list(desk.folder.glob("again*"))


def test_a_file_that_is_for_another_key_or_cut_is_refused_and_leaves_nothing(desk: Desk, shop: Mesh) -> None:
    importing, _ = desk.importing(shop)
    stranger = desk.folder / "stranger.json"
    stranger.write_text(Recipient().public_key)
    path = desk.exported(shop, stranger)
    before = cards_of(shop)
    load = ("--operation", importing)
    told = desk.refused("cards", "import", path, *load)
    assert "encrypted for another key" in told
    assert desk.good("cards", "thumbprint", stranger).strip() in told
    assert f"payera cards import-key --operation {importing}" in told

    lines = path.read_bytes().splitlines(keepends=True)
    for cut, rule in (
        (lines[:-1], "it has no trailer, so it was cut off"),
        ([*lines[:-2], lines[-1]], "it has not as many cards as its trailer counts"),
        ([lines[0], lines[2], lines[1], *lines[3:]], "it was changed"),
        ([*lines[:-1], lines[-1][:20]], "its last line is no whole trailer"),
        ([*lines[:2], lines[2][:40]], "it has no trailer, so it was cut off"),
    ):
        path.write_bytes(b"".join(cut))
        told = desk.refused("cards", "import", path, *load)
        assert rule in told
        assert "get the whole file again" in told
    assert cards_of(shop) == before
    assert {path.name for path in desk.folder.glob("cards*")} == {"cards"}
    assert desk.state_of(importing) == "begun"


def test_a_private_key_is_no_recipients_key(desk: Desk, mesh: Mesh) -> None:
    private = desk.folder / "private.json"
    private.write_text(Recipient().key.export_private())
    merchant = mesh.merchant.merchant_id
    told = desk.refused("operations", "request", "export_cards", "--merchant", merchant, "--public-key", private)
    assert "it is a private key: send the public one, and make a new pair" in told
    assert merchant not in desk.good("operations", "list")
